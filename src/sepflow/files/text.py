"""Text and tables of strangers: UTF-8, in lines and cells; what is not is refused with file and line."""

import codecs
import csv
import io
import math
import os
import re
import unicodedata
from collections import Counter
from pathlib import Path

from sepflow.errors import SepflowError
from sepflow.files import is_directory, read_bytes

Row = dict[str, str]

# Control characters, and bytes that are not UTF-8: no line of a table could hold them.
UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

_OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read_text(path: Path) -> str:
    """All of a text file, without a byte order mark, its line ends as they are.

    Raises SepflowError where it is no file, does not read, is not UTF-8 or holds a NUL.
    """
    data = read_bytes(path)
    other = next((name for mark, name in _OTHER_MARKS.items() if data.startswith(mark)), None)
    if other:
        raise SepflowError(f"{path}: {other}, not UTF-8. Save it as UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SepflowError(
            f"{path} line {line}: not UTF-8 (byte 0x{data[error.start]:02x}). Save it as UTF-8."
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SepflowError(f"{path} line {line}: a NUL: damaged, or not UTF-8. Save it as UTF-8.")
    return text


def read_lines(path: Path) -> list[tuple[int, str]]:
    """(number, line stripped) of the lines that are not empty; they end as on any system."""
    lines = io.StringIO(read_text(path), newline=None)
    return [(number, line) for number, line in enumerate(map(str.strip, lines), 1) if line]


def read_cells(path: Path, delimiter: str = ",") -> tuple[list[str], list[tuple[int, Row | str]]]:
    """(the columns that line 1 names, (line, {column: cell}) of each row that is not blank); nothing but the
    columns is stripped. In place of a row of more or fewer cells stands what is wrong with it.

    Raises SepflowError as `read_text` does, for a column that is named twice, and for what is no CSV.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        rows = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        line = max(reader.line_num, 1)
        raise SepflowError(f"{path} line {line}: not CSV ({error}). Mind its quotes.") from None
    if twice := [name for name, count in Counter(header).items() if name and count > 1]:
        raise SepflowError(f"{path} line 1: twice the column {', '.join(twice)}. Name each column once.")
    return header, [(line, _row(header, cells)) for line, cells in rows]


def _row(header: list[str], cells: list[str]) -> Row | str:
    if len(cells) != len(header):
        return f"{len(cells)} cells where line 1 names {len(header)} columns"
    return dict(zip(header, cells, strict=True))


def number(cell: str) -> float:
    """A finite number. Raises ValueError."""
    try:
        value = float(cell if cell.isascii() and "_" not in cell else "")  # what Python reads beside numbers
    except ValueError:
        raise ValueError(f"{cell!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{cell!r} is not finite")
    return value


def composed(name: str) -> str:
    """`name` as it looks: accents and letters composed, however it was typed (Unicode's NFC)."""
    return unicodedata.normalize("NFC", name)


def as_on_disk(path: Path) -> Path:
    """`path` as it is spelled on the disk, where its letters are composed in another way there.

    macOS decomposes the letters of names, other systems leave them. `path` itself where nothing, or more than
    one thing, looks like it.
    """
    if os.path.exists(path) or path.name in ("", ".."):  # noqa: PTH110  (of a path too long, pathlib raises)
        return path
    above = as_on_disk(path.parent)
    if not is_directory(above):
        return path
    alike = [there for there in above.iterdir() if composed(there.name) == composed(path.name)]
    return alike[0] if len(alike) == 1 else path
