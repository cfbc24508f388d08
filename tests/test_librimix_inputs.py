"""What can be amiss with LibriMix's metadata and corpora is told in one message, and nothing is written."""

import math
import os
import shutil
import subprocess
import sys

import pytest

import librimix_corpora as corpora
from conftest import environment
from librimix_corpora import put_table, run, table
from librimix_corpora import render_command as command


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return corpora.small(tmp_path_factory.mktemp("librimix"))


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
    frame = table(here, 2)
    path = tmp_path / "here/LibriSpeech" / frame.source_1_path[0]
    corpora.put(path, corpora.voice(1, 9000), 8000)
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
