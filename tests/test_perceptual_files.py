"""`sepflow score enhancement`: what it prints of files, and what it says of bad ones."""

import json

import numpy as np
import pytest
import soundfile

from composites_definition import noisy, voice
from sepflow.cli import main
from sepflow.errors import SepflowError
from sepflow.metrics.perceptual import GROUP
from sepflow.metrics.perceptual.files import score_files
from sepflow.metrics.perceptual.scores import score

NAMES = list(GROUP.metrics)


@pytest.fixture
def files(tmp_path):
    """Paths of a clean, an enhanced and a noisy file; and of three more."""
    clean = voice()
    for n in (1, 2):
        signals = {"clean": clean, "enhanced": noisy(clean, 15, n), "noisy": noisy(clean, 5, n)}
        for name, signal in signals.items():
            soundfile.write(tmp_path / f"{name}{n}.wav", signal, 16000, subtype="DOUBLE")
    return {name: [tmp_path / f"{name}{n}.wav" for n in (1, 2)] for name in ("clean", "enhanced", "noisy")}


def printed(capsys, *arguments):
    assert main(["score", "enhancement", *map(str, arguments)]) == 0
    return json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))


def test_one_file_has_its_scores(files, capsys):
    clean, enhanced, before = (files[name][0] for name in ("clean", "enhanced", "noisy"))
    found = printed(capsys, "--clean", clean, "--enhanced", enhanced)
    assert found == score(voice(), noisy(voice(), 15), 16000) and list(found) == NAMES
    both = printed(capsys, "--clean", clean, "--enhanced", enhanced, "--noisy", before)
    assert both["noisy"] == score(voice(), noisy(voice(), 5), 16000)
    assert both["improvement"] == {name: found[name] - both["noisy"][name] for name in NAMES}
    assert min(both["improvement"].values()) > 0


def test_several_files_have_means_of_what_is_defined(files, capsys):
    soundfile.write(files["noisy"][1], np.zeros(32000), 16000)
    found = printed(capsys, *(word for name, paths in files.items() for word in (f"--{name}", *paths)))
    first, second = found["files"]
    assert [first["clean"], second["enhanced"]] == [str(files["clean"][0]), str(files["enhanced"][1])]
    assert set(second["noisy"].values()) == set(second["improvement"].values()) == {None}
    for name in NAMES:
        assert found["mean"][name] == pytest.approx((first[name] + second[name]) / 2)
        assert found["mean"]["improvement"][name] == first["improvement"][name]
        assert (found["counted"][name], found["counted"]["noisy"][name]) == (2, 1)
    silent = score_files(files["noisy"][1:] * 2, files["enhanced"])
    assert set(silent["mean"].values()) == {None} and set(silent["counted"].values()) == {0}


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (voice()[:-5], 16000, "31995 samples, but .*clean1.wav has 32000; an estimate must be as long"),
        (voice(), 8000, "8000 Hz, but .*clean1.wav has 16000 Hz; resample"),
        (np.ones((32000, 2)), 16000, "2 channels; scoring takes mono files"),
        (np.full(32000, np.nan), 16000, "holds NaN"),
        (np.zeros(0), 16000, "holds no samples"),
        (None, None, "no such file"),
    ],
)
@pytest.mark.parametrize("name", ["enhanced", "noisy"])
def test_a_bad_file_is_named_and_what_to_do(files, capsys, name, samples, rate, message):
    path = files[name][0]
    path.unlink()
    if samples is not None:
        soundfile.write(path, samples, rate, subtype="DOUBLE")
    words = [word for key, paths in files.items() for word in (f"--{key}", str(paths[0]))]
    assert main(["score", "enhancement", *words]) == 1
    said = capsys.readouterr()
    assert not said.out
    with pytest.raises(SepflowError, match=f"{name}1.wav: .*{message}"):
        raise SepflowError(said.err)


def test_files_that_do_not_go_together_are_said(files):
    with pytest.raises(SepflowError, match="2 clean, 1 enhanced, 0 noisy"):
        score_files(files["clean"], files["enhanced"][:1])
    with pytest.raises(SepflowError, match="2 clean, 2 enhanced, 1 noisy"):
        score_files(files["clean"], files["enhanced"], files["noisy"][:1])
    for name in ("clean", "enhanced"):
        soundfile.write(files[name][1], voice(8000), 8000)
    with pytest.raises(SepflowError, match="clean2.wav: 8000 Hz, but .*clean1.wav has 16000 Hz; score"):
        score_files(files["clean"], files["enhanced"])
