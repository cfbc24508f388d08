"""What a row of a resolved table stands on."""

from typing import Any


def runs_of(row: dict[str, Any]) -> dict[str, str]:
    """The runs behind a row of a resolved table, each with what the paper calls it."""
    return {row["run"]: row["label"]}
