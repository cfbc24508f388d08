"""A table's columns of numbers as they are planned: which rows share them, and whence their scores are."""

from typing import Any, NamedTuple

from sepflow.metrics.declared import metric_of
from sepflow.metrics.metric import RUN, Metric

# Rows that no run is behind, and what stands in place of a model's estimates.
SYSTEMS = {
    "mixture": "the mixture as the estimate of every source",
    "references": "the references as the estimates",
}


class Column(NamedTuple):
    """A column: its `key` in the cells, its metric, and perhaps a `head` in place of the metric's name."""

    key: str
    metric: str
    head: str = ""

    @property
    def declared(self) -> Metric:
        """What the metric's group says of it."""
        return metric_of(self.metric)

    @property
    def short(self) -> str:
        """What tells it from the columns beside it."""
        return self.head or self.declared.name

    @property
    def name(self) -> str:
        """All that it is called."""
        return f"{self.head}: {self.declared.name}" if self.head else self.declared.name

    @property
    def words(self) -> str:
        """The name with the unit, and whether lower is better: "SI-SNR, dB"."""
        return ", ".join((self.name, *self.declared.measure))

    @property
    def axis(self) -> str:
        """The same as an axis has it: "SI-SNR (dB)"."""
        return f"{self.name} ({', '.join(measure)})" if (measure := self.declared.measure) else self.name


class Block(NamedTuple):
    """Rows that stand in the same columns, and the keys of the columns that head these."""

    metrics: list[str]
    rows: list[dict[str, Any]]


def column(table: dict[str, Any], key: str) -> Column:
    """The column of that key: a metric, or what `heads` of the table (resolved by the plan) says of it."""
    return Column(key, **table.get("heads", {}).get(key, {"metric": key}))


def blocks(table: dict[str, Any]) -> list[Block]:
    """The rows of `table` by the units of their metrics, those of the table's first.

    So a row of SI-SNR stands among those of SI-SNRi, with a `mark` that says so; one of accuracies does not.
    """
    by_units = {_units(table, table["metrics"]): Block(table["metrics"], [])}
    for row in table["rows"]:
        by_units.setdefault(_units(table, row["metrics"]), Block(row["metrics"], [])).rows.append(row)
    return [block for block in by_units.values() if block.rows]


def _units(table: dict[str, Any], metrics: list[str]) -> tuple[tuple[str, bool], ...]:
    """What numbers must have in common to stand in one column: the unit, or else the name, and the better."""
    declared = [column(table, key).declared for key in metrics]
    return tuple((metric.unit or metric.name, metric.lower_is_better) for metric in declared)


def called(table: dict[str, Any], block: Block) -> list[str]:
    """What tells the columns of a block apart, as short as it can be."""
    heads = [column(table, key) for key in block.metrics]
    short = [head.short for head in heads]
    return [head.short if short.count(head.short) == 1 else head.name for head in heads]


def mark(table: dict[str, Any], metrics: list[str], heads: list[str]) -> str:
    """The names of columns, in brackets, where they are not the `heads` they stand under; else empty."""
    return "" if metrics == heads else f" ({', '.join(column(table, key).short for key in metrics)})"


def compared(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows with scores in the table's first column: in that one, rows are compared."""
    first = table["metrics"][0]
    return [row for row in table["rows"] if first in row["metrics"] and files_of(row, first)]


def several(table: dict[str, Any]) -> bool:
    """Whether a table has more than one column of numbers, so that one has to say which it is in."""
    return any(row["metrics"] != table["metrics"][:1] for row in table["rows"])


def resampled(table: dict[str, Any]) -> str:
    """What the intervals of a table are over, in words."""
    kinds = {column(table, key).declared.of_speakers for row in table["rows"] for key in row["metrics"]}
    return " or ".join(name for kind, name in ((False, "mixtures"), (True, "speakers")) if kind in kinds)


def in_first(table: dict[str, Any]) -> str:
    """The name of the table's first column, in brackets, where it has several; else empty."""
    return f" ({column(table, table['metrics'][0]).name})" if several(table) else ""


def is_fact(table: dict[str, Any], key: str) -> bool:
    """Whether a column is of a fact of the runs, which no test mix is behind."""
    return column(table, key).declared.by == RUN


def files_of(row: dict[str, Any], key: str) -> list[str]:
    """The files of scores, one a seed, that a row's column is read from; none, where it has no scores."""
    return row.get("elsewhere", {}).get(key, row)["scores"]


def mix_of(row: dict[str, Any], key: str) -> str:
    """The name of the test mix of a row's column."""
    return row.get("elsewhere", {}).get(key, row)["mix"]


def scores_of(row: dict[str, Any]) -> list[str]:
    """All files of scores that a row is joined from."""
    return list(dict.fromkeys(file for key in row["metrics"] for file in files_of(row, key)))


def tested(row: dict[str, Any]) -> list[str]:
    """The names of the test mixes of a row, that of most columns first."""
    return list(dict.fromkeys([row["mix"], *(x["mix"] for x in row.get("elsewhere", {}).values())]))


def mixes_of(table: dict[str, Any]) -> list[str]:
    """The names of the test mixes of a table, its own first."""
    return list(dict.fromkeys([table["mix"], *(mix for row in table["rows"] for mix in tested(row))]))


def used_of(row: dict[str, Any], key: str) -> str:
    """The name of the run that computes the metric of a column; empty, where none does."""
    return row.get("used", {}).get(key, "")


def stamp_of(scores: str) -> str:
    """The file beside a file of scores that says what these are of."""
    return scores.removesuffix(".csv") + ".json"
