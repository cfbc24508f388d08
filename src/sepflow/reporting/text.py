"""A table as Markdown and as LaTeX."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from sepflow.files import quoting
from sepflow.metrics.metric import RUN, Metric
from sepflow.planning.layout import (
    SYSTEMS,
    Block,
    Column,
    blocks,
    called,
    column,
    in_first,
    mark,
    resampled,
    several,
)
from sepflow.reporting.statistics import described


def markdown(
    table: dict[str, Any],
    context: dict[str, Any],
    cells: pd.DataFrame,
    parts_by: list[tuple[str, pd.DataFrame]],
    comparisons: pd.DataFrame,
    origin: str,
) -> str:
    """The table for a reader: numbers, comparisons, and every `origin` they have."""
    lines = [quoting.markdown(table[key]) for key in ("caption", "title", "note") if key in table]
    parts = [f"# {lines[0]}", *lines[1:]]
    if context["untrained"]:
        parts.append("**Untrained**: a few steps, to see that everything runs. These numbers mean nothing.")
    parts += [grid(_shown(table, cells, block, quoting.markdown, 1)) for block in blocks(table)]
    parts.append(_legend(table))
    first = column(table, table["metrics"][0]).declared
    if not comparisons.empty and not context["untrained"]:
        parts += [f"## What the paper compares{in_first(table)}", grid(_verdicts(comparisons, first))]
    for title, values in parts_by:
        shown = values.map(_plain, decimals=first.decimals + 1)
        parts += [f"## {title}", grid(shown.rename(columns=quoting.markdown))]
    return "\n\n".join([*parts, "## Where it comes from", origin]) + "\n"


def latex(table: dict[str, Any], context: dict[str, Any], cells: pd.DataFrame) -> str:
    """The table for a paper: booktabs; a tabular for each of its blocks, with the columns of the Markdown."""
    return "\n".join(_tabular(table, context, cells, block) for block in blocks(table))


def _tabular(table: dict[str, Any], context: dict[str, Any], cells: pd.DataFrame, block: Block) -> str:
    shown = _shown(table, cells, block, str, 0).map(quoting.latex).rename(columns=quoting.latex)
    lines = [" & ".join(row) + r" \\" for row in shown.itertuples(index=False)]
    layout = "l" * len(table["columns"]) + "r" * (shown.shape[1] - len(table["columns"]))
    scale = quoting.latex(f"scale {context['scale']}")
    said = rf"\textbf{{Untrained}} ({scale}): these numbers mean nothing."
    body = [
        f"% {scale}; needs the package booktabs",
        rf"\begin{{tabular}}{{{layout}}}",
        *([rf"\multicolumn{{{len(layout)}}}{{l}}{{{said}}} \\"] if context["untrained"] else []),
        r"\toprule",
        " & ".join(shown.columns) + r" \\",
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(body) + "\n"


def _shown(
    table: dict[str, Any], cells: pd.DataFrame, block: Block, quoted: Callable[[object], str], finer: int
) -> pd.DataFrame:
    """The rows of a block for a reader: published, ours with its interval, and delta for each metric; n.

    The table's own words are `quoted`; our numbers have so many decimals more than the published (`finer`).
    """

    def columns(cell: pd.Series, of: str, head: Column, other: str) -> dict[str, str]:
        decimals = head.declared.decimals
        ours = _interval(cell[["ours", "ci_low", "ci_high"]], f".{decimals + finer}f")
        return {
            f"published{of}": _number(cell["published"], f".{decimals}f", other),
            f"ours ({head.words})": _lacking(cell) or ours + other,
            f"delta{of}": _number(cell["delta"], f"+.{decimals}f"),
        }

    shown = _wide(table, cells, block, columns, quoted)
    counts = [cells.loc[row["id"]]["n"].dropna().unique() for row in block.rows]
    shown["n"] = [", ".join(map(str, count)) or "-" for count in counts]
    return _filled(table, shown)


def _wide(
    table: dict[str, Any],
    cells: pd.DataFrame,
    block: Block,
    columns: Callable,
    quoted: Callable[[object], str],
) -> pd.DataFrame:
    """The rows of a block: their own cells, then the `columns` of each of their metrics.

    `columns` takes a row of `cells`, what its headings add (the column, where the table has several), the
    column that heads it, and what its numbers add (their own, where it is another).
    """
    rows, names = [], called(table, block)
    for row in block.rows:
        own = zip(map(quoted, table["columns"]), map(quoted, row["cells"]), strict=True)
        rows.append(dict(own))
        for head, name, key in zip(block.metrics, names, row["metrics"], strict=True):
            of = f" {name}" if several(table) else ""
            other = mark(table, [key], [head])
            rows[-1] |= columns(cells.loc[row["id"], key], of, column(table, head), other)
    return pd.DataFrame(rows)


def _filled(table: dict[str, Any], shown: pd.DataFrame) -> pd.DataFrame:
    """The table's own columns, and those of the others in which something stands."""
    own = len(table["columns"])
    return shown.loc[:, [i < own or (shown.iloc[:, i] != "-").any() for i in range(shown.shape[1])]]


