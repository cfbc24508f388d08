"""The published numbers of a table and ours, as dots."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sepflow.planning.layout import Block, blocks, column, mark
from sepflow.reporting.figures.style import head, page, row_name, wrapped, write

OURS = "ours, 95 % interval"
_CHARACTERS, _ACROSS = 34, 112  # of a row's name on a line; of the names of all panels side by side


def dot_plot(table: dict[str, Any], cells: pd.DataFrame, line: str, out: Path) -> None:
    """The rows of a table: the published number (open) and ours (filled, with its interval), if there are.

    Under the head `line`. A panel a metric, side by side; rows of other units below. `cells` are by (id of
    the row, metric).
    """
    parts = blocks(table)
    figure = page(sum(0.42 * len(block.rows) + 0.55 for block in parts) + 0.75)
    grid = figure.add_gridspec(len(parts), 1, height_ratios=[len(block.rows) for block in parts])
    for i, block in enumerate(parts):
        shape = grid[i].subgridspec(1, len(block.metrics))
        _panels(shape.subplots(sharey=True, squeeze=False)[0], table, block, cells)
    head(figure, line)
    shown = {}
    for axes in figure.axes:
        shown |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(shown.values(), shown.keys(), loc="outside lower right", ncols=2, frameon=False)
    write(figure, out)


def _panels(panels: list[Axes], table: dict[str, Any], block: Block, cells: pd.DataFrame) -> None:
    """The rows of a block, in a panel for each of its metrics."""
    places = range(len(block.rows), 0, -1)
    for k, (axes, metric) in enumerate(zip(panels, block.metrics, strict=True)):
        drawn = cells.loc[[(row["id"], row["metrics"][k]) for row in block.rows]]
        published, ours, low, high = drawn[["published", "ours", "ci_low", "ci_high"]].to_numpy().T
        if not np.isnan(ours).all():
            width = [ours - low, high - ours]
            # The caps stand out of the marker also where the interval is narrower than that.
            look = {"fmt": "o", "ms": 4, "color": "black", "capsize": 4}
            axes.errorbar(ours, places, xerr=width, label=OURS, **look)
        if not np.isnan(published).all():
            axes.plot(published, places, "D", mfc="white", mec="0.35", label="published")
        axes.set_xlabel(wrapped(column(table, metric).axis, _ACROSS // len(panels)))
        axes.set_xlim(_span(np.array([0, *published, *ours, *low, *high])))
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
    names = [row_name(table, row) + mark(table, row["metrics"], block.metrics) for row in block.rows]
    panels[0].set_yticks(list(places), [wrapped(name, _CHARACTERS) for name in names], fontsize=8)


def _span(numbers: np.ndarray) -> tuple[float, float]:
    """From the least to the most of `numbers`, and as much beyond as a marker needs."""
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    beyond = 0.06 * (high - low) or 1.0
    return low - beyond, high + beyond
