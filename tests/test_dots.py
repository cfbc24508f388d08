"""Pictures of a table: names, groups and dots that say what they are, and lie on no edge."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from sepflow.reporting.figures import distribution as boxes
from sepflow.reporting.figures import dots
from sepflow.reporting.figures.style import row_name, wrapped
from test_figures import a_table


@pytest.mark.parametrize("seed", range(8))
def test_bounds_of_groups_never_touch(seed):
    shares = pd.Series(np.round(1 - 0.06 * np.random.default_rng(seed).random(9), 2 + seed % 4))
    spans = [[float(x) for x in re.findall(r"[\d.]+", name)] for name in boxes.by_overlap(shares)]
    assert all(one[-1] < two[0] for one, two in pairwise(spans))
    assert list(boxes.by_overlap(pd.Series([0.9, 0.955, 0.957, 0.96, 0.962, 1.0]))) == [
        "90.0 to 95.5 %", "95.7 to 96.0 %", "96.2 to 100.0 %"
    ]  # fmt: skip


@pytest.mark.parametrize("ours", [-1.8, 0.0, 9.0, 15.0])
@pytest.mark.parametrize("half", [0.0, 0.01, 4.0])
def test_no_dot_lies_on_the_edge_and_every_interval_is_seen(monkeypatch, ours, half):
    figures = []
    monkeypatch.setattr(dots, "write", lambda figure, out: figures.append(figure))
    table = a_table("ab")
    numbers = {
        "published": [9.0, np.nan],
        "ours": [ours] * 2,
        "ci_low": [ours - half] * 2,
        "ci_high": [ours + half] * 2,
    }
    dots.dot_plot(table, pd.DataFrame(numbers, [("a", "si_snri"), ("b", "si_snri")]), "A table", Path("out"))
    FigureCanvasAgg(figures[0]).draw()
    (axes,) = figures[0].axes
    inside = axes.get_window_extent().padded(-axes.figure.dpi / 72 * 4)  # half a marker
    for line in axes.lines:
        places = axes.transData.transform(np.column_stack(line.get_data()))
        assert all(inside.x0 <= x <= inside.x1 for x in places[~np.isnan(places).any(1), 0])
    marker, *caps = (line for line in axes.lines if line.get_label() != "published")
    assert marker.get_markersize() < min(cap.get_markersize() for cap in caps)


def test_rows_are_called_by_column_and_value():
    table = {"columns": ["System", "Mixes", "M"]}
    rows = [{"cells": ["MixIT (Energy)", "2-src", 4]}, {"cells": ["MixIT (Oracle)", "2-src", 4]}]
    assert row_name(table, rows[0]) == "MixIT (Energy), Mixes = 2-src, M = 4"
    assert row_name(table, *rows) == "MixIT (Energy) / MixIT (Oracle), Mixes = 2-src, M = 4"
    assert row_name(table, {"cells": ["Supervised (10%)", "-", 2]}) == "Supervised (10%), M = 2"
    assert wrapped("TS-MixIT (Proposed), Mixes = 2-src, M = 2: SI-SNRi -0.2 dB", 35).split("\n") == [
        "TS-MixIT (Proposed), Mixes = 2-src,", "M = 2: SI-SNRi -0.2 dB"
    ]  # fmt: skip
