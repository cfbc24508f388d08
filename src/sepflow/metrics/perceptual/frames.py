"""The frames that the composites are made of: 30 ms, a quarter of that apart, under a Hann window."""

import numpy as np

_SECONDS = 0.03
_INT16 = 2.0**15  # floors in dB are meant for 16-bit samples
_KEPT = 0.95


def length_of(rate: int) -> int:
    """The samples of a frame at `rate` Hz."""
    return round(_SECONDS * rate)


def frames_of(signal: np.ndarray, rate: int) -> np.ndarray:
    """Windowed frames of a signal [T] at `rate` Hz, scaled as 16-bit samples: [frames, samples].

    The last whole frame is left out, as in Loizou's programs; a signal of one frame or less has none.
    """
    length = length_of(rate)
    if len(signal) < length:
        return np.empty((0, length))
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(1, length + 1) / (length + 1)))
    whole = np.lib.stride_tricks.sliding_window_view(_INT16 * signal, length)[:: length // 4]
    return whole[:-1] * window


def mean_of_lowest(distances: np.ndarray) -> float:
    """The mean of the lowest 95 % of the frames' `distances` [frames]; NaN without a frame."""
    kept = np.sort(distances)[: round(_KEPT * len(distances))]
    return float(kept.mean()) if len(kept) else float("nan")
