"""LibriMix as it is defined, written down literally and anew: what ours must equal to the sample."""

import random

import numpy as np
import pandas as pd
import pyloudnorm
import soundfile
from scipy.signal import resample_poly

TYPES = ["mix_clean", "mix_both", "mix_single"]

# --- The draws, with Python's own `random` and lists ---


def utterance_pass(speakers, pairs, count):
    failures, index = 0, list(range(len(speakers)))
    while len(index) >= count and failures < 200:
        couple = random.sample(index, count)
        if len({speakers[row] for row in couple}) != count:
            failures += 1
        else:
            for row in couple:
                index.remove(row)
            pairs.append(couple)
            failures = 0
    return pairs


def noise_pass(pairs, chosen, lengths, noises, train):
    left = {row: length for row, (length, augmented) in enumerate(noises) if not augmented}
    if len(pairs) > len(left):
        left = {row: length for row, (length, _) in enumerate(noises)}
    for pair in pairs.copy():
        longest = max(lengths[row] for row in pair)
        possible = [row for row, length in left.items() if length >= longest]
        if possible:
            one = random.sample(possible, 1)
            chosen.append(one)
            del left[one[0]]
        elif train:
            last = list(left)[-1]
            chosen.append(last)
            del left[last]
        else:
            pairs.remove(pair)
    return chosen


def without_duplicates(pairs, noises):
    for i, (pair, _) in enumerate(zip(pairs, noises, strict=False)):
        for j, (other, noise) in enumerate(zip(pairs, noises, strict=False)):
            if sorted(pair) == sorted(other) and i != j:
                pairs.remove(other)
                noises.remove(noise)
    return pairs, noises


def defined(speakers, lengths, noises, count, train, target, passes=10**6):
    """(pairs, noises), or None where it is not done after so many passes."""
    pairs, chosen = [], []
    if train:
        pairs = utterance_pass(speakers, pairs, count)
        return pairs, noise_pass(pairs, chosen, lengths, noises, train)
    while len(pairs) < target:
        if passes == 0:
            return None
        passes -= 1
        pairs = utterance_pass(speakers, pairs, count)
        chosen = noise_pass(pairs, chosen, lengths, noises, train)
        pairs, chosen = without_duplicates(pairs, chosen)
    return pairs[:target], chosen[:target]


def as_rows(pairs, noises):
    flat = [one[0] if isinstance(one, list) else one for one in noises]
    return [(tuple(pair), noise) for pair, noise in zip(pairs, flat, strict=False)]


# --- The tables of a subset ---


def listed(here, subset):
    """(speakers, lengths, paths) of a subset of LibriSpeech, by length and path."""
    root = here / "LibriSpeech"
    found = []
    for path in root.glob(f"{subset}/*/*/*.flac"):
        name = path.relative_to(root).as_posix()
        found.append((soundfile.info(path).frames, name, int(path.name.split("-")[0])))
    found = sorted(x for x in found if x[0] >= 48000)
    return [x[2] for x in found], [x[0] for x in found], [x[1] for x in found]


def listed_noises(here, split):
    found = []
    for path in (here / "wham_noise" / split).glob("*.wav"):
        augmented = "sp08" in path.name or "sp12" in path.name
        found.append((soundfile.info(path).frames, f"{split}/{path.name}", augmented))
    return sorted(x for x in found if x[0] >= 48000)


def measured(here, paths, noise, length):
    """The gains of a mixture, with draws from `random`."""
    signals = []
    for path in paths:
        samples, _ = soundfile.read(here / "LibriSpeech" / path, dtype="float32")
        signals.append(np.pad(samples, (0, length - len(samples)), mode="constant"))
    name = here / "wham_noise" / noise
    samples, _ = soundfile.read(name, dtype="float32")
    samples = samples[:, 0] if samples.ndim > 1 else samples
    short = length > len(samples)
    signals.append(np.pad(samples, (0, length - len(samples))) if short else samples[:length])
    meter, before, scaled = pyloudnorm.Meter(16000), [], []
    for k, samples in enumerate(signals):
        before.append(meter.integrated_loudness(samples))
        target = random.uniform(-33, -25)
        if k == len(signals) - 1:
            target = random.uniform(-38, -30)
        one = pyloudnorm.normalize.loudness(samples, before[-1], target)
        if np.max(np.abs(one)) >= 1:
            one = samples * 0.9 / np.max(np.abs(samples))
        scaled.append(one)
    mixture = np.zeros_like(scaled[0])
    for one in scaled:
        mixture += one
    peak = np.max(np.abs(mixture))
    weight = 0.9 / peak if peak > 0.9 else 1
    after = [meter.integrated_loudness(one * weight) for one in scaled]
    return [np.power(10.0, (b - a) / 20.0) for a, b in zip(before, after, strict=True)], weight


