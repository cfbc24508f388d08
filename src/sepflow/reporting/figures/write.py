"""All pictures of a table, from what the workflow has made."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sepflow.applying.inference import Estimator
from sepflow.files.contracts import read_history
from sepflow.mixes.mix import Mix
from sepflow.planning.layout import column, compared
from sepflow.reporting.figures.distribution import by_overlap, by_sex, distribution
from sepflow.reporting.figures.learning import learning
from sepflow.reporting.figures.spectrograms import Example, example, spectrograms
from sepflow.reporting.figures.style import headline, row_name
from sepflow.reporting.scores import check_models, checked, values_by_seed
from sepflow.results import Results
from sepflow.simulation.activity import overlap
from sepflow.tasks.selection import select


def write_figures(
    table: dict[str, Any],
    groups: list[dict[str, Any]],
    mix: Mix,
    context: dict[str, Any],
    results: Path,
    out: Path,
) -> None:
    """Write the three pictures of `table` (resolved by the plan), each as `out`_<picture>.svg and .png.

    `groups` are the runs whose losses compare (losses.comparable), `mix` is the table's test mix; `context`
    says the `scale`, whether it is `untrained`, and the mix's `rate` in Hz. Rows of another test mix are in
    the learning curves alone.
    """
    rate = context["rate"]
    lines = [headline(table["caption"], context)]
    runs = [run for row in table["rows"] for run in row["runs"]]
    histories = {run: read_history(Results(results).run(run).history, run) for run in runs}
    learning([_named(group, table) for group in groups], histories, lines, Path(f"{out}_learning"))
    table = table | {"rows": [row for row in table["rows"] if row["mix"] == table["mix"]]}
    first = column(table, table["metrics"][0])
    shown = [row | {"metrics": [first.key]} for row in compared(table)]
    stamps = checked(table | {"rows": shown}, {table["mix"]: mix.table})
    check_models(stamps.values(), results)
    values = {row["id"]: values_by_seed(row, first).mean(axis=1, skipna=False) for row in shown}
    pairs = pd.Series([mix.pair(row) for row in range(len(mix))], mix.ids)
    shares = pd.Series([overlap(mix.references(row), rate) for row in range(len(mix))], mix.ids)
    groupings = {"By the speakers": by_sex(pairs), "By overlap": by_overlap(shares)}
    distribution(table, values, groupings, lines, Path(f"{out}_distribution"))
    chosen = example(mix, rate)
    systems = separated(table, chosen, results)
    spectrograms(chosen, systems, lines, Path(f"{out}_spectrograms"))


def separated(table: dict[str, Any], chosen: Example, results: Path) -> list[tuple[str, np.ndarray]]:
    """Each row of `table` that has runs, in words, and the estimates [C, T] of the first of them."""
    systems = []
    for row in (row for row in table["rows"] if row["runs"]):
        estimator = Estimator(Results(results).run(next(iter(row["runs"]))).model, "cpu")
        estimates = select(estimator(chosen.mixture), row["selection"], chosen.references)
        systems.append((row_name(table, row), estimates.numpy()))
    return systems


def _named(group: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """A group of losses.comparable, its runs called by the rows of `table` that they are in."""
    rows = {run: [row for row in table["rows"] if run in row["runs"]] for run in group["runs"]}
    return group | {"runs": {run: row_name(table, *of) for run, of in rows.items()}}
