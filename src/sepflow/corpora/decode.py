"""One audio file in, a signal at the working rate out, of one channel or several; or the reason why not."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soxr

from sepflow.corpora.packed import level_db, quantise
from sepflow.errors import SepflowError
from sepflow.files.audio import NO_SAMPLES, choose, read
from sepflow.files.contracts import SILENCE_DB

Keep = Callable[[np.ndarray], np.ndarray]


def load(path: Path, rate: int, keep: Keep, min_seconds: float) -> tuple[np.ndarray, float] | None:
    """(int16 codes, scale) of a file at `rate` Hz; None where it is shorter than `min_seconds`.

    `keep` makes of its samples (n, channels) what is kept, as `audio.choose` does, or `several`; the codes
    are of the same shape. Several channels are silent, constant and scaled together, never one by one.
    Raises SepflowError as `recording` and `keep` do.
    """
    samples, source_rate = read(path)
    if len(samples) < min_seconds * source_rate:
        return None
    return quantise(_audible(keep(samples), source_rate, rate))


def recording(path: Path, rate: int, channel: int | str | None) -> np.ndarray:
    """float64 samples, shape (n,), of a file at `rate` Hz, in which something is to be heard.

    Raises SepflowError, with the reason alone, as `waveform` does, and where it is silent or constant.
    """
    samples, source_rate = read(path)
    return _audible(choose(samples, channel), source_rate, rate)


def waveform(path: Path, rate: int, channel: int | str | None) -> np.ndarray:
    """float64 samples, shape (n,), of a file at `rate` Hz, silent or not.

    `channel` as in `audio.choose`. Raises SepflowError, with the reason alone, for a file that does not
    decode, is cut short, is empty, or holds NaN, infinite or absurd samples.
    """
    samples, source_rate = read(path)
    return _resampled(choose(samples, channel), source_rate, rate)


def several(samples: np.ndarray, channels: int, order: Sequence[int] = ()) -> np.ndarray:
    """So many `channels`, (n, channels), of samples of shape (n, channels of the file).

    Of more than these the first in `order`, as a layout says it. Raises SepflowError, with the reason alone,
    where there are fewer, and where there are more and nothing says which.
    """
    there, chosen = samples.shape[1], list(order[:channels])
    if there == channels:
        return samples
    if there < channels:
        raise SepflowError(f"{there} channel{'s' * (there > 1)}, and `channels: {channels}` wants {channels}")
    if len(chosen) < channels or max(chosen) >= there:
        raise SepflowError(f"{there} channels, and `channels: {channels}` does not say which of them")
    return samples[:, chosen]


def _audible(given: np.ndarray, source_rate: int, rate: int) -> np.ndarray:
    """Samples `given` at `source_rate` Hz, shape (n,) or (n, channels), at `rate` Hz."""
    samples = _resampled(given, source_rate, rate)
    if not level_db(samples) > SILENCE_DB:
        raise SepflowError(f"silent (below {SILENCE_DB:.0f} dB)")
    # Before it was resampled: the filter rings where a constant begins and ends.
    mean = given.mean(axis=0)
    if not level_db(given - mean) > SILENCE_DB:
        about = ", ".join(f"{value:.6g}" for value in np.atleast_1d(mean))
        raise SepflowError(f"constant: all samples are about {about} (a dead channel)")
    return samples


def _resampled(samples: np.ndarray, source_rate: int, rate: int) -> np.ndarray:
    if source_rate != rate:
        samples = soxr.resample(samples, source_rate, rate, quality="VHQ")
    if not len(samples):
        raise SepflowError(NO_SAMPLES)
    return samples
