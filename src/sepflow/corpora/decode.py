"""One audio file in, one mono signal at the working rate out; or the reason why not."""

from pathlib import Path

import numpy as np
import soxr

from sepflow.corpora.packed import level_db, quantise
from sepflow.errors import SepflowError
from sepflow.files.audio import NO_SAMPLES, choose, read
from sepflow.files.contracts import SILENCE_DB


def load(
    path: Path, rate: int, channel: int | str | None, min_seconds: float
) -> tuple[np.ndarray, float] | None:
    """(int16 codes of shape (n,), scale) of a file at `rate` Hz; None where it is shorter than `min_seconds`.

    Raises SepflowError as `recording` does.
    """
    samples, source_rate = read(path)
    if len(samples) < min_seconds * source_rate:
        return None
    return quantise(_audible(samples, source_rate, rate, channel))


def recording(path: Path, rate: int, channel: int | str | None) -> np.ndarray:
    """float64 samples, shape (n,), of a file at `rate` Hz, in which something is to be heard.

    Raises SepflowError, with the reason alone, as `waveform` does, and where it is silent or constant.
    """
    return _audible(*read(path), rate, channel)


def waveform(path: Path, rate: int, channel: int | str | None) -> np.ndarray:
    """float64 samples, shape (n,), of a file at `rate` Hz, silent or not.

    `channel` as in `audio.choose`. Raises SepflowError, with the reason alone, for a file that does not
    decode, is cut short, is empty, or holds NaN, infinite or absurd samples.
    """
    samples, source_rate = read(path)
    return _resampled(choose(samples, channel), source_rate, rate)


def _audible(samples: np.ndarray, source_rate: int, rate: int, channel: int | str | None) -> np.ndarray:
    """One channel at `rate` Hz, shape (n,), of samples of shape (n, channels) at `source_rate` Hz."""
    given = choose(samples, channel)
    mono = _resampled(given, source_rate, rate)
    if not level_db(mono) > SILENCE_DB:
        raise SepflowError(f"silent (below {SILENCE_DB:.0f} dB)")
    # Before it was resampled: the filter rings where a constant begins and ends.
    mean = given.mean()
    if not level_db(given - mean) > SILENCE_DB:
        raise SepflowError(f"constant: all samples are about {mean:.6g} (a dead channel)")
    return mono


def _resampled(mono: np.ndarray, source_rate: int, rate: int) -> np.ndarray:
    if source_rate != rate:
        mono = soxr.resample(mono, source_rate, rate, quality="VHQ")
    if not len(mono):
        raise SepflowError(NO_SAMPLES)
    return mono
