"""How every picture looks and is written: readable in grey, the same bytes for the same content."""

import re
import textwrap
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from sepflow.files import replacing

matplotlib.rcParams.update(
    {
        "font.size": 9,
        "hatch.linewidth": 0.6,
        "svg.fonttype": "none",
        "svg.hashsalt": "sepflow",
        "text.parse_math": False,  # a "$" in a name is a dollar
    }
)

_JOINED = "\N{NO-BREAK SPACE}"
_WIDTH = 7.2  # inches: a page of text
# Curves are told apart by dash and marker; the colours (Okabe and Ito's) only help.
_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v")
_COLOURS = ("black", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
# No date and no version: the same picture is the same file.
_METADATA: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".png": {"Software": None}}


def curve(i: int) -> dict[str, Any]:
    """How the `i`-th curve of a panel looks: colour, dash and marker."""
    return {
        "color": _COLOURS[i % len(_COLOURS)],
        "linestyle": _DASHES[i % len(_DASHES)],
        "marker": _MARKERS[i % len(_MARKERS)],
    }


def headline(caption: str, context: dict[str, Any]) -> str:
    """What a picture is of, at which scale; and that it means nothing, where the scale does not train."""
    untrained = " (untrained: these pictures mean nothing)" if context["untrained"] else ""
    return f"{caption}; scale {context['scale']}{untrained}"


def row_name(table: dict[str, Any], *rows: dict[str, Any]) -> str:
    """Rows of a table in its own words, less the empty ones: "MixIT, Mixes = 2-src, M = 4".

    Of several rows (a run may be in many) what stands in each column, once.
    """
    words = []
    for column, *cells in zip(table["columns"], *(row["cells"] for row in rows), strict=True):
        values = " / ".join(dict.fromkeys(str(cell) for cell in cells if cell not in ("", "-")))
        if values:
            words.append(f"{column} = {values}" if words else values)
    return ", ".join(words)


def wrapped(text: str, width: int) -> str:
    """`text` on lines of about `width` characters; "column = value", a number and its unit stay on one."""
    joined = re.sub(r" = | (?=dB\b)|(?<=SI-SNRi) ", lambda match: match[0].replace(" ", _JOINED), text)
    lines = textwrap.wrap(joined, width, break_on_hyphens=False)
    return "\n".join(lines).replace(_JOINED, " ")


def page(height: float) -> Figure:
    """An empty picture as wide as a page of text and `height` inches high."""
    return Figure(figsize=(_WIDTH, height), layout="constrained")


def head(figure: Figure, *lines: str) -> None:
    """What a picture shows, over it, at its left edge; long lines are wrapped."""
    parts = [part for line in lines for part in textwrap.wrap(line, 105)]
    figure.suptitle("\n".join(parts), x=0.01, ha="left", fontsize=9)


def write(figure: Figure, path: Path) -> None:
    """Write `figure` to `path`, SVG or PNG by its name."""
    figure.savefig(path, metadata=_METADATA[path.suffix], dpi=200)


def save(figure: Figure, stem: Path) -> None:
    """Write `figure` to `stem`.svg and `stem`.png, each whole or not at all."""
    for ending in _METADATA:
        with replacing(Path(f"{stem}{ending}")) as temporary:
            write(figure, temporary)
