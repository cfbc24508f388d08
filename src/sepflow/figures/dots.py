"""The published numbers of a table and ours, as dots."""

from pathlib import Path
from typing import Any

import pandas as pd

from sepflow.figures.style import AXIS, head, page, row_name, write


def dot_plot(table: dict[str, Any], cells: pd.DataFrame, out: Path) -> None:
    """The rows of a table: the published number (open) and ours (filled, with its interval), in dB."""
    places = range(len(cells), 0, -1)
    figure = page(0.42 * len(cells) + 1.3)
    axes = figure.subplots()
    width = [cells["ours"] - cells["ci_low"], cells["ci_high"] - cells["ours"]]
    axes.errorbar(
        cells["ours"], places, xerr=width, fmt="o", color="black", capsize=3, label="ours, 95 % interval"
    )
    axes.plot(cells["published"], places, "D", mfc="white", mec="0.35", label="published")
    axes.set_yticks(list(places), [row_name(row) for row in table["rows"]])
    axes.set_xlabel(AXIS.get(table["metric"], table["metric"]))
    axes.set_xlim(left=min(0, cells[["ours", "ci_low"]].min().min()))
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    head(figure, table["caption"])
    figure.legend(loc="outside lower right", ncols=2, frameon=False)
    write(figure, out)
