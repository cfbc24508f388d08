"""Text from outside (captions, names of corpora and devices) where a format would take it for its own."""

import html
import re
from typing import Any

import pandas as pd

_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
)


def markdown(text: object) -> str:
    """`text` on one line of Markdown, as it stands: no tag, link, emphasis, code, list or cell's end."""
    line = html.escape(_line(text), quote=False)
    line = re.sub(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)", r"\\\g<0>", line)  # a_b is no emphasis
    return re.sub(r"^[#+=-]+(?=\s)", r"\\\g<0>", line)


def code(text: object) -> str:
    """`text` as code in Markdown, also in a cell."""
    return f"`{_line(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def latex(text: object) -> str:
    """`text` as it stands, in a cell of a LaTeX table: also first in a row, where [ and * mean spacing."""
    line = re.sub(r"^[\[*]", r"{\g<0>}", _line(text).translate(_LATEX))
    return re.sub(r"(?<![\w-])-(?=\d)", "$-$", line)


def spreadsheet(table: pd.DataFrame) -> pd.DataFrame:
    """`table`, its text such that no spreadsheet runs it as a formula: an apostrophe before what it would."""
    columns = {
        name: column.map(_defused) if column.dtype == object else column for name, column in table.items()
    }
    return pd.DataFrame(columns).rename(columns=_defused)


def _defused(cell: Any) -> Any:
    harmless = not isinstance(cell, str) or re.fullmatch(r"-|[+-]?\d+([.,]\d+)?", cell)
    return cell if harmless or not re.match(r"[=+\-@\t\r\n＝＋－＠]", cell) else f"'{cell}"


def _line(text: object) -> str:
    """`text` without what is no character to be seen, on one line."""
    return " ".join("".join(x for x in str(text) if x.isprintable() or x.isspace()).split())
