"""Learning curves: the validation loss of every run of a table, over steps and over wall time."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from sepflow.reporting.figures.style import curve, head, page, save, wrapped

_PANEL = 1.15  # inches
_CHARACTERS = 26  # of a name in the legend, on a line
_UNITS = (("h", 3600, 3 * 3600), ("min", 60, 180), ("s", 1, 0))  # name, seconds, used from (in seconds)
NOTE = "Marker: the selected step, of the lowest validation loss. Losses compare within a row of panels only."


def learning(
    groups: list[dict[str, Any]], histories: dict[str, pd.DataFrame], lines: list[str], out: Path
) -> None:
    """Draw the curves of `groups` (see losses.comparable) to `out`.svg and .png, under the head `lines`.

    Each group has a row of panels, as losses compare only within one: over steps, and over the wall time of
    the run's own training. `histories` are those of the runs, by name; the groups say what to call these.
    """
    figure = page(_PANEL * len(groups) + 1.5)
    rows = figure.subplots(len(groups), 2, sharex="col", sharey="row", squeeze=False)
    figure.get_layout_engine().set(wspace=0.05)  # the last number of one axis beside the first of the next
    longest = max(history["seconds"].max() for history in histories.values())
    unit, seconds, _ = next(unit for unit in _UNITS if longest >= unit[2])
    for (left, right), group in zip(rows, groups, strict=True):
        styles: dict[str, int] = {}
        for run, name in group["runs"].items():  # all seeds of a row look alike
            history = histories[run]
            shown = wrapped(name, _CHARACTERS) if name not in styles else None
            i = styles.setdefault(name, len(styles))
            _curve(left, history["step"], history["validation_loss"], i, shown)
            _curve(right, history["seconds"] / seconds, history["validation_loss"], i, shown)
        # It runs over both panels: the layout sees the height of a blank title, and no width.
        left.set_title(" ", fontsize=8)
        left.annotate(
            group["against"], (0, 1), (0, 6), "axes fraction", "offset points", fontsize=8, in_layout=False
        )
        right.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, handlelength=3.2)
    for axes in rows.ravel():
        axes.grid(color="0.9")
        axes.set_axisbelow(True)
    rows[-1, 0].set(xlabel="step", xlim=(0, None))
    rows[-1, 1].set(xlabel=f"wall time of this training ({unit})", xlim=(0, None))
    figure.supylabel("validation loss (dB)", fontsize=9)
    head(figure, *lines, NOTE)
    save(figure, out)


def _curve(axes: Axes, x: pd.Series, loss: pd.Series, i: int, label: str | None) -> None:
    """A curve in the `i`-th style of a group, its selected step marked."""
    axes.plot(
        x,
        loss,
        **curve(i),
        markevery=[loss.index.get_loc(loss.idxmin())],
        markerfacecolor="white",
        markersize=5,
        label=label,
    )
