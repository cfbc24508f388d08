"""LibriMix's metadata from recordings: the official tables, and what can be amiss with the corpora."""

import csv
import logging
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
import soundfile

import librimix_corpora as corpora
from conftest import environment
from librimix_corpora import run
from librimix_definition import listed, listed_noises, official
from sepflow.simulation.librimix import metadata as librimix_metadata
from sepflow.simulation.librimix import pairs as librimix_pairs
from sepflow.simulation.librimix import tables as librimix_tables

SPEAKERS = (60, 84, 174, 251, 302, 777)
RNG = np.random.default_rng(3)
DEV = [(SPEAKERS[k % 6], int(n)) for k, n in enumerate(RNG.integers(48000, 50000, 40))] + [(84, 47999)]
TRAIN = [(SPEAKERS[k % 6] + 1000, int(n)) for k, n in enumerate(RNG.integers(48000, 49000, 212))]
NOISES = {
    "cv": [int(n) for n in RNG.integers(47000, 54000, 170)],
    "tr": [int(n) for n in RNG.integers(44000, 66000, 70)],
}
needs_sox = pytest.mark.skipif(shutil.which("sox") is None, reason="needs sox (apt-get install sox)")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    root = tmp_path_factory.mktemp("librimix_metadata")
    corpora.librispeech(root / "LibriSpeech", {"dev-clean": DEV, "train-clean-100": TRAIN})
    speakers = root / "LibriSpeech/SPEAKERS.TXT"
    old, new = (f"60   | {rest}" for rest in ("F | dev-clean        | 8.02  | A. |", "M | dev-clean || He |"))
    speakers.write_text(speakers.read_text().replace(old, new))
    corpora.wham(root / "wham_noise", NOISES)
    # One that would clip at its loudness: a single loud click in what is otherwise quiet.
    peaky = next(iter(sorted((root / "LibriSpeech/dev-clean/84").rglob("*.flac"))))
    samples, _ = soundfile.read(peaky)
    samples = samples * 0.02
    samples[24000] = 0.9
    corpora.put(peaky, samples)
    return root


@pytest.fixture
def few(monkeypatch):
    """As many mixtures in a dev split as a test can hear."""
    monkeypatch.setattr(librimix_pairs, "TARGET", 100)


def command(here, out, *words, speakers=2, jobs=1):
    return [
        *("simulate", "librimix-metadata", "--librispeech", here / "LibriSpeech"),
        *("--wham", here / "wham_noise", "--out", out, "--speakers", speakers, "--jobs", jobs, *words),
    ]


def test_both_tables_of_a_split_are_what_the_definition_says(here, tmp_path, few, capsys):
    assert run(*command(here, tmp_path / "out", "--splits", "dev-clean")) == 0
    random.seed(72)
    tables = official(here, "dev-clean", "cv", 2, False, 100)
    for suffix, wanted in zip(("", "_info"), tables, strict=True):
        assert (tmp_path / f"out/libri2mix_dev-clean{suffix}.csv").read_text() == wanted
    # Nothing else: the official renderer would take it for a table.
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert "libri2mix_dev-clean_info.csv" in capsys.readouterr().out


def test_three_speakers_and_what_is_rendered_of_them(here, tmp_path, few):
    assert run(*command(here, tmp_path / "csv", "--splits", "dev-clean", speakers=3)) == 0
    random.seed(72)
    wanted, _ = official(here, "dev-clean", "cv", 3, False, 100)
    assert (tmp_path / "csv/libri3mix_dev-clean.csv").read_text() == wanted
    words = command(here, tmp_path / "out", "--metadata", tmp_path / "csv", "--rates", 8000, speakers=3)
    assert run("simulate", "librimix", *words[2:], "--modes", "max", "--types", "mix_both") == 0
    total, _ = soundfile.read(next((tmp_path / "out").rglob("mix_both/*.wav")))
    assert 0.05 < np.abs(total).max() < 0.95


def with_augmented(root):
    """The corpora, with the files that the official augment_train_noise.py writes."""
    for path in sorted((root / "wham_noise/tr").iterdir()):
        samples, rate = soundfile.read(path)
        for speed in ("0.8", "1.2"):
            raw = "-t f64 -r 44100 -c 1 -"
            words = f"sox -N -V1 {raw} {raw} speed {speed}".split()
            done = subprocess.run(words, input=samples[:, 0].tobytes(), capture_output=True, check=True)
            name = f"{path.stem}sp{speed.replace('.', '')}.wav"
            soundfile.write(path.with_name(name), np.frombuffer(done.stdout), rate)
    return root


