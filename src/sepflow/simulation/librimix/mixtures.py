"""LibriMix in samples: gain, rate, length and sum of a mixture's signals, as the official program makes them.

The order of the operations and the types are the official ones: all is float32, but for a noise that was
extended, which is float64. In another order or type the last bits would differ, and with them samples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sepflow.errors import SepflowError
from sepflow.simulation.published import NATIVE_RATE as RATE
from sepflow.simulation.resampling import resample

FADE = RATE // 2 + 1  # samples: half of a Hann window, its peak included
EPS = 1e-10


class Mixture(NamedTuple):
    """A sum [T] and the signals [T] that it is the sum of."""

    samples: np.ndarray
    parts: list[np.ndarray]


def extend_noise(noise: np.ndarray, length: int) -> np.ndarray:
    """`noise` [T], repeated until it has `length` samples; as it is where it has them.

    Each repetition fades in, and what is there fades out, over the same FADE samples. The result is float64
    [length]. Raises SepflowError where the noise is not longer than the fade.
    """
    if len(noise) >= length:
        return noise
    if len(noise) <= FADE:
        raise SepflowError(f"{len(noise)} samples, too short to be repeated (over {FADE} are needed)")
    rising = np.hanning(2 * FADE - 1)[:FADE]
    extended = noise
    while len(extended) < length:
        faded = extended[-FADE:] * rising[::-1] + noise[:FADE] * rising
        extended = np.concatenate((extended[:-FADE], faded, noise[FADE:]))
    return extended[:length]


def transform(samples: np.ndarray, gain: float, rate: int) -> np.ndarray:
    """`samples` [T] of 16 kHz times `gain`, at `rate` Hz; the type is kept."""
    # A gain of numpy's float64 would make everything float64.
    return resample(samples * float(gain), rate, RATE)


def fit(signals: Sequence[np.ndarray], mode: str) -> list[np.ndarray]:
    """The signals [T_k] at one length: "min" cuts to the shortest, "max" pads at the end with zeros."""
    lengths = [len(signal) for signal in signals]
    if mode == "min":
        return [signal[: min(lengths)] for signal in signals]
    return [np.pad(signal, (0, max(lengths) - len(signal))) for signal in signals]


def add_up(signals: Sequence[np.ndarray]) -> np.ndarray:
    """The sum [T] of signals [T], in the type of the first, one after the other."""
    total = np.zeros_like(signals[0])
    for signal in signals:
        total += signal
    return total


def mixtures(
    sources: Sequence[np.ndarray], noise: np.ndarray | None, types: Sequence[str]
) -> dict[str, Mixture]:
    """{type: mixture} of speech `sources` [T] and a `noise` [T], which "mix_clean" alone can do without."""
    parts = {"mix_clean": [*sources], "mix_both": [*sources, noise], "mix_single": [sources[0], noise]}
    return {name: Mixture(add_up(parts[name]), parts[name]) for name in types}


def snr(part: np.ndarray, mixture: np.ndarray) -> np.floating:
    """Level of a part [T] over the rest of its mixture [T], in dB, in the part's type."""
    rest = mixture - part
    return 10 * np.log10(np.mean(part**2) / (np.mean(rest**2) + EPS) + EPS)
