"""When sources are active, and how much of a mixture they share."""

import numpy as np
import pytest

from sepflow.simulation.activity import active, overlap
from test_scoring import noise

RATE = 8000


def on(signal, start, stop) -> np.ndarray:
    """A signal [T], and silence but from `start` to `stop` in seconds."""
    out = np.zeros_like(signal)
    out[round(start * RATE) : round(stop * RATE)] = signal[round(start * RATE) : round(stop * RATE)]
    return out


@pytest.mark.parametrize("gain", [1.0, 1e-3])
def test_overlap_is_the_time_of_both_over_the_time_of_any(gain):
    a, b = noise(2, 2 * RATE)
    sources = np.stack([on(a, 0.0, 1.0), gain * on(b, 0.5, 1.5)])
    assert overlap(sources, RATE) == pytest.approx(1 / 3)
    assert overlap(np.stack([on(a, 0, 1), on(b, 1, 2)]), RATE) == 0
    assert overlap(np.stack([a, 0 * b]), RATE) == 0
    assert np.isnan(overlap(0 * sources, RATE))


@pytest.mark.parametrize(("decibels", "heard"), [(-38, True), (-42, False)])
def test_a_frame_is_active_within_40_db_of_the_loudest(decibels, heard):
    signal = np.sin(2 * np.pi * 500 * np.arange(0.065 * RATE) / RATE)  # three frames, and a piece of one
    signal[160:320] *= 10 ** (decibels / 20)
    np.testing.assert_array_equal(active(signal[None], RATE), [[True, heard, True, True]])
