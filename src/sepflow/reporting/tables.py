"""From scores to a paper's table: one CSV row a cell, with the paper's number and ours.

A cell is a row of the table in one of its metrics.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from sepflow.files import replacing, write_text
from sepflow.files.quoting import spreadsheet
from sepflow.mixes.mix import read_own_plan
from sepflow.planning.layout import compared, in_first, mixes_of
from sepflow.reporting.figures.dots import dot_plot
from sepflow.reporting.figures.style import headline
from sepflow.reporting.origin import origins
from sepflow.reporting.scores import checked, pairs, read_runs, values_by_seed
from sepflow.reporting.statistics import estimate
from sepflow.reporting.text import latex, markdown


def write_table(table: dict[str, Any], context: dict[str, Any], results: Path, out: Path) -> None:
    """Join the score files of `table` (resolved by the plan) and write `out`.csv, .md, .tex and .svg.

    `context` says what stands beside the numbers: scale, untrained, corpora, heard, and who makes the table.
    Raises SepflowError where scores, or what is said of a run, are damaged or of something else.
    """
    plans = {mix: read_own_plan(results / "mixes" / mix, mix) for mix in mixes_of(table)}
    stamps = checked(table, plans)
    runs = read_runs(table, stamps, results)
    cells = _cells(table)
    scores = {row["id"]: values_by_seed(row, table["metrics"][0]) for row in compared(table)}
    comparisons = pd.DataFrame([compare(c, scores) for c in table.get("comparisons", [])])
    parts = _parts(table, scores)
    origin = origins(table, context, runs, list(stamps.values()), plans, results)
    write_text(out.with_suffix(".tex"), latex(table, context, cells))
    write_text(out.with_suffix(".md"), markdown(table, context, cells, parts, comparisons, origin))
    with replacing(out.with_suffix(".svg")) as temporary:
        dot_plot(table, cells, headline(table["caption"], context), temporary)
    cells = cells.round(3).assign(scale=context["scale"], untrained=context["untrained"])
    write_text(out.with_suffix(".csv"), spreadsheet(cells).to_csv(index=False))


def _cells(table: dict[str, Any]) -> pd.DataFrame:
    """The cells of a table, one a row, by (id of the table's row, metric)."""
    names = [(row["id"], metric) for row in table["rows"] for metric in row["metrics"]]
    cells = [_cell(table, row, metric) for row in table["rows"] for metric in row["metrics"]]
    # A number that is only reported has no n: Int64 can say so, int64 cannot.
    return pd.DataFrame(cells, pd.MultiIndex.from_tuples(names)).astype({"n": "Int64"})


def _cell(table: dict[str, Any], row: dict[str, Any], metric: str) -> dict[str, Any]:
    published = row["published"].get(metric, float("nan"))
    cell = dict(zip(table["columns"], row["cells"], strict=True)) | {"metric": metric, "published": published}
    if row["reported"]:
        nothing = dict.fromkeys(("ours", "delta", "n", "ci_low", "ci_high"), float("nan"))
        return cell | nothing | {"run": "reported"}
    values = values_by_seed(row, metric).dropna().to_numpy().T
    ours, low, high = estimate(values, f"{table['caption']}/{row['id']}")
    return cell | {
        "ours": ours,
        "delta": ours - published,
        "n": values.shape[1],
        "ci_low": low,
        "ci_high": high,
        "run": " ".join(row["runs"]),
    }


def _parts(table: dict[str, Any], scores: dict[str, pd.DataFrame]) -> list[tuple[str, pd.DataFrame]]:
    """The means over parts of the `scores`, each with its heading; by pair, where there are pairs."""
    parts = []
    kinds = {row["id"]: pairs(row["scores"][0]) for row in compared(table)}
    if any(kind.any() for kind in kinds.values()):
        parts.append((f"By pair of speakers{in_first(table)}", by_pair(table, scores, kinds)))
    if scores and len(table["seeds"]) > 1:
        parts.append((f"By seed{in_first(table)}", by_seed(table, scores)))
    return parts


def compare(comparison: dict[str, str], scores: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """One claim of the paper: the difference, paired by mixture and seed, its interval, and the verdict."""
    difference = (scores[comparison["better"]] - scores[comparison["than"]]).dropna().to_numpy().T
    mean, low, high = estimate(difference, f"{comparison['better']} - {comparison['than']}")
    verdict = "holds" if low > 0 else "fails" if high < 0 else "undecided"
    return {**comparison, "difference": mean, "ci_low": low, "ci_high": high, "verdict": verdict}


def by_pair(
    table: dict[str, Any], scores: dict[str, pd.DataFrame], kinds: dict[str, pd.Series]
) -> pd.DataFrame:
    """The mean of each row over all mixtures, and over those of speakers of different and of the same sex."""

    def means(values: pd.Series, kind: pd.Series) -> dict[str, float]:
        return {"all": values.mean()} | {
            f"{pair} sex": values[kind == pair].mean() for pair in ("different", "same")
        }

    return _by_row(
        table, {name: means(x.mean(axis=1, skipna=False), kinds[name]) for name, x in scores.items()}
    )


def by_seed(table: dict[str, Any], scores: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The mean of each row over all mixtures, seed by seed."""
    names = [f"seed {seed}" for seed in table["seeds"]]
    return _by_row(
        table, {name: dict(zip(names, frame.mean(), strict=True)) for name, frame in scores.items()}
    )


def _by_row(table: dict[str, Any], numbers: dict[str, dict[str, float]]) -> pd.DataFrame:
    """A row of the table's own cells and `numbers` for each of its rows that has any."""
    rows = [
        dict(zip(table["columns"], row["cells"], strict=True)) | numbers[row["id"]]
        for row in table["rows"]
        if row["id"] in numbers
    ]
    return pd.DataFrame(rows)
