"""The picture of trainings over epochs: a column a panel, validation SI-SNR above, label switches below."""

import textwrap
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sepflow.reporting.figures.style import curve, head, page, save

SI_SNR, SWITCHES, REACHES = "validation_si_snr", "label_switches", "reaches_baseline"
_LABELS = {SI_SNR: "validation SI-SNR (dB)", SWITCHES: "label switches (%)"}
_GREY = "0.35"
_NEAR = 1.25  # a published epoch is drawn up to this multiple of our last; beyond, it is only said
_CHARACTERS = 124  # of the small print, on a line as wide as the page

Looks = dict[str, dict[str, Any]]


def draw(figure: dict[str, Any], points: pd.DataFrame, lines: list[str], out: Path) -> None:
    """Draw the `points` of `figure` (see training.points) to `out`.svg and .png, under the head `lines`."""
    panels = figure["panels"]
    drawing = page(6.4)
    grid = drawing.subplots(2, len(panels), sharex="col", squeeze=False)
    strategies = points.loc[points["source"] == "ours", "strategy"].unique()
    looks = {strategy: curve(i) for i, strategy in enumerate(strategies)}
    for column, panel in zip(grid.T, panels, strict=True):
        _panel(*column, panel, points[points["panel"] == panel["id"]], looks, _CHARACTERS // len(panels))
    for axes, letter, panel in zip(grid.ravel(), ascii_lowercase, 2 * panels, strict=False):
        axes.set_title(f"({letter}) {panel['title']}", loc="left", fontsize=9)
        axes.grid(color="0.92")
        axes.set_axisbelow(True)
    for axes, label in zip(grid[:, 0], _LABELS.values(), strict=True):
        axes.set_ylabel(label)
    top = max(axes.get_ylim()[1] for axes in grid[1])
    for axes in grid[1]:
        axes.set_ylim(0, top)  # shares compare between panels
    legends = [axes.get_legend_handles_labels() for axes in grid.ravel()]
    shown = {label: handle for pair in legends for handle, label in zip(*pair, strict=True)}
    drawing.legend(
        shown.values(),
        shown,
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=8,
        handlelength=3.2,
    )
    head(drawing, *lines)
    save(drawing, out)


def _panel(
    above: Axes, below: Axes, panel: dict[str, Any], points: pd.DataFrame, looks: Looks, width: int
) -> None:
    """Both axes of `panel`, and the small print under them, `width` characters wide."""
    ours, published = (points[points["source"] == source] for source in ("ours", "published"))
    last = ours["epoch"].max()
    near = published[~(published["epoch"] > _NEAR * last)]
    for axes, quantity in ((above, SI_SNR), (below, SWITCHES)):
        _curves(axes, ours[ours["quantity"] == quantity], looks)
    _finals(above, ours, panel["baseline"], looks)
    if not (ours["quantity"] == SWITCHES).any():
        words = "fewer than two passes over\nthe training mixtures: none counted"
        below.text(0.5, 0.8, words, ha="center", va="center", fontsize=8, transform=below.transAxes)
    _published(above, below, near)
    below.locator_params("x", nbins=6)
    below.set(xlabel="epoch", xlim=(0, 1.03 * np.nanmax([last, *near["epoch"]])))
    said = _small_print(ours, published, near)
    text = "\n".join(part for line in said for part in textwrap.wrap(line, width, subsequent_indent="   "))
    below.annotate(text, (0, 0), (0, -34), "axes fraction", "offset points", va="top", fontsize=7)


def _curves(axes: Axes, points: pd.DataFrame, looks: Looks) -> None:
    """A curve for each run, with about six markers; all seeds of a strategy look alike."""
    for (strategy, _), part in points.groupby(["strategy", "seed"], sort=False):
        every = max(1, len(part) // 6)
        axes.plot(
            part["epoch"], part["value"], lw=1, ms=3, markevery=every, label=strategy, **looks[strategy]
        )


def _finals(axes: Axes, ours: pd.DataFrame, baseline: str, looks: Looks) -> None:
    """The final result of each seed of `baseline`, and where the other strategies reach it."""
    measured = ours[ours["quantity"] == SI_SNR]
    for _, part in measured[measured["strategy"] == baseline].groupby("seed"):
        axes.axhline(part["value"].max(), color="black", lw=0.5, label=f'final result of "{baseline}"')
    reached = ours[ours["quantity"] == REACHES].drop(columns=["value", "quantity"])
    for row in reached.merge(measured, on=["strategy", "seed", "epoch"]).itertuples():
        look = looks[row.strategy] | {"linestyle": "none", "mfc": "white", "ms": 7, "mew": 1.3, "zorder": 4}
        axes.plot(row.epoch, row.value, label=f"{row.strategy} reaches it", **look)


def _published(above: Axes, below: Axes, points: pd.DataFrame) -> None:
    """The paper's own points, in grey: epochs as lines, ranges as bands, single values as diamonds."""
    for row in points[points["quantity"] == REACHES].itertuples():
        above.axvline(row.epoch, color=_GREY, ls=(0, (1, 1)), lw=1.2, label="published: epoch")
        text = above.annotate(
            f"published: {row.strategy}",
            (row.epoch, 0.04),
            (2, 0),
            above.get_xaxis_transform(),
            "offset points",
        )
        text.set(rotation=90, fontsize=7, color=_GREY)
    for axes, quantity in ((above, SI_SNR), (below, SWITCHES)):
        of = points[points["quantity"] == quantity]
        for low, high in of[["low", "high"]].dropna().drop_duplicates().itertuples(index=False):
            axes.axhspan(low, high, color="0.86", zorder=0, label="published: range")
        for row in of.dropna(subset=["epoch", "value"]).itertuples():
            look = {"mfc": "white", "mec": _GREY, "ms": 7, "ls": "none", "zorder": 5}
            axes.plot(row.epoch, row.value, "D", **look, label="published: value")


def _small_print(ours: pd.DataFrame, published: pd.DataFrame, near: pd.DataFrame) -> list[str]:
    """What a panel shows in words and numbers; of the paper's points, also those that lie off the axis."""
    lines = []
    for strategy, part in ours[ours["quantity"] == REACHES].groupby("strategy", sort=False):
        numbers = [
            "never"
            if np.isnan(row.epoch)
            else f"{row.epoch:.3g}\N{NO-BREAK SPACE}({row.value:.0f}\N{NO-BREAK SPACE}%)"
            for row in part.itertuples()
        ]
        lines.append(f"{strategy} reaches it (epoch): {', '.join(numbers)}")
    words = [
        _words(row) + ("" if row.Index in near.index else " (off the axis)") for row in published.itertuples()
    ]
    return [*lines, f"Published: {'; '.join(words)}"] if words else lines


def _words(row: Any) -> str:
    """A published point in words."""
    verb = {REACHES: "reaches it", SI_SNR: "has", SWITCHES: "switches"}[row.quantity]
    unit = "dB" if row.quantity == SI_SNR else "%"
    value = "" if np.isnan(row.value) else f" {row.value:g} {unit}"
    span = "" if np.isnan(row.low) else f" {row.low:g} to {row.high:g} {unit}"
    at = "" if np.isnan(row.epoch) else f" at epoch {row.epoch:g}"
    return f"{row.strategy} {verb}{value}{span}{at}"
