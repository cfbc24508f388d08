"""What a paper says of a table's columns of numbers: metrics, perhaps on test mixes of their own; facts."""

from collections.abc import Iterable
from typing import Any

from sepflow.errors import SepflowError
from sepflow.files.config import unknown_name
from sepflow.metrics.declared import group_of, groups, metrics_of
from sepflow.metrics.metric import RUN

Item = str | dict[str, Any]  # as a paper's file says it: a metric, or one with more beside it


def columns(items: list[Item], where: str) -> dict[str, dict[str, str]]:
    """What `items` say, by key: `metric`, and `test`, `head` and `with` (a run) where the column has them.

    Raises SepflowError naming what is wrong.
    """
    columns: dict[str, dict[str, str]] = {}
    for item in items:
        asked = {"metric": item} if isinstance(item, str) else dict(item)
        _check(asked, where)
        if "with" in asked:
            (asked["with"],) = asked["with"].values()
        more = [asked[part] for part in ("test", "with") if part in asked]
        if more:
            asked.setdefault("head", ", ".join(more))
        key = ":".join((asked["metric"], *more))
        names = [(one["metric"], one.get("head")) for one in columns.values()]
        if key in columns or (asked["metric"], asked.get("head")) in names:
            raise SepflowError(
                f"{where}: {key} twice, or under one head; a column is a metric on a test mix, "
                "perhaps with a run"
            )
        columns[key] = asked
    return columns


def _check(column: dict[str, Any], where: str) -> None:
    known, metric = metrics_of(groups()), column["metric"]
    if metric not in known:
        raise SepflowError(f"{where}: {unknown_name('metric', metric, list(known))}")
    uses, said = groups()[group_of(metric)].uses, column.get("with", {})
    if {*said} != {*uses}:
        wanted = " and ".join(f"{{{name}: a run of {' or '.join(tasks)}}}" for name, tasks in uses.items())
        raise SepflowError(
            f"{where}: {metric}: with: {', '.join(said) or 'nothing said'}: "
            f"{wanted or 'no other run'} computes it"
        )
    if "test" in column and known[metric].by == RUN:
        raise SepflowError(f"{where}: {metric}: test: it is a fact of a run, on whatever mix; take it away")


def tests_of(table: dict[str, Any]) -> list[str]:
    """The test mixes of a table as the paper's file has it: its own, those of its rows and of its columns."""
    own = [item["test"] for item in _items(table) if "test" in item]
    return sorted({table["test"], *own, *(row["test"] for row in table["rows"].values() if "test" in row)})


def computing(table: dict[str, Any]) -> list[str]:
    """The runs that compute metrics of a table as the paper's file has it, as it calls them."""
    return [run for item in _items(table) for run in item.get("with", {}).values()]


def _items(table: dict[str, Any]) -> list[dict[str, Any]]:
    """What the table and its rows say of columns that are more than a metric."""
    items = [item for part in (table, *table["rows"].values()) for item in part.get("metrics", ())]
    return [item for item in items if isinstance(item, dict)]


def heads(said: Iterable[dict[str, dict[str, str]]]) -> dict[str, dict[str, str]]:
    """Of the columns of a table and its rows those that are more than a metric, by key: metric and head."""
    return {
        key: {"metric": one["metric"], "head": one["head"]}
        for part in said
        for key, one in part.items()
        if "head" in one
    }
