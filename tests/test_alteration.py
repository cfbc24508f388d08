"""TERA's alterations by counting over many draws, and what is heard of a signal by plain numpy."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from pretraining import ALTERATIONS, noise
from sepflow.tasks.mama.alteration import Alteration, Alterations, Spectra

BINS, FRAMES = 101, 301  # of 3 s
WINDOW, HOP = 200, 80  # samples
TERA = Alterations(**ALTERATIONS)
DRAWS = 3000


def decide(number: int, frames: int = FRAMES) -> Alteration:
    return TERA.decide(BINS, frames, np.random.default_rng(number))


def drawn(count: int = DRAWS) -> Iterator[Alteration]:
    return map(decide, range(count))


def in_time(one: Alteration) -> np.ndarray:
    """Which frames are altered as a whole."""
    return one.altered.all(0)


def runs(flags: np.ndarray) -> list[slice]:
    """The runs of True, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return [slice(*pair) for pair in edges.reshape(-1, 2)]


def about(count: int, share: float) -> bool:
    """Whether a count of all draws is what a share gives, within four standard deviations of the binomial."""
    return abs(count - DRAWS * share) <= 4 * math.sqrt(DRAWS * share * (1 - share))


# TERA's alterations


def test_spans_of_frames_are_altered_up_to_their_share():
    altered = np.array([in_time(one) for one in drawn()])
    counts = altered.sum(1)
    assert counts.max() == 6 * 7  # the whole spans in 15 % of 301 frames
    assert counts.mean() > 0.85 * 42  # they may overlap
    for one in altered[:200]:
        assert all(run.stop - run.start >= 7 for run in runs(one))
    everywhere = altered.mean(0)
    assert (np.abs(everywhere[6:-6] - everywhere[6:-6].mean()) < 0.04).all()
    assert 0 < everywhere[0] < everywhere[3] < everywhere[10]  # fewer spans have the first frames


def test_eight_in_ten_are_silenced_one_replaced_one_left():
    silenced = replaced = left = 0
    for one in drawn():
        frames = in_time(one)
        heard, moved = one.kept[:, frames].any(0), one.source != np.arange(FRAMES)
        assert not moved[~frames].any()
        silenced += not heard.any()
        replaced += bool(moved.any())
        left += bool(heard.all()) and not moved.any()
        assert heard.any() or not moved.any()
    assert about(silenced, 0.8) and about(replaced, 0.1) and about(left, 0.1)
    assert silenced + replaced + left == DRAWS


def test_a_replaced_span_is_another_stretch_of_frames():
    seen = []
    for one in (x for x in drawn() if (x.source != np.arange(FRAMES)).any()):
        assert one.source.min() >= 0 and one.source.max() < FRAMES
        for run in runs(in_time(one)):
            if run.stop - run.start == 7:  # no overlap of two
                assert (np.diff(one.source[run]) == 1).all()
                seen.append(one.source[run.start])
    assert len(seen) > 500 and min(seen) < 30 and max(seen) > FRAMES - 7 - 30


def test_a_block_of_channels_up_to_its_share_is_silenced():
    widths, lows = [], []
    for one in drawn():
        channels = one.altered.all(1)
        (run,) = runs(channels) or [slice(0, 0)]
        assert not one.kept[channels].any() and one.kept[~channels][:, ~in_time(one)].all()
        widths.append(run.stop - run.start)
        lows.append(run.start)
    assert max(widths) == 10  # of 101 bins
    counts = np.bincount(widths, minlength=11)
    assert all(about(count, 1 / 11) for count in counts)
    assert min(lows) == 0 and max(lows) > 90


def test_noise_is_on_the_magnitudes_as_often_and_as_loud_as_asked():
    noisy = [(one.noise.mean(), one.noise.std()) for one in drawn() if one.noise.any()]
    assert about(len(noisy), 0.15)
    assert np.abs(noisy - np.array([0, 0.2])).max() < 0.01


