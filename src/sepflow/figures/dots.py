"""The published numbers of a table and ours, as dots."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sepflow.figures.style import head, page, row_name, write
from sepflow.metrics.names import METRICS
from sepflow.tables_layout import Block, blocks, mark

OURS = "ours, 95 % interval"


def dot_plot(table: dict[str, Any], cells: pd.DataFrame, out: Path) -> None:
    """The rows of a table: the published number (open) and ours (filled, with its interval), if there are.

    A panel a metric, side by side; rows of other units below. `cells` are by (id of the row, metric).
    """
    parts = blocks(table)
    figure = page(sum(0.42 * len(block.rows) + 0.55 for block in parts) + 0.75)
    grid = figure.add_gridspec(len(parts), 1, height_ratios=[len(block.rows) for block in parts])
    for i, block in enumerate(parts):
        shape = grid[i].subgridspec(1, len(block.metrics))
        _panels(shape.subplots(sharey=True, squeeze=False)[0], block, cells)
    head(figure, table["caption"])
    shown = {}
    for axes in figure.axes:
        shown |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(shown.values(), shown.keys(), loc="outside lower right", ncols=2, frameon=False)
    write(figure, out)


def _panels(panels: list[Axes], block: Block, cells: pd.DataFrame) -> None:
    """The rows of a block, in a panel for each of its metrics."""
    places = range(len(block.rows), 0, -1)
    for k, (axes, metric) in enumerate(zip(panels, block.metrics, strict=True)):
        drawn = cells.loc[[(row["id"], row["metrics"][k]) for row in block.rows]]
        published, ours, low, high = drawn[["published", "ours", "ci_low", "ci_high"]].to_numpy().T
        if not np.isnan(ours).all():
            width = [ours - low, high - ours]
            axes.errorbar(ours, places, xerr=width, fmt="o", color="black", capsize=3, label=OURS)
        if not np.isnan(published).all():
            axes.plot(published, places, "D", mfc="white", mec="0.35", label="published")
        axes.set_xlabel(METRICS[metric].axis)
        axes.set_xlim(left=np.nanmin([0, *ours, *low]))
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
    names = [row_name(row) + mark(row["metrics"], block.metrics) for row in block.rows]
    panels[0].set_yticks(list(places), names)
