"""A table as Markdown and as LaTeX."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from sepflow.files import quoting
from sepflow.metrics.declared import metric_of
from sepflow.metrics.metric import Metric
from sepflow.planning.layout import Block, blocks, in_first, mark, several
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
    said = [quoting.markdown(table[key]) for key in ("caption", "title", "note") if key in table]
    parts = [f"# {said[0]}", *said[1:]]
    if context["untrained"]:
        parts.append("**Untrained**: a few steps, to see that everything runs. These numbers mean nothing.")
    parts += [grid(_shown(table, cells, block, quoting.markdown, ".2f")) for block in blocks(table)]
    parts.append(_legend(table))
    if not comparisons.empty and not context["untrained"]:
        unit = metric_of(table["metrics"][0]).unit
        parts += [f"## What the paper compares{in_first(table)}", grid(_verdicts(comparisons, unit))]
    for title, means in parts_by:
        parts += [f"## {title}", grid(means.map(_two_decimals).rename(columns=quoting.markdown))]
    return "\n\n".join([*parts, "## Where it comes from", origin]) + "\n"


def latex(table: dict[str, Any], context: dict[str, Any], cells: pd.DataFrame) -> str:
    """The table for a paper: booktabs; a tabular for each of its blocks, with the columns of the Markdown."""
    return "\n".join(_tabular(table, context, cells, block) for block in blocks(table))


def _tabular(table: dict[str, Any], context: dict[str, Any], cells: pd.DataFrame, block: Block) -> str:
    shown = _shown(table, cells, block, str, ".1f").map(quoting.latex).rename(columns=quoting.latex)
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
    table: dict[str, Any], cells: pd.DataFrame, block: Block, quoted: Callable[[object], str], form: str
) -> pd.DataFrame:
    """The rows of a block for a reader: published, ours with its interval, and delta for each metric; n.

    The table's own words are `quoted`; our numbers have the `form`.
    """

    def columns(cell: pd.Series, of: str, head: Metric, other: str) -> dict[str, str]:
        return {
            f"published{of}": _number(cell["published"], ".1f", other),
            f"ours ({head.name}, {head.unit})": _lacking(cell)
            or _interval(cell[["ours", "ci_low", "ci_high"]], form) + other,
            f"delta{of}": _number(cell["delta"], "+.1f"),
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

    `columns` takes a row of `cells`, what its headings add (the metric, where the table has several), the
    metric that heads it, and what its numbers add (their metric, where it is another).
    """
    rows = []
    for row in block.rows:
        own = zip(map(quoted, table["columns"]), map(quoted, row["cells"]), strict=True)
        rows.append(dict(own))
        for head, metric in zip(block.metrics, row["metrics"], strict=True):
            of = f" {metric_of(head).name}" if several(table) else ""
            rows[-1] |= columns(cells.loc[row["id"], metric], of, metric_of(head), mark([metric], [head]))
    return pd.DataFrame(rows)


def _filled(table: dict[str, Any], shown: pd.DataFrame) -> pd.DataFrame:
    """The table's own columns, and those of the others in which something stands."""
    own = len(table["columns"])
    return shown.loc[:, [i < own or (shown.iloc[:, i] != "-").any() for i in range(shown.shape[1])]]


def _lacking(cell: pd.Series) -> str:
    """Why a cell has no number of ours; empty, where it has one."""
    return "reported" if pd.isna(cell["n"]) else "undefined" if pd.isna(cell["ours"]) else ""


def _number(value: float, form: str, other: str = "") -> str:
    form = form.replace(".", "z.")  # -0.04 is 0.0, not -0.0
    return "-" if pd.isna(value) else format(value, form) + other


def _interval(numbers: Iterable[float], form: str) -> str:
    """A mean or a difference, with the low and the high end of its interval where it has one."""
    mean, low, high = (_number(number, form) for number in numbers)
    return mean if low == "-" else f"{mean} [{low}, {high}]"


def _legend(table: dict[str, Any]) -> str:
    """What the kinds of numbers of a table are, in words."""
    words = [f"Ours: mean and {described(table['seeds'])}."]
    if any(row["published"] for row in table["rows"]):
        words.append("Published: another corpus, unless the scale is `paper`.")
    if any(row["reported"] for row in table["rows"]):
        words.append("Reported: quoted by the paper, not run by it, nor here.")
    return " ".join(words)


def _two_decimals(cell: object) -> str:
    return _number(cell, ".2f") if isinstance(cell, float) else quoting.markdown(cell)


def _verdicts(comparisons: pd.DataFrame, unit: str) -> pd.DataFrame:
    numbers = comparisons[["difference", "ci_low", "ci_high"]].to_numpy()
    return pd.DataFrame(
        {
            "claim": comparisons["claim"].map(quoting.markdown),
            f"difference ({unit})": [_interval(row, "+.2f") for row in numbers],
            "here it": comparisons["verdict"],
        }
    )


def grid(frame: pd.DataFrame) -> str:
    """`frame` as a table of Markdown, its cells as they are."""
    return frame.to_markdown(index=False, disable_numparse=True)
