"""LibriMix rendered from its tables: to the sample what its definition says, whole or not at all."""

import math
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

import librimix_corpora as corpora
from conftest import environment
from sepflow.cli import main
from sepflow.errors import SepflowError
from sepflow.simulation import librimix, librimix_noise

TYPES = ["mix_clean", "mix_both", "mix_single"]
needs_sox = pytest.mark.skipif(shutil.which("sox") is None, reason="needs sox (apt-get install sox)")

# Utterances by speaker: of other lengths than their noise, one longer than all of it.
UTTERANCES = [(84, 21001), (84, 8003), (174, 15999), (174, 40000), (251, 12000), (251, 30001)]
NOISES = {"cv": [50000, 8100, 16000, 12345], "tr": [20000, 30000]}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    root = tmp_path_factory.mktemp("librimix")
    corpora.librispeech(root / "LibriSpeech", {"dev-clean": UTTERANCES})
    corpora.wham(root / "wham_noise", NOISES)
    # One channel, as the official augmented files have it.
    corpora.put(root / "wham_noise/cv/mono.wav", corpora.voice(7, 9000, 0.05))
    return root


def table(here, speakers, rows=8):
    """A table of mixtures with gains of all kinds, some of which clip."""
    rng = np.random.default_rng(speakers)
    sources = sorted(x.relative_to(here / "LibriSpeech").as_posix() for x in here.rglob("*.flac"))
    noises = sorted(x.relative_to(here / "wham_noise").as_posix() for x in here.rglob("cv/*.wav"))
    lines = []
    for number in range(rows):
        row = {"mixture_ID": f"mixture{number}"}
        for k, source in enumerate(rng.choice(sources, speakers, replace=False), 1):
            row |= {f"source_{k}_path": source, f"source_{k}_gain": float(rng.uniform(0.2, 6))}
        noise = {"noise_path": noises[number % len(noises)], "noise_gain": float(rng.uniform(0.3, 4))}
        lines.append(row | noise)
    return pd.DataFrame(lines)


def put_table(frame, directory, speakers, split="dev-clean"):
    directory.mkdir(parents=True, exist_ok=True)
    frame.to_csv(directory / f"libri{speakers}mix_{split}.csv", index=False)
    # Not a table of mixtures.
    (directory / f"libri{speakers}mix_{split}_info.csv").write_text("mixture_ID,speaker_1_ID\nx,1\n")
    return directory


def command(here, metadata, out, speakers, *words, jobs=1):
    return [
        *("simulate", "librimix", "--librispeech", here / "LibriSpeech", "--wham", here / "wham_noise"),
        *("--metadata", metadata, "--out", out, "--speakers", speakers, "--jobs", jobs, *words),
    ]


def run(*words):
    return main([str(word) for word in words])


# --- The definition, written down anew ---


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


# --- The tree ---


@pytest.mark.parametrize("speakers", [1, 2, 3])
def test_every_file_is_what_the_definition_says(here, tmp_path, speakers):
    frame = table(here, speakers)
    metadata = put_table(frame, tmp_path / "metadata", speakers)
    assert run(*command(here, metadata, tmp_path / "out", speakers)) == 0
    frame = pd.read_csv(metadata / f"libri{speakers}mix_dev-clean.csv", engine="python")
    wanted = expected(here, frame, speakers, tmp_path / "out", tmp_path / "one.wav")
    found = corpora.files(tmp_path / "out")
    assert set(found) == set(wanted)
    assert [name for name in wanted if found[name] != wanted[name]] == []
    clipped = [name for name in wanted if name.endswith(".wav") and b"\xff\x7f" in wanted[name]]
    assert clipped, "some gain should clip, or clipping is not tested"