def test_nothing_else_is_altered():
    for one in drawn(300):
        rest = ~in_time(one)[None] & ~one.altered.all(1)[:, None]
        assert not one.altered[rest].any() and one.kept[rest].all()


@pytest.mark.parametrize("frames", [1, 2, 6, 7, 8, 20])
def test_of_few_frames_a_span_is_altered_still(frames):
    for number in range(50):
        one = decide(number, frames=frames)
        assert in_time(one).sum() == min(7, frames)
        assert one.source.min() >= 0 and one.source.max() < frames


# What is heard of a signal


@pytest.mark.parametrize("samples", [1, 79, 80, 81, 150, 400, 2000, 24_000, 80_000])
@pytest.mark.parametrize(("window", "hop"), [(200, 80), (200, 100), (64, 16)])
def test_what_is_not_altered_is_heard_as_it_is(samples, window, hop):
    spectra, signals = Spectra(window, hop), noise(2, samples)
    bins, frames = spectra.shape(samples)
    assert spectra.forward(signals).shape == (2, bins, frames)
    nothing = Alteration(
        np.ones((bins, frames), bool), np.ones((bins, frames)), np.arange(frames), np.zeros((bins, frames))
    )
    assert (spectra.alter(signals, [nothing] * 2) - signals).abs().max() < 1e-10


def plain_stft(signal: np.ndarray) -> np.ndarray:
    """[T] -> [F, K]: a Hann window around every multiple of the hop, from 0 until all is covered."""
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    frames = 1 + math.ceil(len(signal) / HOP)
    padded = np.concatenate([np.zeros(WINDOW // 2), signal, np.zeros(2 * WINDOW)])
    return np.stack([np.fft.rfft(taper * padded[k * HOP : k * HOP + WINDOW]) for k in range(frames)], 1)


def plain_istft(spectrum: np.ndarray, samples: int) -> np.ndarray:
    """The signal [T] whose STFT is nearest to `spectrum`."""
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    total = np.zeros((2, spectrum.shape[1] * HOP + WINDOW))
    for k, frame in enumerate(spectrum.T):
        place = slice(k * HOP, k * HOP + WINDOW)
        total[:, place] += taper * np.fft.irfft(frame, WINDOW), taper**2
    cut = total[:, WINDOW // 2 : WINDOW // 2 + samples]
    return cut[0] / cut[1]


def test_the_stft_is_that_of_the_definition():
    signal = noise(1, 1234)
    np.testing.assert_allclose(
        Spectra(WINDOW, HOP).forward(signal)[0], plain_stft(signal[0].numpy()), atol=1e-12
    )


def test_what_is_heard_is_altered_point_by_point():
    signals, decided = noise(40, 3000), [decide(number, frames=39) for number in range(40)]
    heard = Spectra(WINDOW, HOP).alter(signals, decided).numpy()
    assert {bool(one.noise.any()) for one in decided} == {False, True}
    for signal, one, ours in zip(signals.numpy(), decided, heard, strict=True):
        spectrum = plain_stft(signal)[:, one.source]
        magnitude, phase = np.abs(spectrum), np.exp(1j * np.angle(spectrum))
        louder = np.maximum(magnitude + one.noise * np.sqrt(np.mean(magnitude**2)), 0)
        np.testing.assert_allclose(ours, plain_istft(louder * one.kept * phase, 3000), atol=1e-10)


def test_a_silenced_span_is_silent_in_its_middle():
    spectra, kept = Spectra(WINDOW, HOP), np.ones((BINS, 39))
    kept[:, 10:17] = 0
    one = Alteration(kept == 0, kept, np.arange(39), np.zeros((BINS, 39)))
    heard = spectra.alter(noise(1, 3000), [one])[0]
    assert heard[9 * HOP + WINDOW // 2 : 17 * HOP - WINDOW // 2].abs().max() < 1e-15
    assert (heard - noise(1, 3000)[0])[: 10 * HOP - WINDOW // 2].abs().max() < 1e-12
