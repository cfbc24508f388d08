"""What a paper says of a table's columns of numbers: metrics, perhaps on test mixes of their own; facts."""

from collections.abc import Iterable
from typing import Any

from sepflow.errors import SepflowError
from sepflow.files.config import unknown_name
from sepflow.metrics.declared import groups, metrics_of
from sepflow.metrics.metric import RUN

Item = str | dict[str, Any]  # as a paper's file says it: a metric, or one with more beside it


def columns(items: list[Item], where: str) -> dict[str, dict[str, str]]:
    """What `items` say, by key: `metric`, and `test` and `head` where the column has them.

    Raises SepflowError naming what is wrong.
    """
    columns: dict[str, dict[str, str]] = {}
    for item in items:
        asked = {"metric": item} if isinstance(item, str) else dict(item)
        _check(asked, where)
        if "test" in asked:
            asked.setdefault("head", asked["test"])
        key = ":".join(asked[part] for part in ("metric", "test") if part in asked)
        names = [(one["metric"], one.get("head")) for one in columns.values()]
        if key in columns or (asked["metric"], asked.get("head")) in names:
            raise SepflowError(f"{where}: {key} twice, or under one head; a column is a metric on a test mix")
        columns[key] = asked
    return columns


def _check(column: dict[str, Any], where: str) -> None:
    known, metric = metrics_of(groups()), column["metric"]
    if metric not in known:
        raise SepflowError(f"{where}: {unknown_name('metric', metric, list(known))}")
    if "with" in column:
        raise SepflowError(
            f"{where}: {metric}: with: a metric that another run computes is not there yet; take it away"
        )
    if "test" in column and known[metric].by == RUN:
        raise SepflowError(f"{where}: {metric}: test: it is a fact of a run, on whatever mix; take it away")


def tests_of(table: dict[str, Any]) -> list[str]:
    """The test mixes of a table as the paper's file has it: its own, those of its rows and of its columns."""
    rows = table["rows"].values()
    items = [item for part in (table, *rows) for item in part.get("metrics", ())]
    own = [item["test"] for item in items if isinstance(item, dict) and "test" in item]
    return sorted({table["test"], *own, *(row["test"] for row in rows if "test" in row)})


def heads(said: Iterable[dict[str, dict[str, str]]]) -> dict[str, dict[str, str]]:
    """Of the columns of a table and its rows those that are more than a metric, by key: metric and head."""
    return {
        key: {"metric": one["metric"], "head": one["head"]}
        for part in said
        for key, one in part.items()
        if "head" in one
    }