def test_clean_mixtures_alone_are_the_same_and_need_no_noise(here, tmp_path):
    metadata = put_table(table(here, 2), tmp_path / "metadata", 2)
    assert run(*command(here, metadata, tmp_path / "all", 2)) == 0
    words = [x for x in command(here, metadata, tmp_path / "clean", 2) if x not in ("--wham",)]
    words.remove(here / "wham_noise")
    assert run(*words, "--types", "mix_clean", "--rates", 8000, "--modes", "min", "max") == 0
    everything, clean = corpora.files(tmp_path / "all"), corpora.files(tmp_path / "clean")
    assert {name.split("/")[4] for name in clean if name.endswith("wav")} == {"s1", "s2", "mix_clean"}
    assert {name.split("/")[1] for name in clean} == {"wav8k"}
    for name, content in clean.items():
        assert everything[name].replace(b"/all/", b"/clean/") == content, name


def test_a_second_rate_is_added_to_a_tree_and_a_second_table_is_not(here, tmp_path, capsys):
    metadata = put_table(table(here, 2), tmp_path / "metadata", 2)
    for rate in (16000, 8000):
        assert run(*command(here, metadata, tmp_path / "two", 2, "--rates", rate, "--types", "mix_both")) == 0
    assert run(*command(here, metadata, tmp_path / "one", 2, "--types", "mix_both")) == 0
    one, two = corpora.files(tmp_path / "one"), corpora.files(tmp_path / "two")
    assert {name: x.replace(b"/one/", b"/two/") for name, x in one.items()} == two
    other = table(here, 2)
    other.loc[0, "noise_gain"] *= 2
    put_table(other, metadata, 2)
    assert run(*command(here, metadata, tmp_path / "two", 2)) == 1
    assert "was made from something else" in capsys.readouterr().err
    assert corpora.files(tmp_path / "two") == two


def test_the_bytes_depend_neither_on_jobs_nor_on_a_kill(here, tmp_path):
    metadata = put_table(table(here, 2, rows=150), tmp_path / "metadata", 2)
    assert run(*command(here, metadata, tmp_path / "one", 2, "--rates", 8000)) == 0
    words = command(here, metadata, tmp_path / "two", 2, "--rates", 8000, jobs=2)
    start = [sys.executable, "-m", "sepflow", *map(str, words)]
    killed = subprocess.Popen(start, env=environment(), stderr=subprocess.DEVNULL)
    journal = tmp_path / "two/.sepflow"
    deadline = time.monotonic() + 60
    while not list(journal.rglob("0*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    done = {path: path.stat().st_mtime_ns for path in journal.rglob("0*.json")}
    assert done and not list(journal.rglob("complete.json"))
    assert run(*words) == 0
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in done.items())
    one, two = corpora.files(tmp_path / "one"), corpora.files(tmp_path / "two")
    assert {name: x.replace(b"/one/", b"/two/") for name, x in one.items()} == two


@settings(deadline=None, max_examples=40)
@given(st.integers(8002, 20000), st.integers(1, 60000), st.sampled_from(["float32", "float64"]))
def test_extending_a_noise(samples, length, dtype):
    noise = np.random.default_rng(samples).standard_normal(samples).astype(dtype)
    found = librimix.extend_noise(noise, length)
    if length <= samples:
        assert found is noise
    else:
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, extended(noise, length))


@pytest.mark.parametrize("samples", [1, 8000, 8001])
def test_a_noise_no_longer_than_the_fade_is_refused_by_name(here, tmp_path, capsys, samples):
    frame = table(here, 2)
    frame.loc[1, "noise_path"] = "cv/short.wav"
    shutil.copytree(here, tmp_path / "here")
    corpora.put(tmp_path / "here/wham_noise/cv/short.wav", np.full(samples, 0.1))
    metadata = put_table(frame, tmp_path / "metadata", 2)
    assert run(*command(tmp_path / "here", metadata, tmp_path / "out", 2)) == 1
    message = capsys.readouterr().err
    assert f"short.wav: {samples} samples, too short" in message and "mixture1" in message


# --- Noise at other speeds ---


