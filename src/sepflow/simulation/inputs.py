"""What a simulator reads: the published tables, row by row, and the recordings that they name."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sepflow.errors import SepflowError
from sepflow.files import audio, check_regular, is_directory
from sepflow.files.contracts import refuse
from sepflow.files.text import as_on_disk, number, read_cells
from sepflow.simulation.published import NATIVE_RATE as RATE

Converter = Callable[[str], Any]


def text(cell: str) -> str:
    """A cell that must not be empty. Raises ValueError."""
    if not cell:
        raise ValueError("empty")
    return cell


def path(cell: str) -> str:
    """A path below a corpus's directory, with "/" for the "\\" of Windows. Raises ValueError."""
    return text(cell).replace("\\", "/")


def positive(cell: str) -> float:
    """A finite number over 0: a length, a power, a reverberation time. Raises ValueError."""
    value = number(cell)
    if value <= 0:
        raise ValueError(f"{cell!r} is not over 0")
    return value


def read_table(path: Path, columns: dict[str, Converter], delimiter: str = ",") -> list[dict[str, Any]]:
    """The rows of a table with a header, {column: value, "line": its line}, those of `columns` converted.

    Columns that `columns` does not name are left out. Raises SepflowError where the file or a column is not
    there, and with every cell that does not convert, by line, in one message.
    """
    header, rows = read_cells(path, delimiter)
    missing = [name for name in columns if name not in header]
    refuse(f"{path} line 1", [f"no column {name!r}" for name in missing], "Is it the right table?")
    return convert(path, rows, columns)


def convert(
    path: Path, lines: Iterable[tuple[int, dict[str, str] | str]], columns: dict[str, Converter]
) -> list[dict[str, Any]]:
    """The rows of `read_table` from (line number, {column: cell} or what is wrong with the line).

    A cell that is absent reads as empty.
    """
    rows, problems = [], []
    for line, cells in lines:
        if isinstance(cells, str):
            problems.append(f"line {line}: {cells}")
            continue
        row: dict[str, Any] = {"line": line}
        for name, converter in columns.items():
            try:
                row[name] = converter((cells.get(name) or "").strip())
            except ValueError as reason:
                problems.append(f"line {line}: {name}: {reason}")
        rows.append(row)
    refuse(str(path), problems or ([] if rows else ["no rows"]), "Mend the table, or take the published one.")
    return rows


def check_present(root: Path, names: Iterable[str], way_out: str) -> None:
    """Raise SepflowError that lists, together, which of the files `names` below `root` are not there."""
    if not is_directory(root):
        raise SepflowError(f"{root}: no such directory. {way_out}")
    problems = []
    for name in dict.fromkeys(names):
        try:
            check_regular(place := as_on_disk(root / name))
        except SepflowError as reason:
            problems.append(f"{name}: {reason if os.path.lexists(place) else 'not there'}")
    refuse(str(root), problems, way_out)


def read(path: Path, dtype: str = "float32", frames: int = -1, rate: int = RATE) -> np.ndarray:
    """The first `frames` samples of a recording (-1: all), [T] or [T, channels], full scale 1.

    Raises SepflowError, with the path, where it does not decode, is cut short, holds no samples or none that
    could be of a recording, or has not `rate` Hz.
    """
    try:
        samples, own_rate = audio.read(as_on_disk(path), dtype, frames)
        if own_rate != rate:
            raise SepflowError(f"{own_rate} Hz, not the {rate} Hz of this corpus")
        if not len(samples):
            raise SepflowError(audio.NO_SAMPLES)
        return samples[:, 0] if samples.shape[1] == 1 else samples
    except SepflowError as reason:
        raise SepflowError(f"{path}: {reason}") from None
