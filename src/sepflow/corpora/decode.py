"""One audio file in, one mono signal at the working rate out; or the reason why not."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from sepflow.contracts import SILENCE_DB
from sepflow.corpora import sphere
from sepflow.corpora.packed import level_db, quantise
from sepflow.errors import SepflowError

# libsndfile reads a file that was cut short without a word and tells of it only in its log.
_WAV_SIZE = re.compile(r"^data : (?P<declared>\d+) \(should be (?P<there>\d+)\)", re.MULTILINE)
_OGG_CUT = "Last page lacks an end-of-stream bit"
CUT = "cut short: it ends before the length that it declares"
_UNKNOWN_SIZE = 0x7FFFF000  # what programs that write to a pipe put for the size: at least this


def load(
    path: Path, rate: int, channel: int | str | None, min_seconds: float
) -> tuple[np.ndarray, float] | None:
    """(int16 codes of shape (n,), scale) of a file at `rate` Hz; None where it is shorter than `min_seconds`.

    `channel` is a number, "mean", or None for files that have only one. Raises SepflowError, with the
    reason alone, for a file that does not decode, is cut short, holds NaN or infinite samples or silence.
    """
    samples, source_rate = _read(path)
    if len(samples) < min_seconds * source_rate:
        return None
    mono = _one_signal(samples, source_rate, rate, channel)
    if not level_db(mono) > SILENCE_DB:
        raise SepflowError(f"silent (below {SILENCE_DB:.0f} dB)")
    return quantise(mono)


def waveform(path: Path, rate: int, channel: int | str | None) -> np.ndarray:
    """float64 samples, shape (n,), of a file at `rate` Hz, neither quantised nor held against silence.

    `channel` as in `load`. Raises SepflowError, with the reason alone, for a file that does not decode, is
    cut short, is empty, or holds NaN or infinite samples.
    """
    return _one_signal(*_read(path), rate, channel)


def _one_signal(samples: np.ndarray, source_rate: int, rate: int, channel: int | str | None) -> np.ndarray:
    """One channel at `rate` Hz, shape (n,), of samples of shape (n, channels) at `source_rate` Hz."""
    if not np.isfinite(samples).all():
        raise SepflowError("holds NaN or infinite samples")
    mono = choose(samples, channel)
    if source_rate != rate:
        mono = soxr.resample(mono, source_rate, rate, quality="VHQ")
    if not len(mono):
        raise SepflowError("holds no samples")
    return mono


def _read(path: Path) -> tuple[np.ndarray, int]:
    """(float64 samples of shape (n, channels), rate in Hz)."""
    with opened(path) as file:
        samples = file.read(dtype="float64", always_2d=True)
        check_whole(file, len(samples))
        return samples, file.samplerate


@contextlib.contextmanager
def opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """The audio file at `path`, to be read in the block. Raises SepflowError where it does not decode."""
    readable, declared = sphere.source(path)
    try:
        with soundfile.SoundFile(readable) as file:
            if declared is not None and file.frames < declared:  # libsndfile reads it without a word
                raise SepflowError(CUT)
            yield file
    except (soundfile.SoundFileError, OSError) as error:
        reason = str(error).replace(repr(str(path)), "").strip(" .")
        raise SepflowError(f"does not decode ({reason})") from None


def check_whole(file: soundfile.SoundFile, samples: int) -> None:
    """Raise SepflowError where `file`, read to its end, gave fewer `samples` a channel than it declares."""
    sizes = _WAV_SIZE.search(file.extra_info)
    cut = sizes is not None and int(sizes["there"]) < int(sizes["declared"]) < _UNKNOWN_SIZE
    if cut or _OGG_CUT in file.extra_info or samples < file.frames:
        raise SepflowError(CUT)


def choose(
    samples: np.ndarray,
    channel: int | str | None,
    way_out: str = "set `channel: mean`, or a channel's number, in the scale's file",
) -> np.ndarray:
    """One channel, shape (n,), of samples of shape (n, channels).

    `channel` as in `load`. Raises SepflowError where it is None and there are several (with the `way_out`),
    or where there is no such channel.
    """
    channels = samples.shape[1]
    if channel == "mean":
        return samples.mean(axis=1)
    if channel is None and channels > 1:
        raise SepflowError(f"{channels} channels ({way_out})")
    if channel is not None and not 0 <= int(channel) < channels:
        raise SepflowError(f"no channel {channel}: it has {channels}, counted from 0")
    return np.ascontiguousarray(samples[:, channel or 0])
