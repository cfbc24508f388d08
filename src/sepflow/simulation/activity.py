"""When sources are active, by their energy, and how much of a mixture they share."""

import numpy as np

FRAME = 0.02  # seconds
FLOOR = 40.0  # dB below a source's loudest frame


def active(sources: np.ndarray, rate: int) -> np.ndarray:
    """Which frames of `sources` [C, T] are within 40 dB of their source's loudest: bool [C, frames].

    Frames of 20 ms, side by side, the last filled up with zeros. Digital silence is never active.
    """
    frame = round(FRAME * rate)
    padded = np.pad(sources.astype(np.float64), ((0, 0), (0, -sources.shape[1] % frame)))
    energy = np.square(padded).reshape(len(sources), -1, frame).sum(-1)
    return (energy > 0) & (energy >= 10 ** (-FLOOR / 10) * energy.max(axis=1, keepdims=True))


def overlap(sources: np.ndarray, rate: int) -> float:
    """The frames in which all of `sources` [C, T] are active, as a share of those in which any is.

    NaN where none ever is.
    """
    frames = active(sources, rate)
    spoken = frames.any(axis=0).sum()
    return float(frames.all(axis=0).sum() / spoken) if spoken else float("nan")
