"""How the score of every row of a table is distributed over the test mixtures, and over groups of them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from sepflow.planning.layout import column
from sepflow.reporting.figures.style import head, page, row_name, save, wrapped
from sepflow.simulation.activity import FLOOR, FRAME

# Told apart by hatch and lightness, down to a photocopy.
_FILLS = (
    {"facecolor": "white"},
    {"facecolor": "#a6cee3", "hatch": "/////"},
    {"facecolor": "#1f4e79"},
)
_INK = ("black", "black", "white")  # of the median's line on each fill
_CHARACTERS = 34  # of a row's name, on a line
NOTE = (
    "Box: quartiles and median; whiskers: 5 % and 95 %; diamond: mean. Overlap: of the frames of "
    f"{1000 * FRAME:.0f} ms in which a speaker is active (within {FLOOR:.0f} dB of their loudest frame), the "
    "share in which both are."
)


def by_sex(pairs: pd.Series) -> dict[str, pd.Index]:
    """The mixtures (the index of `pairs`: "different", "same" or "" where unknown) of each kind there is."""
    names = {"different": "different sex", "same": "same sex", "": "sex not known"}
    return {name: pairs.index[pairs == kind] for kind, name in names.items() if (pairs == kind).any()}


def by_overlap(shares: pd.Series) -> dict[str, pd.Index]:
    """The mixtures (the index of `shares`) in three groups of equal size by overlap, their bounds in words.

    Fewer groups where many overlap alike; a mixture of undefined overlap (NaN) is in none.
    """
    shares = shares.dropna()
    third = np.searchsorted(np.quantile(shares, [1 / 3, 2 / 3]), shares, side="right") if len(shares) else []
    parts = [part for _, part in shares.groupby(np.asarray(third))]
    bounds = _bounds([(100 * part.min(), 100 * part.max()) for part in parts])
    return {words: part.index for words, part in zip(bounds, parts, strict=True)}


def _bounds(spans: list[tuple[float, float]]) -> list[str]:
    """Rising `spans` in percent, in words, with as many decimals as tell the end of one from the next."""
    for decimals in range(7):
        rounded = [[f"{bound:.{decimals}f}" for bound in span] for span in spans]
        if all(float(one[1]) < float(two[0]) for one, two in pairwise(rounded)):
            break
    return [f"{low} to {high} %" if low != high else f"{low} %" for low, high in rounded]


def distribution(
    table: dict[str, Any],
    values: dict[str, pd.Series],
    groupings: dict[str, dict[str, pd.Index]],
    lines: list[str],
    out: Path,
) -> None:
    """Draw box plots of `values` to `out`.svg and .png, under the head `lines`: a panel for each grouping.

    `values` are of the table's first metric, one Series a row by the row's id, indexed by mixture; NaN where
    undefined, which counts in no box and no n. A grouping has named groups of mixtures.
    """
    figure = page(0.62 * len(values) + 2.2)
    panels = figure.subplots(1, len(groupings), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (title, groups) in zip(panels, groupings.items(), strict=True):
        for i, members in enumerate(groups.values()):
            _boxes(axes, [v.reindex(members).dropna() for v in values.values()], i, len(groups))
        entries = [f"{name} (n = {_count(values, members)})" for name, members in groups.items()]
        _legend(axes, title, entries, max(len(groups) for groups in groupings.values()))
        axes.axvline(0, color="0.5", linewidth=0.8)
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        axes.set_xlabel(column(table, table["metrics"][0]).axis)
    names = [row_name(table, row) for row in table["rows"] if row["id"] in values]
    panels[0].set_yticks(range(len(values)), [wrapped(name, _CHARACTERS) for name in names], fontsize=8)
    panels[0].invert_yaxis()
    head(figure, *lines, NOTE)
    save(figure, out)


def _boxes(axes: Axes, samples: list[pd.Series], group: int, groups: int) -> None:
    """The boxes of one group, beside those of the others at each row; none where there is no sample."""
    height = 0.8 / groups
    filled = [row for row, sample in enumerate(samples) if len(sample)]
    axes.boxplot(
        [samples[row] for row in filled],
        positions=[row - 0.4 + (group + 0.5) * height for row in filled],
        widths=0.8 * height,
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        showmeans=True,
        manage_ticks=False,
        patch_artist=True,
        boxprops={**_FILLS[group], "edgecolor": "black", "linewidth": 0.8},
        whiskerprops={"linewidth": 0.8},
        capprops={"linewidth": 0.8},
        medianprops={"color": _INK[group], "linewidth": 1.6},
        meanprops={"marker": "D", "markersize": 3.5, "markerfacecolor": "white", "markeredgecolor": "black"},
    )


def _legend(axes: Axes, title: str, entries: list[str], lines: int) -> None:
    """What the fills mean, above the panel; `lines` high, so that those of all panels are level."""
    blank = lines - len(entries)
    patches = [Patch(edgecolor="black", **fill) for fill in _FILLS[: len(entries)]]
    axes.legend(
        [*patches, *[Patch(alpha=0)] * blank],
        [*entries, *[""] * blank],
        title=title,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        alignment="left",
        frameon=False,
    )


def _count(values: dict[str, pd.Series], members: pd.Index) -> str:
    """The number of defined values in a group: one number, or from the fewest of a row to the most."""
    counts = sorted(value.reindex(members).notna().sum() for value in values.values())
    return f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
