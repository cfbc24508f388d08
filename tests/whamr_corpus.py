"""A small WSJ0, WHAM! noise and WHAMR! metadata of noise bursts, for tests."""

import csv
import itertools
from pathlib import Path

import numpy as np
import soundfile

UTTERANCES = ("01to030v", "20ga010m", "40ec020o", "20oo010g")
COUNT = {"tr": 40, "cv": 5}


def lie(rng, low, high, count=1):
    return [float(x) for x in rng.uniform(low, high, count)]


def write_table(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


def place(rng, k):
    """The row of reverb_params; the second room is large for its T60: Sabine absorbs more than all."""
    x, y, z = (9.5, 9.0, 3.9) if k == 1 else (*lie(rng, 5, 10, 2), *lie(rng, 3, 4))
    row = {"room_x": x, "room_y": y, "room_z": z, "T60": 0.1 if k == 1 else lie(rng, 0.1, 0.2)[0]}
    row |= {"micL_x": x / 2, "micL_y": y / 2, "micR_x": x / 2 + 0.15, "micR_y": y / 2 + 0.05, "mic_z": 1.2}
    for s, (dx, dy) in enumerate([(1.1, 0.3), (-0.4, 1.4)], 1):
        row |= {f"s{s}_x": x / 2 + dx, f"s{s}_y": y / 2 + dy, f"s{s}_z": lie(rng, 1, 1.8)[0]}
    return row


def list_path(utterance):
    return f"wsj0/si_tr_s/{utterance[:3]}/{utterance}.wav"


def write_split(root, split, rng):
    count = COUNT[split]
    pairs = list(itertools.islice(itertools.cycle(itertools.permutations(UTTERANCES, 2)), count))
    names = [f"{a}_{k}.5_{b}_-{k}.5.wav" for k, (a, b) in enumerate(pairs)]
    rooms = [{"utterance_id": name} | place(rng, k) for k, name in enumerate(names)]
    files = [
        {"output_filename": name}
        | {f"s{s}_path": f"wsj0/si_tr_s/{u[:3]}/{u}.wav" for s, u in enumerate(pair, 1)}
        for name, pair in zip(names, pairs, strict=True)
    ]
    write_table(root / "lists" / f"reverb_params_{split}.csv", rooms[::-1])
    write_table(root / "lists" / f"mix_2_spk_filenames_{split}.csv", files)
    starts = rng.integers(0, 1500, count)
    arrays = {"utterance_id": np.array(names, object), "speech_start_sample_16k": starts}
    for rate, mode in itertools.product(("8k", "16k"), ("min", "max")):
        arrays[f"scaling_wsjmix_{rate}_{mode}"] = rng.uniform(0.3, 2.5, (count, 2))
        arrays[f"scaling_wham_speech_{rate}_{mode}"] = rng.uniform(0.3, 3, count)
        arrays[f"scaling_wham_noise_{rate}_{mode}"] = rng.uniform(0.3, 3, count)
    (root / "wham" / "metadata").mkdir(parents=True, exist_ok=True)
    np.savez(root / "wham" / "metadata" / f"scaling_{split}.npz", **arrays)
    (root / "wham" / split).mkdir()
    for k, name in enumerate(names):
        noise = 0.05 * rng.standard_normal((6001 + 1500 + k, 2))
        soundfile.write(root / "wham" / split / name, noise, 16000)


def write_corpora(root: Path) -> Path:
    """Write wsj0/, wham/ and lists/ below `root`."""
    rng = np.random.default_rng(5)
    for k, utterance in enumerate(UTTERANCES):
        path = root / list_path(utterance)
        path.parent.mkdir(parents=True)
        soundfile.write(path, np.clip(0.1 * rng.standard_normal(4000 + 667 * k), -1, 1), 16000)
    for split in COUNT:
        write_split(root, split, rng)
    return root
