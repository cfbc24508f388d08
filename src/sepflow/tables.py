"""From scores to a paper's table: one CSV row a cell, with the paper's number and ours."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from sepflow.contracts import check_scores
from sepflow.errors import SepflowError
from sepflow.figures.dots import dot_plot
from sepflow.files import replacing, write_text
from sepflow.simulation.mix import read_plan
from sepflow.statistics import interval
from sepflow.tables_text import latex, markdown


def write_table(table: dict[str, Any], context: dict[str, Any], results: Path, out: Path) -> None:
    """Join the score files of `table` (resolved by the plan) and write `out`.csv, .md, .tex and .svg.

    `context` says what the Markdown names beside the numbers: scale, untrained, corpora, provenance.
    """
    scores = {row["id"]: utterances(row, table["metric"]) for row in table["rows"]}
    cells = pd.DataFrame([_cell(table, row, scores[row["id"]]) for row in table["rows"]])
    comparisons = pd.DataFrame([compare(c, scores) for c in table.get("comparisons", [])])
    context = context | {"test": _test_set(read_plan(results / "mixes" / table["mix"] / "mix.csv"))}
    runs = {
        row["run"]: json.loads((results / "runs" / row["run"] / "run.json").read_text())
        for row in table["rows"]
    }
    write_text(out.with_suffix(".tex"), latex(table, cells))
    write_text(
        out.with_suffix(".md"), markdown(table, context, cells, by_pair(table, scores), comparisons, runs)
    )
    with replacing(out.with_suffix(".svg")) as temporary:
        dot_plot(table, cells, temporary)
    write_text(out.with_suffix(".csv"), cells.to_csv(index=False))


def utterances(row: dict[str, Any], metric: str) -> pd.DataFrame:
    """The value of each mixture of a row, the mean over its sources; indexed by mixture, with its pair."""
    scores = pd.read_csv(
        row["scores"], dtype={"mixture": str, "pair": str}, keep_default_na=False, na_values={"value": [""]}
    )
    check_scores(scores, row["scores"])
    wanted = scores[(scores["selection"] == row["selection"]) & (scores["metric"] == metric)]
    if wanted.empty:
        raise SepflowError(f"{row['scores']}: no {metric} of selection {row['selection']!r}; make it again")
    # A mixture with an undefined source is undefined: counted by n, never taken for 0.
    return wanted.groupby("mixture").agg(
        value=("value", lambda v: v.mean(skipna=False)), pair=("pair", "first")
    )


def _test_set(plan: pd.DataFrame) -> str:
    """The size of a test mix, in words."""
    speakers = set(plan.filter(like="speaker_").to_numpy().ravel())
    return f"{len(plan)} mixtures of {len(speakers)} speakers that no training has heard"


def _cell(table: dict[str, Any], row: dict[str, Any], scores: pd.DataFrame) -> dict[str, Any]:
    values = scores["value"].dropna().to_numpy()
    low, high = interval(values, f"{table['caption']}/{row['id']}")
    ours = float(values.mean())
    return dict(zip(table["columns"], row["cells"], strict=True)) | {
        "metric": table["metric"],
        "published": row["published"],
        "ours": round(ours, 3),
        "delta": round(ours - row["published"], 3),
        "n": len(values),
        "ci_low": round(low, 3),
        "ci_high": round(high, 3),
        "run": row["run"],
    }


def compare(comparison: dict[str, str], scores: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """One claim of the paper: the paired difference over mixtures, its interval, and the verdict."""
    joined = scores[comparison["better"]].join(scores[comparison["than"]], rsuffix="_than")
    difference = (joined["value"] - joined["value_than"]).dropna().to_numpy()
    low, high = interval(difference, f"{comparison['better']} - {comparison['than']}")
    verdict = "holds" if low > 0 else "fails" if high < 0 else "undecided"
    mean = float(difference.mean())
    return {**comparison, "difference": mean, "ci_low": low, "ci_high": high, "verdict": verdict}


def by_pair(table: dict[str, Any], scores: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The mean of each row over all mixtures, and over those of speakers of different and of the same sex."""
    rows = []
    for row in table["rows"]:
        values = scores[row["id"]]
        means = {"all": values["value"].mean()}
        for pair in ("different", "same"):
            means[f"{pair} sex"] = values.loc[values["pair"] == pair, "value"].mean()
        rows.append(dict(zip(table["columns"], row["cells"], strict=True)) | means)
    return pd.DataFrame(rows)
