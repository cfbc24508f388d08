"""WHAMR! against the field's program, written again here from its definition."""

import csv
import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile
from scipy.signal import fftconvolve, resample_poly

from conftest import environment
from sepflow import cli
from sepflow.simulation.rooms.image_method import Room, anechoic, reverberant, whamr
from sepflow.simulation.whamr.lists import read_mixtures
from whamr_corpus import list_path, write_corpora, write_table

RATES, MODES = (8000, 16000), ("min", "max")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The directory of wsj0/, wham/ and lists/."""
    return write_corpora(tmp_path_factory.mktemp("corpora"))


def command(corpus, out, *words):
    places = ("--wsj0", corpus, "--wham", corpus / "wham", "--metadata", corpus / "lists", "--out", out)
    return [str(word) for word in ("simulate", "whamr", *places, *words)]


def sepflow(*words):
    return cli.main(command(*words))


def contents(root):
    """All but what a kill left of a room."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.parent.name != "tmp"]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def grid(x):
    return np.float64(np.int16(np.round(2**15 * x))) / 2**15


def room_of(corpus, split, name):
    with (corpus / "lists" / f"reverb_params_{split}.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["utterance_id"] == name)
    at = {key: float(cell) for key, cell in row.items() if key != "utterance_id"}
    size = (at["room_x"], at["room_y"], at["room_z"])
    sources = tuple((at[f"s{s}_x"], at[f"s{s}_y"], at[f"s{s}_z"]) for s in (1, 2))
    microphones = tuple((at[f"mic{c}_x"], at[f"mic{c}_y"], at["mic_z"]) for c in "LR")
    return Room(size, at["T60"], whamr(size, at["T60"]), sources, microphones)


def in_room(room, speech, length):
    """{(kind, rate): [2, 2, samples]}."""
    heard = {}
    for kind, responses in (("anechoic", anechoic(room)), ("reverb", reverberant(room))):
        premix = np.zeros((2, 2, length + responses.shape[2] - 1))
        for s, m in itertools.product(range(2), range(2)):
            padded = np.append(grid(speech[s]), np.zeros(length - len(speech[s])))
            premix[s, m] += fftconvolve(responses[s, m], padded)
        heard[kind, 16000] = premix
        heard[kind, 8000] = resample_poly(premix, 8000, 16000, axis=2)
    return heard


def official(corpus, split, name, k):
    """{(rate, mode, signal): float64 samples}: the program's steps, one after the other."""
    spoken = (name.split("_")[0], name.split("_")[2])
    speech = [soundfile.read(corpus / list_path(utterance))[0] for utterance in spoken]
    noise = soundfile.read(corpus / "wham" / split / name)[0]
    levels = np.load(corpus / "wham" / "metadata" / f"scaling_{split}.npz", allow_pickle=True)
    assert levels["utterance_id"][k] == name
    heard = in_room(room_of(corpus, split, name), speech, len(noise))
    result = {}
    for rate, mode in itertools.product(RATES, MODES):
        key = f"{rate // 1000}k_{mode}"
        dry = []
        for s in range(2):
            samples = resample_poly(speech[s], 8000, 16000) if rate == 8000 else speech[s]
            scaled = grid(samples * levels[f"scaling_wsjmix_{key}"][k][s])
            dry.append(scaled * levels[f"scaling_wham_speech_{key}"][k])
        full = resample_poly(noise, 8000, 16000) if rate == 8000 else noise
        full = full * levels[f"scaling_wham_noise_{key}"][k]
        length = len(full) if mode == "max" else min(map(len, dry))
        start = int(levels["speech_start_sample_16k"][k]) // (16000 // rate)
        cut = full if mode == "max" else full[start : start + length]
        for kind in ("anechoic", "reverb"):
            signals = []
            for s in range(2):
                gain = np.sqrt(np.sum(dry[s] ** 2) / np.sum(heard["anechoic", rate][s, 0] ** 2))
                signals.append(heard[kind, rate][s, :, :length].T * gain)
            result |= {(rate, mode, name): x for name, x in append(*signals, cut, start, mode, kind)}
    return result


def append(s1, s2, noise, start, mode, kind):
    """(signal, samples) of one kind: the speech where it lies in the noise, and the mixtures."""
    if mode == "max":
        later = [np.zeros_like(noise), np.zeros_like(noise)]
        for to, samples in zip(later, (s1, s2), strict=True):
            to[start : len(samples)] = samples[0 : len(samples) - start]
        s1, s2 = later
    yield from (("noise", noise), (f"s1_{kind}", s1), (f"s2_{kind}", s2), (f"mix_clean_{kind}", s1 + s2))
    yield from ((f"mix_single_{kind}", s1 + noise), (f"mix_both_{kind}", s1 + s2 + noise))


def names(corpus, split):
    with (corpus / "lists" / f"mix_2_spk_filenames_{split}.csv").open() as file:
        return [row["output_filename"] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def tree(corpus, tmp_path_factory):
    """All variants of cv, by one process."""
    out = tmp_path_factory.mktemp("tree")
    assert sepflow(corpus, out, "--splits", "cv", "--jobs", 1) == 0
    return out


def test_every_sample_of_every_file_is_the_programs(corpus, tree):
    wanted = 0
    for k, name in enumerate(names(corpus, "cv")):
        for (rate, mode, signal_name), samples in official(corpus, "cv", name, k).items():
            path = tree / f"wav{rate // 1000}k" / mode / "cv" / signal_name / name
            got_rate, got = wavfile.read(path)
            assert got_rate == rate and soundfile.info(path).subtype == "FLOAT"
            assert got.shape == samples.shape
            np.testing.assert_array_equal(got, samples.astype(np.float32))
            wanted += 1
    assert len([*(tree / "wav8k").rglob("*.wav"), *(tree / "wav16k").rglob("*.wav")]) == wanted == 5 * 4 * 11


def test_what_the_signals_are(corpus, tree):
    """Properties, not steps: levels, delays, sums."""
    name = names(corpus, "cv")[0]
    folder = tree / "wav16k" / "max" / "cv"
    signals = {path.name: wavfile.read(path / name)[1].astype(np.float64) for path in folder.iterdir()}
    levels = np.load(corpus / "wham" / "metadata" / "scaling_cv.npz", allow_pickle=True)
    start = levels["speech_start_sample_16k"][0]
    assert len({len(samples) for samples in signals.values()}) == 1
    for kind in ("anechoic", "reverb"):
        clean = signals[f"s1_{kind}"] + signals[f"s2_{kind}"]
        np.testing.assert_allclose(signals[f"mix_clean_{kind}"], clean, atol=1e-6)
        np.testing.assert_allclose(signals[f"mix_both_{kind}"], clean + signals["noise"], atol=1e-6)
        assert not signals[f"s1_{kind}"][:start].any() and signals[f"s1_{kind}"][start + 200 :].any()
    dry = soundfile.read(corpus / "wsj0" / "si_tr_s" / "01t" / "01to030v.wav")[0]
    factor = levels["scaling_wsjmix_16k_max"][0][0] * levels["scaling_wham_speech_16k_max"][0]
    direct = signals["s1_anechoic"][:, 0]
    assert np.sum(direct**2) == pytest.approx(np.sum((dry * factor) ** 2), rel=1e-3)
    # In the direct sound the speech is found again, as late as it is far away.
    lag = np.argmax(fftconvolve(direct[start:], dry[::-1])) - len(dry) + 1
    assert 40 < lag < 40 + 3 / 343 * 16000
    assert np.sum(signals["s1_reverb"] ** 2) > np.sum(signals["s1_anechoic"] ** 2)


def test_mono_is_the_left_channel(corpus, tree, tmp_path, capsys):
    words = ("--splits", "cv", "--jobs", 1, "--mono")
    assert sepflow(corpus, tmp_path / "mono", *words, "--rooms", tree / ".sepflow" / "rooms") == 0
    for path in sorted((tmp_path / "mono").rglob("*.wav")):
        stereo = wavfile.read(tree / path.relative_to(tmp_path / "mono"))[1]
        np.testing.assert_array_equal(wavfile.read(path)[1], stereo[:, 0])
    assert not (tmp_path / "mono" / ".sepflow" / "rooms").exists()
    assert sepflow(corpus, tree, *words) == 1
    assert "mono False, True" in capsys.readouterr().err


def test_a_variant_beside_others_changes_none(corpus, tree, tmp_path):
    out = tmp_path / "out"
    for words in (("--rates", 16000, "--modes", "max"), ("--rates", 8000, "--modes", "max", "min")):
        assert sepflow(corpus, out, "--splits", "cv", "--jobs", 1, *words) == 0
    for folder in ("wav16k/max", "wav8k/min", "wav8k/max", ".sepflow/rooms"):
        assert contents(out / folder) == contents(tree / folder)


def test_any_number_of_jobs_and_a_kill_end_the_same(corpus, tmp_path):
    words = ("--rates", 8000, "--modes", "min", "--splits", "tr")
    assert sepflow(corpus, tmp_path / "one", *words, "--jobs", 1) == 0
    assert sepflow(corpus, tmp_path / "four", *words, "--jobs", 4) == 0
    whole, killed = contents(tmp_path / "one"), tmp_path / "killed"
    assert contents(tmp_path / "four") == whole and len(whole) > 11 * 40
    line = [sys.executable, "-m", "sepflow", *command(corpus, killed, *words, "--jobs", 2)]
    process = subprocess.Popen(line, env=environment(), start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.time() + 60
    while len(list(killed.rglob("noise/*.wav"))) < 5 and time.time() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 5 <= len(list(killed.rglob("noise/*.wav"))) < 40
    assert subprocess.run(line, env=environment(), capture_output=True).returncode == 0
    assert contents(killed) == whole


def test_splits_without_metadata_are_left_out(corpus, tmp_path, capsys):
    assert sepflow(corpus, tmp_path / "out", "--splits", "tt") == 1
    said = capsys.readouterr()
    for name in ("reverb_params_tt.csv", "mix_2_spk_filenames_tt.csv", "scaling_tt.npz"):
        assert name in said.out
    assert "no split has all" in said.err


@pytest.fixture
def copy(corpus, tmp_path):
    """The corpus again, its files linked, cv's metadata to be changed."""
    for path in sorted(corpus.rglob("*")):
        target = tmp_path / "copy" / path.relative_to(corpus)
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return tmp_path / "copy"


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def complaint(copy, capsys):
    out = copy.parent / "out"
    assert sepflow(copy, out, "--splits", "cv", "--jobs", 1) == 1
    assert not list(out.rglob("mix_both_reverb/*.wav"))
    return capsys.readouterr().err


def test_ids_with_and_without_a_suffix_are_the_same(copy, tree, capsys):
    edit(copy / "lists" / "reverb_params_cv.csv", ".wav", "")
    edit(copy / "lists" / "mix_2_spk_filenames_cv.csv", ".5.wav", ".5")
    assert sepflow(copy, copy.parent / "out", "--splits", "cv", "--jobs", 1) == 0
    assert contents(copy.parent / "out") == contents(tree)


def test_tables_that_do_not_belong_together(copy, capsys):
    first, second = names(copy, "cv")[:2]
    edit(copy / "lists" / "mix_2_spk_filenames_cv.csv", first, "x")
    message = complaint(copy, capsys)
    assert (
        "mix_2_spk_filenames_cv.csv, held against scaling_cv.npz: 1 problem" in message
        and first[:-4] in message
    )
    edit(copy / "lists" / "reverb_params_cv.csv", first, "x")
    edit(copy / "lists" / "reverb_params_cv.csv", second, "y")
    assert "reverb_params_cv.csv, held against scaling_cv.npz: 2 problems" in complaint(copy, capsys)


def test_recordings_that_are_missing_or_wrong(copy, capsys):
    first, second = (copy / "wham" / "cv" / name for name in names(copy, "cv")[:2])
    good = first.read_bytes()
    for samples, message in (
        (np.ones((9000, 1)) * 0.1, "not two channels"),
        (np.ones((3000, 2)) * 0.1, "3000 samples, where its speech and the levels ask for "),
        (np.ones((4700, 2)) * 0.1, "4700 samples, where its speech and the levels ask for "),
    ):
        soundfile.write(first, samples, 16000)
        assert f"{first}: {message}" in complaint(copy, capsys)
    first.write_bytes(good)
    soundfile.write(copy / "wsj0" / "si_tr_s" / "01t" / "01to030v.wav", np.zeros(4000), 16000)
    assert "01to030v.wav: silent" in complaint(copy, capsys)
    first.unlink()
    second.unlink()
    message = complaint(copy, capsys)
    assert "2 problems" in message and f"{first.name}: not there" in message
    (copy / "wsj0" / "si_tr_s" / "01t" / "01to030v.wav").unlink()
    first.write_bytes(good)
    second.write_bytes(good)
    assert "wsj0/si_tr_s/01t/01to030v.wav: not there" in complaint(copy, capsys)


def test_rooms_and_levels_that_are_faulty(copy, capsys):
    table = copy / "lists" / "reverb_params_cv.csv"
    rows = list(csv.DictReader(table.open()))
    rows[0]["s1_x"], rows[3]["T60"] = "99", "0.2"
    write_table(table, rows)
    assert "line 2: a source at (99.0," in complaint(copy, capsys)
    rows[0]["s1_x"], rows[3]["T60"] = "1", "0"
    write_table(table, rows)
    assert "line 5: T60: '0' is not over 0" in complaint(copy, capsys)
    rows[3]["T60"] = "0.2"
    write_table(table, rows)
    path = copy / "wham" / "metadata" / "scaling_cv.npz"
    arrays = dict(np.load(path, allow_pickle=True))
    arrays["scaling_wsjmix_8k_min"] = arrays["scaling_wsjmix_8k_min"][:, 0]
    arrays["scaling_wham_noise_16k_max"][2] = np.nan
    np.savez(path, **arrays)
    message = complaint(copy, capsys)
    assert "scaling_wsjmix_8k_min: float64 (5,), not finite numbers (5, 2)" in message
    assert "scaling_wham_noise_16k_max: float64 (5,), not finite" in message
    del arrays["scaling_wham_noise_16k_max"], arrays["scaling_wsjmix_8k_min"]
    np.savez(path, **arrays)
    assert "no array 'scaling_wsjmix_8k_min'" in complaint(copy, capsys)
    files = [table, copy / "lists" / "mix_2_spk_filenames_cv.csv", path]
    assert set(read_mixtures(files, [(16000, "min")])[0].levels) == {(16000, "min"), (8000, "max")}