def official_speed(path, speed):
    """What the official script has pysndfx do, then written as it writes it."""
    samples, rate = soundfile.read(path)
    raw = "-t f64 -r 44100 -c 1 -"
    words = f"sox -N -V1 {raw} {raw} speed {speed}".split()
    first = samples[:, 0] if samples.ndim > 1 else samples
    done = subprocess.run(words, input=first.tobytes(), capture_output=True, check=True)
    soundfile.write(path.with_name(path.stem + f"sp{speed.replace('.', '')}.wav"), *(
        np.frombuffer(done.stdout), rate,
    ))  # fmt: skip


@needs_sox
def test_augmented_noise_is_made_as_the_official_script_writes_it(here, tmp_path):
    shutil.copytree(here, tmp_path / "disk")
    noise = tmp_path / "disk/wham_noise/tr"
    names = sorted(path.name for path in noise.iterdir())
    # Full scale: resampled, it clips.
    loud = np.sign(corpora.voice(5, 30001)) * 0.999
    for root in (tmp_path / "disk", here):
        corpora.put(root / "wham_noise/tr/loud.wav", np.stack([loud, loud], 1))
    frame = table(here, 2, rows=6)
    frame["noise_path"] = [
        f"tr/{name.removesuffix('.wav')}{speed}.wav"
        for name in (*names, "loud.wav")
        for speed in ("sp08", "sp12")
    ]
    frame["noise_gain"] = 1.0
    for path in sorted(noise.iterdir()):
        official_speed(path, "0.8")
        official_speed(path, "1.2")
    metadata = put_table(frame, tmp_path / "metadata", 2)
    assert run(*command(tmp_path / "disk", metadata, tmp_path / "one", 2)) == 0
    before = corpora.files(here)
    assert run(*command(here, metadata, tmp_path / "two", 2)) == 0
    assert corpora.files(here) == before
    one, two = corpora.files(tmp_path / "one"), corpora.files(tmp_path / "two")
    assert {name: x.replace(b"/one/", b"/two/") for name, x in one.items()} == two
    for path in sorted(noise.glob("*sp*.wav")):
        made = librimix_noise.read_noise(here / "wham_noise", f"tr/{path.name}")
        np.testing.assert_array_equal(made, soundfile.read(path, dtype="float32")[0])


@needs_sox
@pytest.mark.parametrize("speed", ["sp08", "sp12"])
def test_the_length_at_another_speed_is_sox_s(speed):
    factor = librimix_noise.SPEEDS[speed]
    for samples in [*range(48000, 48025), 100003, 123457, 160001]:
        made = librimix_noise.at_speed(np.full(samples, 0.1), factor)
        assert len(made) == librimix_noise.length_at(samples, factor), samples


def test_without_sox_what_to_install_is_said(here, tmp_path, capsys, monkeypatch):
    name = sorted(path.name for path in (here / "wham_noise/tr").iterdir())[0]
    frame = table(here, 2)
    frame.loc[0, "noise_path"] = f"tr/{name.removesuffix('.wav')}sp08.wav"
    metadata = put_table(frame, tmp_path / "metadata", 2)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(*command(here, metadata, tmp_path / "out", 2)) == 1
    message = capsys.readouterr().err
    assert "1 noises are not there" in message and "apt-get install sox" in message
    with pytest.raises(SepflowError, match="apt-get install sox"):
        librimix_noise.at_speed(np.zeros(100), librimix_noise.SPEEDS["sp08"])


# --- What can be amiss ---


