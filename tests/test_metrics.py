"""Scores against mir_eval and torchmetrics, and what is said where there is no score."""

import json

import mir_eval
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from torchmetrics.functional.audio import scale_invariant_signal_noise_ratio

from sepflow.errors import SepflowError
from sepflow.metrics.separation.scores import score, score_files

RATE = 8000


def utterance(sources=2, samples=4000, seed=0, noise=0.3):
    """References (coloured, off centre), estimates in reverse order (filtered, noisy), and the mixture."""
    rng = np.random.default_rng(seed)
    references = lfilter([1], [1, -0.8], rng.standard_normal((sources, samples)), axis=1) + 0.1
    estimates = lfilter([1, 0.3], [1], references[::-1], axis=1) + noise * rng.standard_normal(
        (sources, samples)
    )
    return references, estimates, references.sum(axis=0)


def foreign_si_snr(reference, estimate):
    return scale_invariant_signal_noise_ratio(torch.tensor(estimate), torch.tensor(reference)).item()


@pytest.mark.filterwarnings("ignore:.*mir_eval:FutureWarning")
@pytest.mark.parametrize(
    ("sources", "samples"), [(1, 4000), (2, 4000), (3, 4000), (2, 600), (2, 511), (2, 40)]
)
def test_scores_are_mir_eval_and_torchmetrics(sources, samples):
    references, estimates, mixture = utterance(sources, samples)
    scores = score(references, estimates, mixture)
    assert scores["pairing"] == list(range(sources))[::-1]
    sdr, _, _, pairing = mir_eval.separation.bss_eval_sources(references, estimates)
    assert scores["pairing"] == pairing.tolist()
    baseline = [
        mir_eval.separation.bss_eval_sources(reference[None], mixture[None])[0][0] for reference in references
    ]
    np.testing.assert_allclose(scores["sdr"], sdr, rtol=0, atol=1e-6)
    if sources > 1:  # One source is its own mixture: mir_eval's infinity is 100 dB here.
        np.testing.assert_allclose(scores["sdri"], sdr - baseline, rtol=0, atol=1e-6)
    si_snr = [foreign_si_snr(x, estimates[p]) for x, p in zip(references, scores["pairing"], strict=True)]
    np.testing.assert_allclose(scores["si_snr"], si_snr, rtol=0, atol=1e-6)
    if sources > 1:
        gained = np.subtract(si_snr, [foreign_si_snr(x, mixture) for x in references])
        np.testing.assert_allclose(scores["si_snri"], gained, rtol=0, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), gain=st.floats(1e-9, 1e3), sources=st.integers(1, 3))
def test_scores_know_neither_order_nor_scale(seed, gain, sources):
    references, estimates, mixture = utterance(sources, 700, seed)
    order = np.random.default_rng(seed).permutation(sources)
    plain = score(references, estimates, mixture)
    other = score(references, gain * estimates[order], 2 * mixture)
    assert [order[p] for p in other["pairing"]] == plain["pairing"]
    for name in ("si_snr", "si_snri", "sdr", "sdri"):
        np.testing.assert_allclose(other[name], plain[name], rtol=0, atol=1e-6)


def test_the_mixture_itself_gains_nothing():
    references, _, mixture = utterance()
    scores = score(references, np.stack([mixture, mixture]), mixture)
    np.testing.assert_allclose(scores["si_snri"] + scores["sdri"], 0, atol=1e-9)
    assert score(references, references)["si_snri"] is None


def test_sdr_forgives_a_filter_and_si_snr_does_not():
    references, _, _ = utterance()
    filtered = lfilter([0, 0, 0, 1, 0.5], [1], references, axis=1)
    scores = score(references, filtered)
    # What the filter pushed past the end of the signal is cut off, and stays an error.
    assert min(scores["sdr"]) > 25
    assert max(scores["si_snr"]) < 10


