"""A stream of estimates to one WAV file each, the loudest of them kept: whole files or none."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile

from sepflow.applying.streams import resampled
from sepflow.errors import SepflowError
from sepflow.files import replace_all

_LARGEST_WAV = 2**32 - 2**12  # bytes of samples; beyond, RF64, which is WAV with a longer header


def write_loudest(
    estimates: Iterable[np.ndarray], outputs: list[Path], source: int, target: int, samples: int
) -> None:
    """Write as many of the `estimates` as there are `outputs`: those of the highest energy, in their order.

    Estimates come in blocks [M, n] at `source` Hz; a file holds `samples` of them at `target` Hz, as float32
    and not clipped. Which are the loudest is known at the end: until then all lie on the disk, beside the
    outputs. Raises SepflowError where they cannot be written; the outputs are then what they were before.
    """
    energies: list[np.ndarray] = []
    try:
        with tempfile.TemporaryDirectory(prefix=".separate-", dir=outputs[0].parent) as scratch:
            blocks = resampled(_heard(estimates, energies), source, target, samples)
            files = _write_all(blocks, Path(scratch), target, samples)
            loudest = [files[number] for number in _loudest(energies, len(outputs))]
            replace_all(loudest, outputs, Path(scratch))
    except (soundfile.SoundFileError, OSError) as error:
        raise SepflowError(
            f"{outputs[0]}: cannot be written ({error}). Is the disk full, or the directory not yours?"
        ) from error


def _heard(estimates: Iterable[np.ndarray], energies: list[np.ndarray]) -> Iterator[np.ndarray]:
    """The blocks [M, n] as [n, M]; the energy of each block's channels, [M], is appended to `energies`."""
    for block in estimates:
        energies.append(np.square(block, dtype=np.float64).sum(axis=1))
        yield np.ascontiguousarray(block.T)


def _loudest(energies: list[np.ndarray], count: int) -> list[int]:
    """The channels of the `count` highest sums, in their order; of equals the first."""
    return sorted(np.argsort(-np.sum(energies, axis=0), kind="stable")[:count].tolist())


def _write_all(blocks: Iterable[np.ndarray], scratch: Path, rate: int, samples: int) -> list[Path]:
    """Write each channel of the blocks [n, M] to a file of its own; their paths."""
    kind, files = "WAV" if 4 * samples < _LARGEST_WAV else "RF64", []
    with ExitStack() as stack:
        for block in blocks:
            if not files:
                paths = [scratch / f"{channel + 1}.wav" for channel in range(block.shape[1])]
                names = map(os.fsencode, paths)  # soundfile takes no text that is not UTF-8
                files = [soundfile.SoundFile(name, "w", rate, 1, "FLOAT", format=kind) for name in names]
                for file in files:
                    stack.enter_context(file)
            for file, channel in zip(files, block.T, strict=True):
                file.write(channel)
    return paths
