"""scipy's `resample_poly`, by which the field's mixtures are resampled, in less time."""

import functools
from math import gcd

import numpy as np

# Half the length of resample_poly's filter, in samples of the lower of the two rates.
HALF_FILTER = 10


def resample(samples: np.ndarray, rate: int, native_rate: int) -> np.ndarray:
    """`resample_poly(samples, rate, native_rate)` of samples [T], bit by bit.

    Where float32 is brought to a rate that divides its own, each tap of the filter is applied to all samples
    at once, in the order in which scipy adds them for each.
    """
    from scipy.signal import resample_poly  # a second, which who resamples nothing does not pay

    divisor = gcd(rate, native_rate)
    up, down = rate // divisor, native_rate // divisor
    if up != 1 or down == 1 or samples.dtype != np.float32:
        return resample_poly(samples, up, down)
    length = -(-len(samples) // down)
    padded = np.zeros((length + 2 * HALF_FILTER + 1) * down, np.float32)
    padded[HALF_FILTER * down :][: len(samples)] = samples
    phases = np.ascontiguousarray(padded.reshape(-1, down).T)
    total, product = np.zeros(length, np.float32), np.empty(length, np.float32)
    for place, tap in _taps(down):
        later = place // down
        np.multiply(phases[place % down, later : later + length], tap, out=product)
        np.add(total, product, out=total)
    return total


@functools.cache
def _taps(down: int) -> list[tuple[int, np.float32]]:
    """(place, value) of the taps of resample_poly's low-pass, but for those that are 0 but for rounding."""
    from scipy.signal import firwin

    taps = firwin(2 * HALF_FILTER * down + 1, 1 / down, window=("kaiser", 5.0)).astype(np.float32)
    return [(place, tap) for place, tap in enumerate(taps) if abs(tap) > 1e-12]
