"""The weighted spectral slope distance (Klatt): how far apart the slopes between critical bands are."""

import numpy as np

from sepflow.metrics.perceptual.frames import mean_of_lowest

# Of the 25 critical bands, in Hz.
_CENTRES = np.array(
    [50, 120, 190, 260, 330, 400, 470, 540, 617.372, 703.378, 798.717, 904.128, 1020.38, 1148.30, 1288.72]
    + [1442.54, 1610.70, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17, 3597.63]
)
_WIDTHS = np.array(
    [70, 70, 70, 70, 70, 70, 70, 77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914, 140.423, 153.823]
    + [168.154, 183.457, 199.776, 217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136]
)
_LEAST = np.exp(-30 / (2 * 2.303))  # of a filter: beyond -30 dB it is 0
_FLOOR = 1e-10  # -100 dB
_K_MAX, _K_LOCAL = 20.0, 1.0


def weighted_spectral_slope(clean: np.ndarray, estimate: np.ndarray, rate: int) -> float:
    """The WSS of the frames [frames, samples] of both, the mean of the lowest 95 %; NaN without any.

    Frames are of 16-bit samples: the floor of -100 dB is meant for those.
    """
    levels = [_levels(x, rate) for x in (clean, estimate)]
    slopes = [np.diff(x) for x in levels]
    weights = sum(_weights(*of) for of in zip(levels, slopes, strict=True)) / 2
    distances = (weights * np.square(slopes[0] - slopes[1])).sum(1) / weights.sum(1)
    return mean_of_lowest(distances)


def _levels(frames: np.ndarray, rate: int) -> np.ndarray:
    """The level of each critical band in dB, -100 at least: [frames, 25]."""
    size = 2 ** int(np.ceil(np.log2(2 * frames.shape[1])))
    power = np.square(np.abs(np.fft.rfft(frames, size)[:, : size // 2]))
    return 10 * np.log10(np.maximum(power @ _filters(size // 2, rate).T, _FLOOR))


def _filters(bins: int, rate: int) -> np.ndarray:
    """The bands' Gaussian filters over the lower half of a spectrum, of one area: [25, bins]."""
    a_hertz = bins / (rate / 2)
    distance = (np.arange(bins) - np.floor(_CENTRES * a_hertz)[:, None]) / (_WIDTHS * a_hertz)[:, None]
    filters = np.exp(-11 * np.square(distance)) * (_WIDTHS[0] / _WIDTHS)[:, None]
    return np.where(filters > _LEAST, filters, 0)


def _weights(levels: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """What `slopes` count, [frames, 24]: the more, the nearer a band is to the highest and to its peak."""
    lower = levels[:, :-1]
    highest = _K_MAX / (_K_MAX + levels.max(1, keepdims=True) - lower)
    return highest * _K_LOCAL / (_K_LOCAL + _peaks(lower, slopes) - lower)


def _peaks(lower: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """The level of the peak that each band climbs to, [frames, 24].

    Upwards that is the band before the last that climbs, not the peak itself, as in Loizou's programs, of
    which the composites' weights are the regression.
    """
    rising = slopes > 0
    peaks = lower.copy()
    last = lower.shape[1] - 1
    for k in range(last - 1, -1, -1):
        peaks[:, k] = np.where(rising[:, k] & rising[:, k + 1], peaks[:, k + 1], peaks[:, k])
    for k in range(1, last + 1):
        peaks[:, k] = np.where(rising[:, k] | rising[:, k - 1], peaks[:, k], peaks[:, k - 1])
    return peaks
