"""Audio files of strangers: all that the package hears comes in here, whole and finite, or is refused.

Every refusal is a SepflowError with the reason alone; who knows the file's name puts it before that.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from sepflow.errors import SepflowError
from sepflow.files import check_regular, headers, sphere

LOWEST_RATE, HIGHEST_RATE = 1_000, 10_000_000  # Hz; beyond, it is a header that lies
NO_SAMPLES = "holds no samples"
_LOUDEST = 2.0**32  # times full scale: more than integers that were never scaled
_BLOCK = 2**16  # samples a channel read at once: what a header declares is never allocated


@contextlib.contextmanager
def opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """The audio file at `path`, to be read in the block; for its samples see `read` and `blocks`.

    Raises SepflowError where it is no file, does not decode, is cut short by what its header says, or has a
    rate that no recording has. Errors of decoding in the block are of the same kind.
    """
    check_regular(path)
    readable, declared = sphere.source(path)
    try:
        with _decoder(readable) as file:
            check_rate(file.samplerate)
            headers.check(file, declared)
            yield file
    except (soundfile.SoundFileError, OSError) as error:
        reason = str(getattr(error, "error_string", error)).strip(" .")
        raise SepflowError(f"does not decode ({reason})") from None


class _File(soundfile.SoundFile):
    """soundfile seeks after each read, which a FLAC does not bear that was written to a pipe."""

    def seekable(self) -> bool:
        return self.frames != headers.UNKNOWN and super().seekable()


def _decoder(readable: Path | io.BytesIO) -> soundfile.SoundFile:
    try:
        # As bytes, a name that is no UTF-8 is as good as any.
        return _File(os.fsencode(readable) if isinstance(readable, Path) else readable)
    except TypeError:  # soundfile's word for a file whose name ends in .raw
        raise SepflowError("does not decode (raw samples: nothing says their rate)") from None


def read(path: Path, dtype: str = "float64", frames: int = -1) -> tuple[np.ndarray, int]:
    """(the first `frames` samples of each channel (-1: all), [n, channels]; the rate in Hz) of a file.

    `dtype` is float32 or float64. Raises SepflowError as `opened` and `blocks` do.
    """
    with opened(path) as file:
        pieces = list(blocks(file, dtype, frames))
        return np.concatenate(pieces or [np.empty((0, file.channels), dtype)]), file.samplerate


def blocks(file: soundfile.SoundFile, dtype: str, frames: int = -1) -> Iterator[np.ndarray]:
    """The first `frames` samples of each channel (-1: all), in blocks [n, channels].

    Raises SepflowError where there are fewer than the header declares, or samples that are not finite, or
    larger than those of any recording.
    """
    left = file.frames if frames < 0 else min(frames, file.frames)
    while left > 0 and len(block := file.read(min(_BLOCK, left), dtype=dtype, always_2d=True)):
        peak = max(block.max(), -block.min())
        if not np.isfinite(peak):
            raise SepflowError("holds NaN or infinite samples")
        if peak > _LOUDEST:
            raise SepflowError(f"a sample of {peak:.3g} where 1 is full scale (damaged, or no audio)")
        left -= len(block)
        yield block
    if left > 0 and file.frames != headers.UNKNOWN:
        raise SepflowError(headers.CUT)
    if frames < 0 and file.format == "OGG":  # which says at its end alone what was wrong
        headers.check_ogg(Path(os.fsdecode(file.name)), file.extra_info)


def length(file: soundfile.SoundFile) -> int:
    """The samples a channel of an open file; heard to the end, where its header does not know."""
    return file.frames if file.frames != headers.UNKNOWN else sum(map(len, blocks(file, "float32")))


def choose(
    samples: np.ndarray,
    channel: int | str | None,
    way_out: str = "set `channel: mean`, or a channel's number, in the scale's file",
) -> np.ndarray:
    """One channel, shape (n,), of samples of shape (n, channels).

    `channel` is a number, "mean", or None for files that have only one. Raises SepflowError where it is None
    and there are several (with the `way_out`), or where there is no such channel.
    """
    channels = samples.shape[1]
    if channel == "mean":
        return samples.mean(axis=1)
    if channel is None and channels > 1:
        raise SepflowError(f"{channels} channels ({way_out})")
    if channel is not None and not 0 <= int(channel) < channels:
        raise SepflowError(f"no channel {channel}: it has {channels}, counted from 0")
    return np.ascontiguousarray(samples[:, channel or 0])


def check_rate(rate: int) -> None:
    """Raise SepflowError where `rate` (Hz) is none of a recording's."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise SepflowError(f"a rate of {rate} Hz: {LOWEST_RATE} to {HIGHEST_RATE} Hz are possible")
