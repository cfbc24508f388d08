"""Which rows of a table share columns, and which are compared."""

from typing import Any, NamedTuple

from sepflow.metrics.declared import metric_of


class Block(NamedTuple):
    """Rows that stand in the same columns, and the metrics that head these."""

    metrics: list[str]
    rows: list[dict[str, Any]]


def blocks(table: dict[str, Any]) -> list[Block]:
    """The rows of `table` (resolved by the plan) by the units of their metrics, those of the table's first.

    So a row of SI-SNR stands among those of SI-SNRi, with a `mark` that says so; one of accuracies does not.
    """
    found = {_units(table["metrics"]): Block(table["metrics"], [])}
    for row in table["rows"]:
        found.setdefault(_units(row["metrics"]), Block(row["metrics"], [])).rows.append(row)
    return [block for block in found.values() if block.rows]


def _units(metrics: list[str]) -> tuple[str, ...]:
    return tuple(metric_of(metric).unit for metric in metrics)


def mark(metrics: list[str], heads: list[str]) -> str:
    """The names of `metrics`, in brackets, where they are not the `heads` they stand under; else empty."""
    return "" if metrics == heads else f" ({', '.join(metric_of(metric).name for metric in metrics)})"


def compared(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows with scores in the table's first metric: in that one, rows are compared."""
    return [row for row in table["rows"] if row["runs"] and table["metrics"][0] in row["metrics"]]


def several(table: dict[str, Any]) -> bool:
    """Whether a table has more than one metric, so that a number has to say which it is in."""
    return any(row["metrics"] != table["metrics"][:1] for row in table["rows"])


def in_first(table: dict[str, Any]) -> str:
    """The name of the table's first metric, in brackets, where it has several; else empty."""
    return f" ({metric_of(table['metrics'][0]).name})" if several(table) else ""


def mixes_of(table: dict[str, Any]) -> list[str]:
    """The names of the test mixes of a table, its own first."""
    return list(dict.fromkeys([table["mix"], *(row["mix"] for row in table["rows"])]))


def stamp_of(scores: str) -> str:
    """The file beside a file of scores that says what these are of."""
    return scores.removesuffix(".csv") + ".json"
