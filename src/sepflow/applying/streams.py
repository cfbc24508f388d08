"""Recordings as streams of blocks: read, checked and resampled, in memory that no length changes."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from sepflow.errors import SepflowError
from sepflow.files.audio import NO_SAMPLES, blocks, choose, opened


@dataclass(frozen=True)
class Recording:
    """One channel of an audio file that was read once to its end: rate in Hz, length in samples."""

    path: Path
    channel: int | str | None
    rate: int
    samples: int

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return self.samples / self.rate

    def samples_at(self, rate: int) -> int:
        """The length at another rate: enough samples to reach the end."""
        return -(-self.samples * rate // self.rate)

    def blocks(self, rate: int) -> Iterator[np.ndarray]:
        """The samples at `rate` Hz in blocks [n], float32, `samples_at(rate)` in all."""
        return resampled(_blocks(self.path, self.channel), self.rate, rate, self.samples_at(rate))


def inspect(path: Path, channel: int | str | None) -> Recording:
    """Read a file of any length to its end. `channel` is a number, "mean", or None where there is only one.

    Raises SepflowError, with the reason alone, for a file that is missing, does not decode, is cut short,
    holds no samples or NaN or infinite ones, or has not that channel. A silent one is none the worse.
    """
    samples = sum(map(len, _blocks(path, channel)))
    if not samples:
        raise SepflowError(NO_SAMPLES)
    with opened(path) as file:
        return Recording(path, channel, file.samplerate, samples)


def resampled(blocks: Iterable[np.ndarray], source: int, target: int, samples: int) -> Iterator[np.ndarray]:
    """Blocks [n] or [n, C], float32, from `source` Hz to `target` Hz: without delay, `samples` in all.

    As if resampled at once, with silence behind the end. At equal rates the blocks pass as they are.
    """
    if source == target:
        yield from blocks
        return
    stream = None
    for block in blocks:
        stream = stream or soxr.ResampleStream(source, target, math.prod(block.shape[1:]), "float32", "VHQ")
        yield (out := stream.resample_chunk(block)[:samples])
        samples -= len(out)
    if stream is not None:
        # soxr rounds the length; what it rounds off is in the silence.
        silence = np.zeros((math.ceil(source / target) + 1, *block.shape[1:]), np.float32)
        yield stream.resample_chunk(silence, last=True)[:samples]


def _blocks(path: Path, channel: int | str | None) -> Iterator[np.ndarray]:
    """One channel of a file in blocks [n], float32. Raises SepflowError as `inspect` does."""
    with opened(path) as file:
        for block in blocks(file, "float32"):
            yield choose(block, channel, "say --channel mean, or --channel with a number from 0")