def official(here, subset, split, count, train, target):
    """The two tables of a subset, as text; `random` goes on from where it is."""
    speakers, lengths, paths = listed(here, subset)
    noises = listed_noises(here, split)
    drawn = defined(speakers, lengths, [(x[0], x[2]) for x in noises], count, train, target)
    numbers = range(1, count + 1)
    columns = [f"source_{k}_{x}" for k in numbers for x in ("path", "gain")]
    mixtures = pd.DataFrame(columns=["mixture_ID", *columns, "noise_path", "noise_gain"])
    info = pd.DataFrame(columns=["mixture_ID", *(f"speaker_{k}_{x}" for k in numbers for x in ("ID", "sex"))])
    weights = []
    for pair, noise in as_rows(*drawn):
        chosen = [paths[row] for row in pair]
        gains, weight = measured(here, chosen, noises[noise][1], max(lengths[row] for row in pair))
        weights.append(weight)
        name = "_".join(path.split("/")[-1].strip(".flac") for path in chosen)
        cells = [x for path, gain in zip(chosen, gains, strict=False) for x in (path, gain)]
        mixtures.loc[len(mixtures)] = [name, *cells, noises[noise][1], gains[-1]]
        who = [(speakers[row], "M" if speakers[row] == 60 else "FM"[speakers[row] % 2]) for row in pair]
        info.loc[len(info)] = [name, *(x for each in who for x in each)]
    assert train or min(weights) < 1, "some mixture should clip, or clipping is not tested"
    rows = len(mixtures) // 100 * 100
    return mixtures[:rows].to_csv(index=False), info[:rows].to_csv(index=False)


# --- The files ---


def extended(noise, length):
    window = np.hanning(16001)
    rising, falling = window[:8001], window[8000:]
    result = noise
    while len(result) < length:
        middle = result[len(result) - 8001 :] * falling + noise[:8001] * rising
        result = np.concatenate((result[: len(result) - 8001], middle, noise[8001:]))
    return result[:length]


def signals_of(here, row, speakers, rate, mode):
    sources, gains = [], []
    for k in range(1, speakers + 1):
        sources.append(soundfile.read(here / "LibriSpeech" / row[f"source_{k}_path"], dtype="float32")[0])
        gains.append(row[f"source_{k}_gain"])
    longest = max(len(source) for source in sources)
    noise, _ = soundfile.read(here / "wham_noise" / row["noise_path"], dtype="float32", stop=longest)
    noise = noise[:, 0] if noise.ndim > 1 else noise
    sources.append(extended(noise, longest) if len(noise) < longest else noise)
    gains.append(row["noise_gain"])
    scaled = [resample_poly(x * gain, rate, 16000) for x, gain in zip(sources, gains, strict=True)]
    if mode == "min":
        shortest = min(len(x) for x in scaled)
        return [x[:shortest] for x in scaled]
    return [np.pad(x, (0, max(len(x) for x in scaled) - len(x)), mode="constant") for x in scaled]


def level(x, y):
    return 10 * np.log10(np.mean(x**2) / (np.mean(y**2) + 1e-10) + 1e-10)


def expected(here, frame, speakers, out, scratch):
    """{path: content} of the whole tree with all rates, modes and types."""
    found = {}

    def wav(samples, rate):
        soundfile.write(scratch, samples, rate)
        return scratch.read_bytes()

    for rate in (8000, 16000):
        for mode in ("min", "max"):
            place = f"Libri{speakers}Mix/wav{rate // 1000}k/{mode}"
            metrics = dict.fromkeys(TYPES)
            listed = dict.fromkeys(TYPES)
            for row in frame.to_dict("records"):
                name = f"{row['mixture_ID']}.wav"
                signals = signals_of(here, row, speakers, rate, mode)
                names = [f"s{k}" for k in range(1, speakers + 1)] + ["noise"]
                for directory, samples in zip(names, signals, strict=True):
                    found[f"{place}/dev/{directory}/{name}"] = wav(samples, rate)
                for kind in TYPES:
                    chosen = {
                        "mix_clean": range(speakers),
                        "mix_both": range(speakers + 1),
                        "mix_single": [0, speakers],
                    }[kind]
                    total = np.zeros_like(signals[chosen[0]])
                    for k in chosen:
                        total += signals[k]
                    found[f"{place}/dev/{kind}/{name}"] = wav(total, rate)
                    columns = ["noise" if k == speakers else f"source_{k + 1}" for k in chosen]
                    if metrics[kind] is None:
                        metrics[kind] = empty("mixture_ID", *(f"{x}_SNR" for x in columns))
                        paths = (f"{x}_path" for x in columns)
                        listed[kind] = empty("mixture_ID", "mixture_path", *paths, "length")
                    levels = [level(signals[k], total - signals[k]) for k in chosen]
                    metrics[kind].loc[len(metrics[kind])] = [row["mixture_ID"], *levels]
                    places = [
                        str(out / place / "dev" / x / name) for x in (kind, *(names[k] for k in chosen))
                    ]
                    listed[kind].loc[len(listed[kind])] = [row["mixture_ID"], *places, len(total)]
            for kind in TYPES:
                for label, frames in (("metrics", metrics), ("mixture", listed)):
                    text = frames[kind].to_csv(index=False)
                    found[f"{place}/metadata/{label}_dev_{kind}.csv"] = text.encode()
    return found


def empty(*columns):
    frame = pd.DataFrame()
    for column in columns:
        frame[column] = {}
    return frame
