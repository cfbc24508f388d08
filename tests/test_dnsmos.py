"""DNSMOS: what its package is given, what becomes of what it says, and what is said where it is not there."""

import math
import sys
import types

import numpy as np
import pytest
import soundfile

from sepflow.errors import SepflowError
from sepflow.metrics.dnsmos import GROUP
from sepflow.metrics.dnsmos import scores as dnsmos
from sepflow.metrics.perceptual.files import score_files
from sepflow.metrics.signals import Signals
from sepflow.seeding import generator

SAID = {"ovrl_mos": 2.5, "sig_mos": 3.0, "bak_mos": 3.5, "p808_mos": 4.0}
NAMED = {"dnsmos_sig": 3.0, "dnsmos_bak": 3.5, "dnsmos_ovrl": 2.5, "dnsmos_p808": 4.0}


@pytest.fixture
def package(monkeypatch):
    """A package in its place, which keeps what it was given."""
    given = []
    module = types.ModuleType("speechmos.dnsmos")
    module.run = lambda signal, rate: given.append((signal, rate)) or SAID
    parent = types.ModuleType("speechmos")
    parent.__spec__ = types.SimpleNamespace(name="speechmos")
    monkeypatch.setitem(sys.modules, "speechmos", parent)
    monkeypatch.setitem(sys.modules, "speechmos.dnsmos", module)
    return given


@pytest.fixture
def without(monkeypatch):
    monkeypatch.setitem(sys.modules, "speechmos", None)
    monkeypatch.setattr(dnsmos, "available", lambda: False)


def voice(level: float = 0.1) -> np.ndarray:
    return level * generator("dnsmos").standard_normal(16000)


def test_scores_are_named_and_a_loud_signal_is_brought_to_full_scale(package):
    assert dnsmos.score(voice(), 16000) == NAMED
    assert dnsmos.score(voice(3.0), 16000) == NAMED
    quiet, loud = (signal for signal, _ in package)
    np.testing.assert_allclose(quiet, voice().astype(np.float32))
    assert np.abs(loud).max() == 1 and np.corrcoef(loud, quiet)[0, 1] > 0.9999
    assert {(signal.dtype.name, rate) for signal, rate in package} == {("float32", 16000)}
    signals = Signals(voice()[None], voice()[None], voice(), 16000)
    assert dnsmos.SCORES(signals) == {name: [value] for name, value in NAMED.items()}
    assert list(NAMED) == list(GROUP.metrics)


@pytest.mark.parametrize(("signal", "rate"), [(voice(), 8000), (np.zeros(16000), 16000)])
def test_of_silence_and_of_other_rates_there_is_none(package, signal, rate):
    assert all(math.isnan(x) for x in dnsmos.score(signal, rate).values()) and not package


def test_a_missing_package_is_said_with_the_way_to_it(without):
    with pytest.raises(SepflowError, match="DNSMOS needs packages .*pip install speechmos"):
        dnsmos.score(voice(), 16000)


def test_files_have_it_where_the_package_is_there(package, tmp_path):
    soundfile.write(tmp_path / "x.wav", voice(), 16000)
    found = score_files([tmp_path / "x.wav"], [tmp_path / "x.wav"], [tmp_path / "x.wav"])
    assert {key: found[key] for key in NAMED} == NAMED == {key: found["noisy"][key] for key in NAMED}
    assert found["improvement"]["dnsmos_ovrl"] == 0


def test_files_have_the_others_where_it_is_not(without, tmp_path):
    soundfile.write(tmp_path / "x.wav", voice(), 16000)
    found = score_files([tmp_path / "x.wav"], [tmp_path / "x.wav"])
    assert "pesq_wb" in found and not {*NAMED} & {*found}


def test_the_package_itself_hears_noise():
    pytest.importorskip("speechmos", reason="speechmos is no part of the lock")
    found = dnsmos.score(voice(), 16000)
    assert all(1 <= x <= 5 for x in found.values()) and found["dnsmos_ovrl"] < 2.5