def _lacking(cell: pd.Series) -> str:
    """Why a cell has no number of ours; empty, where it has one."""
    if not pd.isna(cell["ours"]):
        return ""
    if not pd.isna(cell["n"]):
        return "undefined"
    return "reported" if cell["run"] == "reported" and not pd.isna(cell["published"]) else "-"


def _number(value: float, form: str, other: str = "") -> str:
    form = form.replace(".", "z.")  # -0.04 is 0.0, not -0.0
    return "-" if pd.isna(value) else format(value, form) + other


def _interval(numbers: Iterable[float], form: str) -> str:
    """A mean or a difference, with the low and the high end of its interval where it has one."""
    mean, low, high = (_number(number, form) for number in numbers)
    return mean if low == "-" else f"{mean} [{low}, {high}]"


def _legend(table: dict[str, Any]) -> str:
    """What the kinds of numbers of a table are, in words."""
    keys = dict.fromkeys(key for row in table["rows"] for key in row["metrics"])
    shown = [column(table, key).declared for key in keys]
    mean = all(metric.aggregate == "mean" for metric in shown)
    over = described(table["seeds"], resampled(table))
    words = [f"Ours: {'mean' if mean else 'value over all mixtures'} and {over}."]
    if facts := [metric.name for metric in shown if metric.by == RUN]:
        words.append(f"Of a run itself, so without an interval: {', '.join(facts)}.")
    if any(row["published"] for row in table["rows"]):
        words.append("Published: another corpus, unless the scale is `paper`.")
    for system in dict.fromkeys(row["system"] for row in table["rows"] if "system" in row):
        words.append(f"`{system}`: no run, {SYSTEMS[system]}.")
    for key, run in {key: run for row in table["rows"] for key, run in row.get("used", {}).items()}.items():
        words.append(f"{quoting.markdown(column(table, key).name)}: computed by the run `{run}`.")
    if any(row["reported"] for row in table["rows"]):
        words.append("Reported: quoted by the paper, not run by it, nor here.")
    return " ".join(words)


def _plain(cell: object, decimals: int) -> str:
    return _number(cell, f".{decimals}f") if isinstance(cell, float) else quoting.markdown(cell)


def _verdicts(comparisons: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    words = f" ({', '.join(metric.measure)})" if metric.measure else ""
    form = f"+.{metric.decimals + 1}f"
    numbers = comparisons[["difference", "ci_low", "ci_high"]].to_numpy()
    return pd.DataFrame(
        {
            "claim": comparisons["claim"].map(quoting.markdown),
            f"difference{words}": [_interval(row, form) for row in numbers],
            "here it": comparisons["verdict"],
        }
    )


def grid(frame: pd.DataFrame) -> str:
    """`frame` as a table of Markdown, its cells as they are."""
    return frame.to_markdown(index=False, disable_numparse=True)