@needs_sox
def test_draws_go_on_from_split_to_split_and_train_takes_noise_at_other_speeds(here, tmp_path, few):
    """dev before train-100: the train split's draws begin where those of dev ended."""
    disk = with_augmented(shutil.copytree(here, tmp_path / "disk"))
    random.seed(72)
    official(disk, "dev-clean", "cv", 2, False, 100)
    tables = official(disk, "train-clean-100", "tr", 2, True, None)
    assert "sp08.wav" in tables[0] and "sp12.wav" in tables[0]
    # On disk or not, with one process or two.
    assert run(*command(here, tmp_path / "made", jobs=2)) == 0
    assert run(*command(disk, tmp_path / "read")) == 0
    assert corpora.files(tmp_path / "made") == corpora.files(tmp_path / "read")
    for suffix, wanted in zip(("", "_info"), tables, strict=True):
        assert (tmp_path / f"made/libri2mix_train-clean-100{suffix}.csv").read_text() == wanted


@needs_sox
def test_a_killed_run_goes_on_and_leaves_the_same(here, tmp_path):
    words = command(here, tmp_path / "out", "--splits", "train-clean-100")
    start = [sys.executable, "-m", "sepflow", *map(str, words)]
    killed = subprocess.Popen(start, env=environment(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.rglob("0*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert list(tmp_path.rglob("0*.json")) and not list(tmp_path.rglob("*.csv"))
    assert run(*words) == 0
    assert run(*command(here, tmp_path / "whole", "--splits", "train-clean-100", jobs=2)) == 0
    assert corpora.files(tmp_path / "out") == corpora.files(tmp_path / "whole")
    assert not list(tmp_path.rglob(".sepflow"))


def test_the_official_tables_are_taken_in_their_own_order(here, tmp_path, few):
    own = shutil.copytree(here, tmp_path / "own")
    speakers, lengths, paths = listed(here, "dev-clean")
    rows = list(zip(speakers, ["F"] * len(paths), ["dev-clean"] * len(paths), lengths, paths, strict=True))
    noises = [(path.split("/")[1], "cv", n, a, path) for n, path, a in listed_noises(here, "cv")]
    for name, header, table in [
        ("LibriSpeech/metadata/dev-clean.csv", "speaker_ID,sex,subset,length,origin_path", rows),
        ("wham_noise/metadata/dev.csv", "noise_ID,subset,length,augmented,origin_path", noises),
    ]:
        (own / name).parent.mkdir()
        with (own / name).open("w", newline="") as file:
            csv.writer(file).writerows([header.split(","), *table])
    assert run(*command(here, tmp_path / "scanned", "--splits", "dev-clean")) == 0
    assert run(*command(own, tmp_path / "taken", "--splits", "dev-clean")) == 0
    scanned, taken = corpora.files(tmp_path / "scanned"), corpora.files(tmp_path / "taken")
    name = "libri2mix_dev-clean.csv"
    assert taken[name] == scanned[name]
    assert b",M" not in taken["libri2mix_dev-clean_info.csv"]
    table = own / "LibriSpeech/metadata/dev-clean.csv"
    header, *lines = table.read_text().splitlines()
    table.write_text("\n".join([header, *reversed(lines)]) + "\n")
    assert run(*command(own, tmp_path / "reversed", "--splits", "dev-clean")) == 0
    assert corpora.files(tmp_path / "reversed")[name] != scanned[name]


# --- What can be amiss ---


def complaint(capsys, *words):
    assert run(*words) == 1
    assert not list(words[words.index("--out") + 1].glob("*.csv"))
    return capsys.readouterr().err


@pytest.fixture
def mine(here, tmp_path):
    """A copy of the corpora, to be spoilt."""
    return shutil.copytree(here, tmp_path / "mine")


def test_fewer_than_a_hundred_mixtures_are_none_and_that_is_said(mine, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(librimix_pairs, "TARGET", 99)
    with caplog.at_level(logging.WARNING):
        assert run(*command(mine, tmp_path / "out", "--splits", "dev-clean")) == 0
    assert "dev-clean: only 99 mixtures" in caplog.text
    columns = "mixture_ID,source_1_path,source_1_gain,source_2_path,source_2_gain,noise_path,noise_gain\n"
    assert (tmp_path / "out/libri2mix_dev-clean.csv").read_text() == columns


def test_what_was_measured_of_other_recordings_is_measured_anew(mine, tmp_path, few, monkeypatch):
    words = command(mine, tmp_path / "out", "--splits", "dev-clean")
    with monkeypatch.context() as patch:
        patch.setattr(
            librimix_metadata, "_write", lambda *_: 1 / 0
        )  # the journal is whole, the table not yet
        pytest.raises(ZeroDivisionError, run, *words)
    assert list(tmp_path.rglob("0*.json"))
    for path in sorted((mine / "LibriSpeech").rglob("*.flac")):
        corpora.put(path, 0.5 * soundfile.read(path)[0])
    assert run(*words) == 0
    assert run(*command(mine, tmp_path / "fresh", "--splits", "dev-clean")) == 0
    assert corpora.files(tmp_path / "out") == corpora.files(tmp_path / "fresh")


def test_a_silent_noise_is_named(mine, tmp_path, few, capsys):
    silent = sorted((mine / "wham_noise/cv").iterdir())
    for path in silent:
        corpora.put(path, np.zeros(soundfile.info(path).frames))
    message = complaint(capsys, *command(mine, tmp_path / "out", "--splits", "dev-clean"))
    assert ".wav: silent" in message and str(mine / "wham_noise/cv") in message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("84,F,dev-clean,-5,dev-clean/84/01/84-01-0000.flac", "length: '-5' is no whole number over 0"),
        ("84,F,dev-clean,nan,dev-clean/84/01/84-01-0000.flac", "length: 'nan' is no whole number"),
        ("85,F,dev-clean,50000,dev-clean/85/01/85-01-0000.flac", "speaker 85 is not in"),
        ("84,F,dev-clean,50000,", "origin_path: empty"),
        ("84,F,dev-clean,50000,/etc/84-01-0000.flac", "origin_path: '/etc/84-01-0000.flac' leads out"),
    ],
)
def test_a_bad_row_of_a_table_is_told_with_its_line(mine, tmp_path, capsys, line, said):
    table = mine / "LibriSpeech/metadata/dev-clean.csv"
    table.parent.mkdir()
    table.write_text(f"speaker_ID,sex,subset,length,origin_path\n{line}\n")
    message = complaint(capsys, *command(mine, tmp_path / "out", "--splits", "dev-clean"))
    assert f"{table}" in message and "line 2: " in message and said in message


def test_what_the_corpora_lack_is_said(mine, tmp_path, few, capsys):
    words = command(mine, tmp_path / "out")
    assert "no test-clean" in complaint(capsys, *words, "--splits", "test-clean")
    speakers = mine / "LibriSpeech/SPEAKERS.TXT"
    kept = speakers.read_text()
    speakers.write_text(kept.replace("84   | F", ";84   | F"))
    assert "speaker 84 is not in SPEAKERS.TXT" in complaint(capsys, *words)
    speakers.write_text(kept + "x | F | dev-clean | 1 | A\n")
    line = len(kept.splitlines()) + 1
    assert f"line {line}: speaker: 'x' is no whole number" in complaint(capsys, *words)
    speakers.write_text(kept)
    path = next((mine / "wham_noise/cv").iterdir())
    corpora.put(path, np.zeros((50000, 2)) + 0.1, 8000)
    assert f"cv/{path.name}: 8000 Hz, not 16000 Hz" in complaint(capsys, *words)
    shutil.rmtree(mine / "wham_noise/cv")
    assert "no directory cv in it" in complaint(capsys, *words)
    shutil.rmtree(mine / "wham_noise/tr")
    assert "none of tr, cv, tt in it" in complaint(capsys, *words)


def test_a_train_split_with_too_few_noises_is_refused(mine, tmp_path, capsys):
    for path in sorted((mine / "wham_noise/tr").iterdir())[10:]:
        path.unlink()
    words = command(mine, tmp_path / "out", "--splits", "train-clean-100")
    message = complaint(capsys, *words)
    assert "train-clean-100: more mixtures than the" in message and "--noise-again" in message
    assert run(*words, "--noise-again") == 0
    with (tmp_path / "out/libri2mix_train-clean-100.csv").open() as file:
        noises = Counter(row["noise_path"] for row in csv.DictReader(file))
    assert sum(noises.values()) == 100 and min(noises.values()) >= 100 // len(noises)


def test_speakers_are_read_also_where_a_name_holds_the_separator(here):
    known = librimix_tables.speakers(here / "LibriSpeech/SPEAKERS.TXT")
    assert known[60] == ("M", "dev-clean") and known[84] == ("F", "dev-clean")
    assert set(known) == {*SPEAKERS, *(speaker + 1000 for speaker in SPEAKERS)}


def test_an_id_is_the_official_one_also_where_strip_takes_more_than_the_ending():
    source = librimix_tables.Utterance(50000, "dev-clean/fl/ac-1-0a.flac", 1, "F", "dev-clean")
    drawn = librimix_metadata.Drawn((source, source), librimix_tables.Noise(50000, "cv/x.wav", False), (0.0,))
    assert drawn.name == "-1-0_-1-0"
