"""From scores to a paper's table: one CSV row a cell, with the paper's number and ours.

A cell is a row of the table in one of its columns: a metric, or a fact of the row's runs.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sepflow.errors import SepflowError
from sepflow.files import replacing, write_text
from sepflow.files.quoting import spreadsheet
from sepflow.metrics.declared import aggregate_of, metric_of
from sepflow.metrics.metric import RUN, Metric
from sepflow.mixes.mix import read_own_plan
from sepflow.planning.layout import Column, column, compared, files_of, in_first, mix_of, mixes_of
from sepflow.reporting.figures.dots import dot_plot
from sepflow.reporting.figures.style import headline
from sepflow.reporting.origin import origins
from sepflow.reporting.scores import checked, pairs, read_runs, stacked, values_by_seed
from sepflow.reporting.statistics import estimate, value_of
from sepflow.reporting.text import latex, markdown
from sepflow.results import Results


def write_table(table: dict[str, Any], context: dict[str, Any], results: Path, out: Path) -> None:
    """Join the score files of `table` (resolved by the plan) and write `out`.csv, .md, .tex and .svg.

    `context` says what stands beside the numbers: scale, untrained, corpora, heard, and who makes the table.
    Raises SepflowError where scores, or what is said of a run, are damaged or of something else.
    """
    plans = {mix: read_own_plan(Results(results).mix(mix), mix) for mix in mixes_of(table)}
    stamps = checked(table, plans)
    runs = read_runs(table, stamps, results)
    cells, first = _cells(table, runs, plans), column(table, table["metrics"][0])
    scores = {row["id"]: values_by_seed(row, first) for row in compared(table)}
    mix = next((mix_of(row, first.key) for row in compared(table)), table["mix"])
    claims = table.get("comparisons", [])
    comparisons = pd.DataFrame([compare(c, scores, first.metric, plans[mix]) for c in claims])
    parts = _parts(table, scores)
    origin = origins(table, context, runs, list(stamps.values()), plans, results)
    write_text(out.with_suffix(".tex"), latex(table, context, cells))
    write_text(out.with_suffix(".md"), markdown(table, context, cells, parts, comparisons, origin))
    with replacing(out.with_suffix(".svg")) as temporary:
        dot_plot(table, cells, headline(table["caption"], context), temporary)
    cells = cells.round(3).assign(scale=context["scale"], untrained=context["untrained"])
    write_text(out.with_suffix(".csv"), spreadsheet(cells).to_csv(index=False))


def _cells(
    table: dict[str, Any], runs: dict[str, dict[str, Any]], plans: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """The cells of a table, one a row, by (id of the table's row, key of the column)."""
    names = [(row["id"], key) for row in table["rows"] for key in row["metrics"]]
    cells = [
        _cell(table, row, column(table, key), runs, plans[mix_of(row, key)])
        for row in table["rows"]
        for key in row["metrics"]
    ]
    # A number that is only reported has no n: Int64 can say so, int64 cannot.
    return pd.DataFrame(cells, pd.MultiIndex.from_tuples(names)).astype({"n": "Int64"})


def _cell(
    table: dict[str, Any],
    row: dict[str, Any],
    one: Column,
    runs: dict[str, dict[str, Any]],
    plan: pd.DataFrame,
) -> dict[str, Any]:
    published, metric = row["published"].get(one.key, float("nan")), one.declared
    cell = dict(zip(table["columns"], row["cells"], strict=True)) | {
        "metric": one.key,
        "published": published,
    }
    cell |= dict.fromkeys(("ours", "delta", "n", "ci_low", "ci_high"), float("nan"))
    cell["run"] = "reported" if row["reported"] else row.get("system") or " ".join(row["runs"])
    if metric.by == RUN and row["runs"]:
        facts = [runs[run][metric.of[0]] for run in row["runs"]]
        return cell | {"ours": metric.scale * sum(facts) / len(facts)}
    if not files_of(row, one.key):
        return cell
    scores = values_by_seed(row, one).dropna()
    values, name = stacked(scores), f"{table['caption']}/{row['id']}"
    speakers = _speakers(metric, scores, plan)
    found = estimate(values, name, aggregate_of(one.metric), speakers=speakers)
    ours, low, high = (metric.scale * x for x in found)
    own = {"ours": ours, "delta": ours - published, "n": values.shape[1], "ci_low": low, "ci_high": high}
    return cell | own


def _parts(table: dict[str, Any], scores: dict[str, pd.DataFrame]) -> list[tuple[str, pd.DataFrame]]:
    """The values over parts of the `scores`, each with its heading; by pair, where there are pairs."""
    parts, first = [], column(table, table["metrics"][0])
    kinds = {row["id"]: pairs(row, first) for row in compared(table)}
    if any(kind.any() for kind in kinds.values()):
        parts.append((f"By pair of speakers{in_first(table)}", by_pair(table, scores, kinds)))
    by_run = {row["id"]: scores[row["id"]] for row in compared(table) if row["runs"]}
    if by_run and len(table["seeds"]) > 1:
        parts.append((f"By seed{in_first(table)}", by_seed(table, by_run)))
    return parts


def compare(
    comparison: dict[str, str], scores: dict[str, pd.DataFrame], metric: str, plan: pd.DataFrame | None = None
) -> dict[str, Any]:
    """One claim of the paper: the difference, paired by mixture and seed, its interval, and the verdict.

    `scores` are values_by_seed of the `metric`, on the mix of `plan`; where lower is better, the claim holds
    below 0.
    """
    first, than = (scores[comparison[side]].dropna() for side in ("better", "than"))
    both, declared = first.index.intersection(than.index), metric_of(metric)
    if first.columns.nlevels > 2 and set(first.columns.droplevel(0)) != set(than.columns.droplevel(0)):
        sides = " and ".join(comparison[side] for side in ("better", "than"))
        raise SepflowError(f"rows {sides}: their scores in {declared.name} are of other classes")
    name = f"{comparison['better']} - {comparison['than']}"
    sides = [stacked(side.loc[both]) for side in (first, than)]
    speakers = _speakers(declared, first.loc[both], plan)
    interval = estimate(sides[0], name, aggregate_of(metric), sides[1], speakers)
    mean, low, high = (declared.scale * x for x in interval)
    above, below = (high < 0, low > 0) if declared.lower_is_better else (low > 0, high < 0)
    verdict = "holds" if above else "fails" if below else "undecided"
    return {**comparison, "difference": mean, "ci_low": low, "ci_high": high, "verdict": verdict}


def _speakers(metric: Metric, scores: pd.DataFrame, plan: pd.DataFrame) -> np.ndarray | None:
    """The speakers [mixtures, k] of the mixtures of `scores`, where the interval of a metric is over them."""
    if not metric.of_speakers:
        return None
    return plan.set_index("id").filter(regex=r"^speaker_\d+$").loc[scores.index].to_numpy()


def by_pair(
    table: dict[str, Any], scores: dict[str, pd.DataFrame], kinds: dict[str, pd.Series]
) -> pd.DataFrame:
    """The value of each row over all mixtures, and over those of speakers of different and of one sex."""
    metric = column(table, table["metrics"][0]).metric

    def values(of: pd.DataFrame, kind: pd.Series) -> dict[str, float]:
        members = {f"{pair} sex": kind.index[kind == pair] for pair in ("different", "same")}
        return {"all": _value(of, metric)} | {
            name: _value(of.loc[of.index.intersection(part)], metric) for name, part in members.items()
        }

    return _by_row(table, {name: values(x, kinds[name]) for name, x in scores.items()})


def by_seed(table: dict[str, Any], scores: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The value of each row over all mixtures, seed by seed."""
    metric = column(table, table["metrics"][0]).metric
    return _by_row(
        table,
        {
            name: {f"seed {seed}": _value(of[[k]], metric) for k, seed in enumerate(table["seeds"])}
            for name, of in scores.items()
        },
    )


def _value(values: pd.DataFrame, metric: str) -> float:
    """What a metric's aggregate makes of `values_by_seed`, without what is undefined."""
    return metric_of(metric).scale * value_of(stacked(values.dropna()), aggregate_of(metric))


def _by_row(table: dict[str, Any], numbers: dict[str, dict[str, float]]) -> pd.DataFrame:
    """A row of the table's own cells and `numbers` for each of its rows that has any."""
    rows = [
        dict(zip(table["columns"], row["cells"], strict=True)) | numbers[row["id"]]
        for row in table["rows"]
        if row["id"] in numbers
    ]
    return pd.DataFrame(rows)