def test_a_perfect_estimate_is_100_db():
    references, _, mixture = utterance()
    scores = score(references, 0.5 * references, mixture)
    np.testing.assert_allclose(scores["si_snr"] + scores["sdr"], 100, atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_a_silent_estimate_has_no_score(level):
    references, estimates, mixture = utterance(3)
    estimates[1] = level
    scores = score(references, estimates, mixture)
    assert scores["pairing"] == [2, 1, 0]
    for name in ("si_snr", "si_snri", "sdr", "sdri"):
        assert np.isnan(scores[name]).tolist() == [False, True, False]
    quiet = score(references, estimates, np.zeros_like(mixture))
    assert np.isnan(quiet["si_snri"] + quiet["sdri"]).all()
    assert not np.isnan(quiet["sdr"][0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, s, m: (x * [[0], [1]], s, m), "reference is silent"),
        (lambda x, s, m: (x, s[:1], m), r"references \[2, 4000\], estimates \[1, 4000\]"),
        (lambda x, s, m: (x, s[:, :-1], m), "of one length"),
        (lambda x, s, m: (x[0], s[0], m), r"\[C, T\]"),
        (lambda x, s, m: (x[:, :0], s[:, :0], m[:0]), r"\[2, 0\]"),
        (lambda x, s, m: (x, s, m[:-1]), r"mixture \[3999\]"),
        (lambda x, s, m: (x, s * [[np.nan], [1]], m), "not finite"),
    ],
)
def test_bad_signals_are_refused(change, message):
    with pytest.raises(SepflowError, match=message):
        score(*change(*utterance()))


@pytest.fixture
def files(tmp_path):
    """Paths of a written utterance, in `score_files`' order of arguments."""
    references, estimates, mixture = utterance()
    signals = {
        "x1": references[0],
        "x2": references[1],
        "s1": estimates[0],
        "s2": estimates[1],
        "mix": mixture,
    }
    for name, signal in signals.items():
        soundfile.write(tmp_path / f"{name}.wav", signal, RATE, subtype="DOUBLE")
    x1, x2, s1, s2, mix = (tmp_path / f"{name}.wav" for name in signals)
    return [x1, x2], [s1, s2], mix


def test_files_score_as_their_samples_and_go_into_json(files):
    assert score_files(*files) == score(*utterance())
    soundfile.write(files[1][0], np.zeros(4000), RATE)
    scores = json.loads(json.dumps(score_files(*files), allow_nan=False))
    assert scores["si_snr"][scores["pairing"].index(0)] is None
    assert scores["sdri"][scores["pairing"].index(1)] > 0
    assert score_files(*files[:2])["sdri"] is None


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (utterance()[2], 16000, "16000 Hz, but .*x1.wav has 8000"),
        (utterance()[2][:-5], RATE, "3995 samples, but .*x1.wav has 4000"),
        (np.ones((4000, 2)), RATE, "2 channels"),
        (np.zeros(0), RATE, "no samples"),
        (np.full(4000, np.inf), RATE, "infinite"),
        (None, RATE, "does not decode"),
    ],
)
@pytest.mark.parametrize("name", ["x2", "s1", "mix"])
def test_a_bad_file_is_named(files, name, samples, rate, message):
    path = files[0][0].with_name(f"{name}.wav")
    if samples is None:
        path.write_text("not audio")
    else:
        soundfile.write(path, samples, rate, subtype="DOUBLE")
    with pytest.raises(SepflowError, match=f"{name}.wav: .*{message}"):
        score_files(*files)


def test_files_that_are_missing_silent_or_too_many_are_named(files):
    with pytest.raises(SepflowError, match="1 for 2.*x1.wav.*s1.wav"):
        score_files(files[0], files[1][:1])
    soundfile.write(files[0][1], np.zeros(4000), RATE)
    with pytest.raises(SepflowError, match="x2.wav: this reference is silent"):
        score_files(*files)
    files[1][0].unlink()
    with pytest.raises(SepflowError, match="s1.wav: no such file"):
        score_files(*files)
