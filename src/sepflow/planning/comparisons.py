"""What a paper claims of two rows of its table: whether these compare at all."""

from collections.abc import Callable
from typing import Any

from sepflow.errors import SepflowError
from sepflow.files.config import unknown_name
from sepflow.identity import flatten
from sepflow.planning.layout import compared, is_fact, mix_of

# From what a row calls its run, and where it does so: what its runs are called, by name, and their spec.
Seeded = Callable[[str, str], tuple[dict[str, str], dict[str, Any]]]


def check_comparisons(table: dict[str, Any], seeded: Seeded, where: str) -> None:
    """Hold the comparisons of `table` (resolved) against its rows.

    Raises SepflowError naming the key where a row is not there, has no scores in the first column, or is of
    another test mix than the other; and where their runs are not as `alike` as is said.
    """
    first = table["metrics"][0]
    rows = {row["id"]: row for row in table["rows"]}
    scored = {row["id"] for row in compared(table)}
    for i, comparison in enumerate(table.get("comparisons", [])):
        place = f"{where}.comparisons.{i}"
        for side in ("better", "than"):
            row, key = comparison[side], f"{place}.{side}"
            if row not in rows:
                raise SepflowError(f"{key}: {unknown_name('row', row, list(rows))}")
            if row not in scored:
                why = _why(table, rows[row])
                raise SepflowError(
                    f"{key}: row {row!r} has no scores of {first}, in which rows compare: {why}"
                )
        sides = [rows[comparison[side]] for side in ("better", "than")]
        if len({mix_of(row, first) for row in sides}) > 1:
            names = " and ".join(row["id"] for row in sides)
            raise SepflowError(f"{place}: rows {names} are of different test mixes")
        _check_alike(comparison.get("alike", []), sides, seeded, f"{place}: alike")


def _why(table: dict[str, Any], row: dict[str, Any]) -> str:
    """Why a row has no scores in the first column."""
    if row["reported"]:
        return "it is reported"
    return "it is a fact of the runs" if is_fact(table, table["metrics"][0]) else "it has metrics of its own"


def _check_alike(keys: list[str], sides: list[dict[str, Any]], seeded: Seeded, where: str) -> None:
    """The runs of both sides agree in these keys of a spec."""
    for row in sides if keys else ():
        if "run" not in row:
            raise SepflowError(f"{where}: row {row['id']!r} has no run that could be alike; take it away")
    specs = [flatten(seeded(row["run"], where)[1]) for row in sides] if keys else []
    for key in keys:
        if not any(key in spec for spec in specs):
            raise SepflowError(f"{where}: {unknown_name('key of a spec', key, list(specs[0]))}")
        values = [spec.get(key, "not said") for spec in specs]
        if values[0] != values[1]:
            first, than = (row["id"] for row in sides)
            raise SepflowError(f"{where}: {key} is {values[0]} of {first} and {values[1]} of {than}")
