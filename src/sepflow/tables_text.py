"""A table as Markdown, with where it comes from, and as LaTeX."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from sepflow.metrics.names import METRICS, Metric
from sepflow.statistics import described
from sepflow.tables_layout import Block, blocks, in_first, mark, several


def markdown(
    table: dict[str, Any],
    context: dict[str, Any],
    cells: pd.DataFrame,
    parts_by: list[tuple[str, pd.DataFrame]],
    comparisons: pd.DataFrame,
    runs: dict[str, dict],
) -> str:
    """The table for a reader: numbers, comparisons, and every origin they have."""
    parts = [f"# {table['caption']}", table["title"], *([table["note"]] if "note" in table else [])]
    if context["untrained"]:
        parts.append("**Untrained**: a few steps, to see that everything runs. These numbers mean nothing.")
    parts += [_table(_shown(table, cells, block)) for block in blocks(table)]
    parts.append(_legend(table))
    if not comparisons.empty and not context["untrained"]:
        unit = METRICS[table["metrics"][0]].unit
        parts += [f"## What the paper compares{in_first(table)}", _table(_verdicts(comparisons, unit))]
    for title, means in parts_by:
        parts += [f"## {title}", _table(means.map(_two_decimals))]
    parts += ["## Where it comes from", _origins(context, table, runs)]
    if runs:
        parts.append(_table(_runs(table, runs)))
    return "\n\n".join(parts) + "\n"


def latex(table: dict[str, Any], cells: pd.DataFrame) -> str:
    """The table for a paper: booktabs, the published number and ours; a tabular for each of its blocks."""
    return "\n".join(_tabular(table, cells, block) for block in blocks(table))


def _tabular(table: dict[str, Any], cells: pd.DataFrame, block: Block) -> str:
    def columns(cell: pd.Series, of: str, head: Metric, other: str) -> dict[str, str]:
        return {
            f"published{of}": _one_decimal(cell["published"], other),
            f"ours{of}": _lacking(cell) or _one_decimal(cell["ours"], other),
        }

    shown = _filled(table, _wide(table, cells, block, columns))
    lines = [" & ".join(_escape(str(cell)) for cell in row) + r" \\" for row in shown.itertuples(index=False)]
    head = " & ".join(_escape(name) for name in shown.columns) + r" \\"
    layout = "l" * len(table["columns"]) + "r" * (shown.shape[1] - len(table["columns"]))
    body = [
        "\\begin{tabular}{" + layout + "}",
        r"\toprule",
        head,
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(body) + "\n"


def _shown(table: dict[str, Any], cells: pd.DataFrame, block: Block) -> pd.DataFrame:
    """The rows of a block for a reader: published, ours with its interval, and delta for each metric; n."""

    def columns(cell: pd.Series, of: str, head: Metric, other: str) -> dict[str, str]:
        return {
            f"published{of}": _number(cell["published"], ".1f", other),
            f"ours ({head.name}, {head.unit})": _lacking(cell)
            or _interval(cell[["ours", "ci_low", "ci_high"]], ".2f") + other,
            f"delta{of}": _number(cell["delta"], "+.1f"),
        }

    shown = _wide(table, cells, block, columns)
    counts = [cells.loc[row["id"]]["n"].dropna().unique() for row in block.rows]
    shown["n"] = [", ".join(map(str, count)) or "-" for count in counts]
    return _filled(table, shown)


def _wide(table: dict[str, Any], cells: pd.DataFrame, block: Block, columns: Callable) -> pd.DataFrame:
    """The rows of a block: their own cells, then the `columns` of each of their metrics.

    `columns` takes a row of `cells`, what its headings add (the metric, where the table has several), the
    metric that heads it, and what its numbers add (their metric, where it is another).
    """
    rows = []
    for row in block.rows:
        rows.append(dict(zip(table["columns"], row["cells"], strict=True)))
        for head, metric in zip(block.metrics, row["metrics"], strict=True):
            of = f" {METRICS[head].name}" if several(table) else ""
            rows[-1] |= columns(cells.loc[row["id"], metric], of, METRICS[head], mark([metric], [head]))
    return pd.DataFrame(rows)


def _filled(table: dict[str, Any], shown: pd.DataFrame) -> pd.DataFrame:
    """The table's own columns, and those of the others in which something stands."""
    own = len(table["columns"])
    return shown.loc[:, [i < own or (shown.iloc[:, i] != "-").any() for i in range(shown.shape[1])]]


def _lacking(cell: pd.Series) -> str:
    """Why a cell has no number of ours; empty, where it has one."""
    return "reported" if pd.isna(cell["n"]) else "undefined" if pd.isna(cell["ours"]) else ""


def _number(value: float, form: str, other: str = "") -> str:
    return "-" if pd.isna(value) else format(value, form) + other


def _one_decimal(value: float, other: str) -> str:
    return _number(round(value, 1) + 0.0, ".1f", other)  # -0.04 is 0.0, not -0.0


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


def _two_decimals(cell: object) -> object:
    return cell if not isinstance(cell, float) else f"{cell:.2f}" if cell == cell else "-"


def _escape(cell: str) -> str:
    for character in "\\&%$#_{}":
        cell = cell.replace(character, "\\" + character) if character != "\\" else cell
    return cell


def _verdicts(comparisons: pd.DataFrame, unit: str) -> pd.DataFrame:
    numbers = comparisons[["difference", "ci_low", "ci_high"]].to_numpy()
    return pd.DataFrame(
        {
            "claim": comparisons["claim"],
            f"difference ({unit})": [_interval(row, "+.2f") for row in numbers],
            "here it": comparisons["verdict"],
        }
    )


def _origins(context: dict[str, Any], table: dict[str, Any], runs: dict[str, dict]) -> str:
    lines = [
        f"- Scale `{context['scale']}`; corpora: {'; '.join(context['corpora'])}.",
        *(f"- Test mix {test}." for test in context["tests"]),
        f"- Made by sepflow {context['sepflow']}, commit `{context['commit']}`"
        + (f" with uncommitted changes (`{context['dirty']}`)." if context["dirty"] else "."),
        "- Versions: "
        + ", ".join(f"{name} {version}" for name, version in context["versions"].items())
        + ".",
        f"- Wall time: {sum(run['seconds'] for run in runs.values()):.0f} s of training for the runs below.",
        f"- Interval: {described(table['seeds'])}. A comparison holds (fails) where the paired interval "
        "lies above (below) 0.",
    ]
    return "\n".join(lines)


def _runs(table: dict[str, Any], runs: dict[str, dict]) -> pd.DataFrame:
    labels = {run: label for row in table["rows"] for run, label in row["runs"].items()}
    return pd.DataFrame(
        [
            {
                "run": labels[name],
                "name": f"`{name}`",
                "parameters": f"{run['parameters']:,}",
                "steps": f"{run['selected_step']} of {run['steps']}",
                "training (s)": round(run["seconds"]),
                "device": run["device"],
                "commit": f"`{run['commit'][:12]}{'+' + run['dirty'] if run['dirty'] else ''}`",
            }
            for name, run in runs.items()
        ]
    )


def _table(frame: pd.DataFrame) -> str:
    return frame.to_markdown(index=False, disable_numparse=True)
