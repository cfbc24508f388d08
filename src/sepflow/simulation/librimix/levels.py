"""How loud each signal of a LibriMix mixture is: the official draws, and the gains that follow from them."""

import random
import warnings
from collections.abc import Sequence

import numpy as np
import pyloudnorm

from sepflow.simulation.inputs import RATE
from sepflow.simulation.librimix.mixtures import add_up

SPEECH = (-33, -25)  # LUFS
NOISE = (-38, -30)
PEAK = 0.9  # of a mixture, and of a signal that would clip


def draw_loudness(sources: int, rng: random.Random) -> list[float]:
    """The loudness of the `sources` of a mixture and, last, of its noise, in LUFS."""
    loudness = [rng.uniform(*SPEECH) for _ in range(sources)]
    rng.uniform(*SPEECH)  # drawn for the noise too, and thrown away
    return [*loudness, rng.uniform(*NOISE)]


def gains(signals: Sequence[np.ndarray], loudness: Sequence[float]) -> list[float]:
    """The gain of each signal [T] of 16 kHz for which it has its `loudness` (LUFS), as far as nothing clips.

    A signal that would reach full scale gets a peak of 0.9; where the sum has more, all are scaled for it to
    have 0.9. Not finite where a signal is silent. Raises ValueError where one is shorter than 0.4 s.
    """
    meter = pyloudnorm.Meter(RATE)
    measured = [meter.integrated_loudness(signal) for signal in signals]
    levelled = [_level(*each) for each in zip(signals, measured, loudness, strict=True)]
    peak = np.max(np.abs(add_up(levelled)))
    weight = PEAK / peak if peak > PEAK else 1
    new = [meter.integrated_loudness(signal * weight) for signal in levelled]
    with np.errstate(invalid="ignore"):  # of silence, -inf less -inf
        return [float(np.power(10.0, (b - a) / 20.0)) for a, b in zip(measured, new, strict=True)]


def _level(signal: np.ndarray, measured: float, loudness: float) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of clipping, which is mended below
        levelled = pyloudnorm.normalize.loudness(signal, measured, loudness)
    if np.max(np.abs(levelled)) >= 1:
        return signal * PEAK / np.max(np.abs(signal))
    return levelled
