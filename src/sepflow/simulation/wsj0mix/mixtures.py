"""wsj0-2mix and wsj0-3mix, sample by sample: levels, lengths and rounding of the field's program.

Pure functions on arrays; `wsj0mix_lists` reads what is published, the command writes files.
"""

from collections.abc import Sequence

import numpy as np

from sepflow.simulation import resampling
from sepflow.simulation.published import NATIVE_RATE as RATE

HEADROOM = 0.9  # the peak of the loudest signal of a mixture, where it would be over 1


def resample(source: np.ndarray, rate: int) -> np.ndarray:
    """A source of RATE Hz, [T], at `rate` Hz, in its own precision."""
    return resampling.resample(source, rate, RATE)


def scale(sources: Sequence[np.ndarray], powers: Sequence[float], snrs: Sequence[float]) -> np.ndarray:
    """Sources ([T_k], of one rate) at the list's levels: float64 [sources, T], zeros up to the longest.

    `powers` are those of active speech, from the published table; `snrs` in dB.
    """
    longest = max(len(source) for source in sources)
    scaled = np.zeros((len(sources), longest))
    for row, source, power, snr in zip(scaled, sources, powers, snrs, strict=True):
        row[: len(source)] = source
        row[:] = row / np.sqrt(power) * 10 ** (snr / 20)
    return scaled


def samples(sources: Sequence[np.ndarray], mode: str) -> int:
    """The length of a mixture of `sources`: that of the shortest ("min") or of the longest ("max")."""
    lengths = [len(source) for source in sources]
    return min(lengths) if mode == "min" else max(lengths)


def normalise(scaled: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """(gain, sources [sources, T], mixture [T]) of sources that were scaled and cut to their final length.

    All are divided by one gain, so that no peak is over HEADROOM.
    """
    mixture = np.sum(scaled, axis=0)
    gain = float(max(1.0, np.max(np.abs(mixture)), np.max(np.abs(scaled))) / HEADROOM)
    return gain, scaled / gain, mixture / gain


def quantise(signal: np.ndarray) -> np.ndarray:
    """int16 of a float signal, rounded half to even, as Matlab's wavwrite did it (libsndfile rounds down)."""
    return np.int16(np.round(2**15 * signal))
