"""What a simulator reads: the published tables, row by row, and the recordings that they name."""

import csv
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sepflow.contracts import refuse
from sepflow.corpora.decode import check_whole, opened
from sepflow.errors import SepflowError
from sepflow.simulation.recipes import NATIVE_RATE as RATE

Converter = Callable[[str], Any]


def text(cell: str) -> str:
    """A cell that must not be empty. Raises ValueError."""
    if not cell:
        raise ValueError("empty")
    return cell


def number(cell: str) -> float:
    """A finite number. Raises ValueError."""
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"{cell!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{cell!r} is not finite")
    return value


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
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            missing = [name for name in columns if name not in (reader.fieldnames or [])]
            refuse(f"{path} line 1", [f"no column {name!r}" for name in missing], "Is it the right table?")
            return convert(path, ((reader.line_num, row) for row in reader), columns)
    except FileNotFoundError:
        raise SepflowError(f"{path}: no such file.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise SepflowError(f"{path}: does not read ({error}). Is it the right table?") from None


def convert(
    path: Path, lines: Iterable[tuple[int, dict[str, str]]], columns: dict[str, Converter]
) -> list[dict[str, Any]]:
    """The rows of `read_table` from (line number, {column: cell}); a cell that is absent reads as empty."""
    rows, problems = [], []
    for line, cells in lines:
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
    if not root.is_dir():
        raise SepflowError(f"{root}: no such directory. {way_out}")
    missing = [name for name in dict.fromkeys(names) if not (root / name).is_file()]
    refuse(str(root), [f"{name}: not there" for name in missing], way_out)


def read(path: Path, dtype: str = "float32", frames: int = -1, rate: int = RATE) -> np.ndarray:
    """The first `frames` samples of a recording (-1: all), [T] or [T, channels], full scale 1.

    Raises SepflowError, with the path, where it does not decode, is cut short, or has not `rate` Hz.
    """
    try:
        with opened(path) as file:
            if file.samplerate != rate:
                raise SepflowError(f"{file.samplerate} Hz, not the {rate} Hz of this corpus")
            samples = file.read(frames, dtype=dtype)
            if frames < 0:
                check_whole(file, len(samples))
            return samples
    except SepflowError as reason:
        raise SepflowError(f"{path}: {reason}") from None
