"""Ratios of energies in dB: by segments, and of the whole signal, whatever its scale."""

import numpy as np

from sepflow.metrics import MOST_DB

_LOWEST, _HIGHEST = -10.0, 35.0  # dB, of a frame
_EPS = np.finfo(np.float64).eps


def segmental_snr(clean: np.ndarray, estimate: np.ndarray) -> float:
    """The mean SNR in dB of the frames [frames, samples] of both, each within -10 to 35; NaN without any."""
    if not len(clean):
        return float("nan")
    signal, noise = np.square(clean).sum(1), np.square(clean - estimate).sum(1)
    ratios = 10 * np.log10(signal / (noise + _EPS) + _EPS)
    return float(ratios.clip(_LOWEST, _HIGHEST).mean())


def si_sdr(clean: np.ndarray, estimate: np.ndarray) -> float:
    """The SI-SDR in dB of `estimate` [T] against `clean` [T], within +-100, their means left in.

    With the means taken out, it is the SI-SNR of metrics/separation.
    """
    clean, estimate = (x / np.abs(x).max() for x in (clean, estimate))
    target = (estimate @ clean) / (clean @ clean) * clean
    energies = [np.square(x).sum() for x in (target, estimate - target)]
    with np.errstate(divide="ignore"):  # a perfect estimate, or one at a right angle
        return float(np.clip(10 * np.subtract(*np.log10(energies)), -MOST_DB, MOST_DB))
