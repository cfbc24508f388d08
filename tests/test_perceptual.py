"""Perceptual scores against the packages, a literal transcription of the composites, and published values."""

import math
import sys
import warnings
from pathlib import Path

import numpy as np
import pesq
import pystoi
import pytest
import soundfile
import soxr
import torch
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from composites_definition import literal_llr, literal_segsnr, literal_wss, noisy, voice
from conftest import ROOT
from sepflow.errors import SepflowError
from sepflow.metrics.declared import metrics_of, scorer_of
from sepflow.metrics.perceptual.composite import raw_of_nb
from sepflow.metrics.perceptual.frames import frames_of
from sepflow.metrics.perceptual.llr import log_likelihood_ratio
from sepflow.metrics.perceptual.packages import LONGEST_PESQ, stoi
from sepflow.metrics.perceptual.scores import score
from sepflow.metrics.perceptual.wss import weighted_spectral_slope
from sepflow.metrics.signals import Signals

NAMES = ["pesq_wb", "pesq_nb", "stoi", "estoi", "segsnr", "csig", "cbak", "covl", "si_sdr"]
COMPOSED = {"csig", "cbak", "covl"}
SHARED = Path(__file__).parents[2] / "shared/data"
VCTK = ROOT / "data/vctk_demand"


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("decibels", [0, 15])
def test_the_composites_are_what_the_formulas_say(rate, decibels):
    clean = voice(rate, 0.6)
    estimate = noisy(clean, decibels)
    found = score(clean, estimate, rate)
    frames = frames_of(clean, rate), frames_of(estimate, rate)
    segsnr, llr, wss = (f(clean, estimate, rate) for f in (literal_segsnr, literal_llr, literal_wss))
    assert log_likelihood_ratio(*frames, rate) == pytest.approx(llr, abs=1e-9)
    assert weighted_spectral_slope(*frames, rate) == pytest.approx(wss, abs=1e-9)
    assert found["segsnr"] == pytest.approx(segsnr, abs=1e-9)
    quality = found["pesq_wb"]
    if rate == 8000:  # P.862.1, the other way round
        quality = raw_of_nb(found["pesq_nb"])
        assert 0.999 + 4 / (1 + math.exp(-1.4945 * quality + 4.6607)) == pytest.approx(found["pesq_nb"])
    wanted = {
        "csig": 3.093 - 1.029 * llr + 0.603 * quality - 0.009 * wss,
        "cbak": 1.634 + 0.478 * quality - 0.007 * wss + 0.063 * segsnr,
        "covl": 1.594 + 0.805 * quality - 0.512 * llr - 0.007 * wss,
    }
    for name, value in wanted.items():
        assert found[name] == pytest.approx(min(max(value, 1), 5), abs=1e-9)
    assert decibels == 0 or 1 < min(wanted.values()) < max(wanted.values()) < 5  # nothing is cut off there


