"""What the lines of a list of mixtures may say: names of files, paths below a corpus, levels, each once."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from sepflow.errors import SepflowError
from sepflow.files.contracts import refuse
from sepflow.files.text import composed
from sepflow.simulation.inputs import number, path, positive, text

LONGEST = 200  # bytes of a file's name: while it is written, more stands around it
DITHER = 2 / 32768  # from the least sample of a silence to the largest
BOUND = 200.0  # dB, up and down: beyond it a level is a slip, and its square no float32


def file_name(cell: str) -> str:
    """What can be the name of a file. Raises ValueError."""
    text(cell)
    if "/" in cell or cell in (".", "..") or not cell.isprintable():
        raise ValueError(f"{cell!r} cannot be a file's name")
    if len(cell.encode()) > LONGEST:
        raise ValueError(f"{cell[:20]!r}... cannot be a file's name: over {LONGEST} bytes")
    return cell


def inside(cell: str) -> str:
    """A path that stays below the directory of its corpus. Raises ValueError."""
    cell = path(cell)
    if PurePosixPath(cell).is_absolute() or ".." in PurePosixPath(cell).parts:
        raise ValueError(f"{cell!r} leads out of the corpus: a path is relative to it, and has no '..'")
    if not cell.isprintable():
        raise ValueError(f"{cell!r} holds what no path does")
    return cell


def level(cell: str) -> float:
    """A level in dB, within BOUND. Raises ValueError."""
    value = number(cell)
    if abs(value) > BOUND:
        raise ValueError(f"{cell!r} is out of all bounds (-{BOUND:g} to {BOUND:g} dB)")
    return value


def factor(cell: str) -> float:
    """A factor of amplitudes over 0, a level within BOUND. Raises ValueError."""
    value = positive(cell)
    if abs(20 * math.log10(value)) > BOUND:
        raise ValueError(f"{cell!r} is out of all bounds (-{BOUND:g} to {BOUND:g} dB)")
    return value


def different(recordings: Sequence[str]) -> None:
    """Raise ValueError where one recording is two sources of a mixture."""
    same = sorted({name for name in recordings if recordings.count(name) > 1})
    if same:
        raise ValueError(f"{same[0]} is two sources of one mixture")


def alike(name: str) -> str:
    """The same for names that are one file on many a disk: different in case, or how accents are written."""
    return composed(name).lower()


def refuse_twice(where: str, names: Iterable[tuple[int, str]], place: str = "line") -> None:
    """Raise SepflowError with all (line, name of a file) whose file is that of an earlier line.

    Names that differ by case or by the form of an accent are one file on many a disk.
    """
    seen: dict[str, tuple[int, str]] = {}
    problems = []
    for line, name in names:
        first, other = seen.setdefault(alike(name), (line, name))
        if first != line:
            spelled = "" if other == name else f", as {other}: one file on many a disk"
            problems.append(f"{place} {line}: {name} is in {place} {first} too{spelled}")
    refuse(where, problems, "Each mixture is a file: leave the second out, or rename it.")


def check_sounding(where: Path, samples: np.ndarray) -> None:
    """Raise SepflowError where a source, [T], is silent or constant, but for dither: it has no level."""
    if len(samples) and not np.ptp(samples) > DITHER:
        raise SepflowError(f"{where}: silent, every sample is about {np.mean(samples):.3g}. It has no level.")