def complaint(capsys, *words):
    out = words[words.index("--out") + 1]
    assert run(*words) == 1
    assert not out.exists()
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("source_2_gain", math.nan, "source_2_gain: 'nan' is not finite"),
        ("source_1_gain", -0.5, "source_1_gain: '-0.5' is not over 0"),
        ("noise_gain", "loud", "noise_gain: 'loud' is no number"),
        ("noise_path", "", "noise_path: empty"),
        ("mixture_ID", "../x", "mixture_ID: '../x' cannot be a file's name"),
        ("source_1_path", "dev-clean/99/11/99-11-0000.flac", "dev-clean/99: no such speaker"),
    ],
)
def test_a_bad_cell_is_told_with_its_line(here, tmp_path, capsys, column, cell, said):
    frame = table(here, 2).astype(object)
    frame.loc[2, column] = cell
    metadata = put_table(frame, tmp_path / "metadata", 2)
    frame.to_csv(metadata / "libri2mix_dev-clean.csv", index=False, na_rep="nan")
    message = complaint(capsys, *command(here, metadata, tmp_path / "out", 2))
    assert "libri2mix_dev-clean.csv" in message and "line 4: " in message
    assert said in message


def test_a_mixture_that_is_there_twice_is_refused(here, tmp_path, capsys):
    frame = table(here, 2)
    frame.loc[5, "mixture_ID"] = "mixture3"
    metadata = put_table(frame, tmp_path / "metadata", 2)
    message = complaint(capsys, *command(here, metadata, tmp_path / "out", 2))
    assert "line 7: mixture3 is in line 5 too" in message


def test_all_that_is_missing_is_listed_before_anything_is_rendered(here, tmp_path, capsys):
    metadata = put_table(table(here, 2), tmp_path / "metadata", 2)
    frame = table(here, 2)
    frame.loc[0, "source_2_path"] = "dev-clean/84/01/84-01-0099.flac"
    frame.loc[3, "noise_path"] = "cv/absent.wav"
    frame.loc[4, "noise_path"] = "tr/absentsp08.wav"
    put_table(frame, metadata, 2, "test-clean")
    message = complaint(capsys, *command(here, metadata, tmp_path / "out", 2))
    for text in ("84-01-0099.flac: not there", "cv/absent.wav: not there", "tr/absentsp08.wav: not there"):
        assert text in message
    assert "Is --librispeech the directory" in message and "Is --wham the directory" in message


def test_a_directory_too_high_or_too_low_is_named(here, tmp_path, capsys):
    metadata = put_table(table(here, 2), tmp_path / "metadata", 2)
    words = command(here, metadata, tmp_path / "out", 2)
    for option, right, wrong in [
        ("--librispeech", here / "LibriSpeech", (here, here / "LibriSpeech/dev-clean")),
        ("--wham", here / "wham_noise", (here, here / "wham_noise/tr")),
    ]:
        for place in wrong:
            said = list(words)
            said[said.index(option) + 1] = place
            assert f"but in {right}. Give that one." in complaint(capsys, *said)
    said = list(words)
    said[said.index("--metadata") + 1] = metadata.parent
    assert f"There are some in {metadata}" in complaint(capsys, *said)
    said[said.index("--metadata") + 1] = tmp_path / "nowhere"
    assert "no libri2mix_*.csv" in complaint(capsys, *said)
    assert "no libri2mix_train-100.csv" in complaint(capsys, *words, "--splits", "train-clean-100")


def test_another_rate_is_told_with_the_file(here, tmp_path, capsys):
    shutil.copytree(here, tmp_path / "here")
    path = next((tmp_path / "here").rglob("*.flac"))
    corpora.put(path, corpora.voice(1, 9000), 8000)
    frame = table(here, 2)
    frame.loc[0, "source_1_path"] = path.relative_to(tmp_path / "here/LibriSpeech").as_posix()
    metadata = put_table(frame, tmp_path / "metadata", 2)
    assert run(*command(tmp_path / "here", metadata, tmp_path / "out", 2)) == 1
    assert f"{path}: 8000 Hz, not the 16000 Hz" in capsys.readouterr().err


def test_help_reads_without_the_corpora():
    done = subprocess.run(
        [sys.executable, "-m", "sepflow", "simulate", "librimix", "--help"],
        env=environment() | {"COLUMNS": "110"},
        capture_output=True,
        text=True,
        cwd=os.sep,
    )
    assert done.returncode == 0 and "--librispeech DIR" in done.stdout