@pytest.mark.parametrize("rate", [8000, 16000])
def test_pesq_and_stoi_are_the_packages(rate):
    clean = voice(rate)
    estimate = noisy(clean, 5)
    found = score(clean, estimate, rate)
    assert found["pesq_nb"] == pesq.pesq(rate, clean, estimate, "nb")
    if rate == 16000:
        assert found["pesq_wb"] == pesq.pesq(rate, clean, estimate, "wb")
    assert found["stoi"] == 100 * pystoi.stoi(clean, estimate, rate)
    assert found["estoi"] == pytest.approx(100 * pystoi.stoi(clean, estimate, rate, extended=True), abs=1e-9)
    torch_s = scale_invariant_signal_distortion_ratio(torch.tensor(estimate), torch.tensor(clean))
    assert found["si_sdr"] == pytest.approx(torch_s.item(), abs=1e-6)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_clean_signal_has_the_best_of_all_scores(rate):
    clean = voice(rate)
    found, frames = score(clean, clean, rate), frames_of(clean, rate)
    assert found["segsnr"] == 35 and found["si_sdr"] == 100
    assert log_likelihood_ratio(frames, frames, rate) == weighted_spectral_slope(frames, frames, rate) == 0
    assert [found[name] for name in sorted(COMPOSED)] == [5, 5, 5]
    assert found["stoi"] == pytest.approx(100) and found["estoi"] == pytest.approx(100)
    assert found["pesq_nb"] == pytest.approx(4.5486, abs=1e-3)
    assert score(clean, 0.5 * clean, rate)["si_sdr"] == 100
    turned = np.array([1.0, -1.0] * 4000)
    assert score(turned, np.abs(turned) + np.arange(8000) % 4 // 2, rate)["si_sdr"] == -100


def test_less_noise_is_better_in_every_score():
    clean = voice()
    found = [score(clean, noisy(clean, decibels), 16000) for decibels in (0, 5, 10, 15, 20)]
    for name in NAMES:
        values = [x[name] for x in found]
        assert values == sorted(values) and values[-1] > values[0], name


def test_a_group_gives_one_value_of_the_first_reference_and_estimate():
    clean = voice()
    estimates = np.stack([noisy(clean, 5), noisy(clean, 0)]).astype(np.float32)
    found = scorer_of("perceptual")(Signals(np.stack([clean, clean]), estimates, estimates[0], 16000))
    assert list(found) == NAMES == list(metrics_of(["perceptual"]))
    assert found == {name: [value] for name, value in score(clean, estimates[0], 16000).items()}


def silence_in_the_estimate(clean):
    return clean, np.where(np.arange(len(clean)) < len(clean) // 2, clean, 0)


def test_frames_of_digital_silence_are_scored_too():
    clean = voice()
    for pair in (silence_in_the_estimate(clean), silence_in_the_estimate(clean)[::-1]):
        assert np.isfinite(list(score(*pair, 16000).values())).all()


def test_empty_bands_are_the_same_chance_each_time_and_nobody_elses_is_touched():
    pair = silence_in_the_estimate(voice())
    np.random.seed(3)
    first, drawn = stoi(*pair, 16000, extended=True), np.random.random()
    assert stoi(*pair, 16000, extended=True) == first
    np.random.seed(3)
    assert np.random.random() == drawn


def burst_train(seconds, rate=16000):
    """Noise for 0.2 s, and a pause of 0.21 s, over and over."""
    time = np.arange(round(seconds * rate)) / rate
    return np.random.default_rng(0).standard_normal(len(time)) * 0.1 * (time % 0.41 < 0.2)


def beep():
    """Noise of 0.1 s in a second of silence: to PESQ, no utterance."""
    return burst_train(1) * (np.arange(16000) < 1600)


UNDEFINED = {
    "a silent clean signal": (np.zeros(16000), voice(seconds=1), 16000, set(NAMES)),
    "a silent estimate": (voice(), np.full(32000, 0.25), 16000, set(NAMES)),
    "8 kHz": (voice(8000), noisy(voice(8000), 5), 8000, {"pesq_wb"}),
    "44.1 kHz": (voice(44100), noisy(voice(44100), 5), 44100, {"pesq_wb", "pesq_nb", *COMPOSED}),
    "0.2 s": (
        voice(seconds=0.2),
        noisy(voice(seconds=0.2), 5),
        16000,
        {"pesq_wb", "pesq_nb", "stoi", "estoi", *COMPOSED},
    ),
    "3 samples": (voice()[900:903], voice()[901:904], 16000, set(NAMES) - {"si_sdr"}),
    "a beep": (
        beep(),
        noisy(beep(), 5),
        16000,
        {"pesq_wb", "pesq_nb", "stoi", "estoi", *COMPOSED},
    ),
    "more utterances than pesq has room for": (
        burst_train(26),
        noisy(burst_train(26), 5),
        16000,
        {"pesq_wb", "pesq_nb", *COMPOSED},
    ),
}


@pytest.mark.parametrize("case", UNDEFINED)
def test_what_is_undefined_is_no_number(case):
    clean, estimate, rate, undefined = UNDEFINED[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(clean, estimate, rate)
    assert {name for name, value in found.items() if math.isnan(value)} == undefined
    assert not any(math.isinf(value) for value in found.values())


def test_as_long_as_pesq_may_be_it_is_scored():
    clean = burst_train(LONGEST_PESQ)
    assert score(clean, noisy(clean, 5), 16000)["pesq_nb"] > 1


@pytest.mark.parametrize(
    ("clean", "estimate", "message"),
    [
        (voice(), voice()[:-1], r"of one length, \[T\]: clean \[32000\], estimate \[31999\]"),
        (voice()[None], voice()[None], r"clean \[1, 32000\]"),
        (np.zeros(0), np.zeros(0), r"clean \[0\]"),
        (voice(), np.full(32000, np.nan), "not finite"),
    ],
)
def test_bad_signals_are_refused(clean, estimate, message):
    with pytest.raises(SepflowError, match=message):
        score(clean, estimate, 16000)


@pytest.mark.parametrize("package", ["pesq", "pystoi"])
def test_a_package_that_is_missing_is_named(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SepflowError, match=f"package {package}, which these scores need.*pip install"):
        score(voice(), voice(), 16000)


def test_real_speech_in_real_noise():
    speech, noises = sorted(SHARED.glob("speech/libri/*/*.ogg")), sorted(SHARED.glob("noise/esc/*/*.ogg"))
    if not speech or not noises:
        pytest.skip(
            "no real speech and noise beside the checkout (../shared/data/speech, ../shared/data/noise)"
        )
    clean, noise = (soundfile.read(paths[0])[0][: 4 * 16000] for paths in (speech, noises))
    noise *= np.sqrt(np.mean(clean**2) / np.mean(noise**2))
    found = [score(clean, clean + noise * 10 ** (-decibels / 20), 16000) for decibels in (0, 10, 20)]
    for name in NAMES:
        values = [x[name] for x in found]
        assert values == sorted(values) and values[-1] > values[0], name
    assert found[1]["pesq_wb"] == pesq.pesq(16000, clean, clean + noise * 10**-0.5, "wb")
    assert 1 < found[0]["csig"] < found[2]["csig"] < 5


def test_the_noisy_test_set_of_vctk_demand_has_its_published_scores():
    noisy_files = sorted(VCTK.rglob("noisy_testset_wav/*.wav"))
    if not noisy_files:
        pytest.skip(
            "no VCTK-DEMAND: `sepflow fetch vctk_demand` puts its 824 test files into data/vctk_demand"
        )
    scores = []
    for path in noisy_files:
        signals = [soundfile.read(x) for x in (path.parents[1] / "clean_testset_wav" / path.name, path)]
        scores.append(score(*(soxr.resample(x, rate, 16000) for x, rate in signals), 16000))
    means = {name: np.nanmean([x[name] for x in scores]) for name in NAMES}
    published = {"pesq_wb": 1.97, "csig": 3.35, "cbak": 2.44, "covl": 2.63}
    assert {name: means[name] for name in published} == pytest.approx(published, abs=0.02)
    assert means["stoi"] == pytest.approx(92.1, abs=0.2) and means["si_sdr"] == pytest.approx(8.45, abs=0.1)
