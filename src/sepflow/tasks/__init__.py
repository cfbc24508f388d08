"""What one training step is: a task is the folder of its name, which says `DECLARED`; its task.py, `TASK`."""

from functools import cache
from typing import Any

from sepflow import plugs
from sepflow.errors import SepflowError
from sepflow.tasks.declaration import Declaration


@cache
def names() -> tuple[str, ...]:
    """All tasks."""
    return plugs.folders(__path__)


def declared(name: Any) -> Declaration:
    """What a task declares; SepflowError for an unknown or missing name."""
    if name not in names():
        raise SepflowError(f"task must be one of {', '.join(names())}, not {name!r}")
    return plugs.offered(__name__, name, "DECLARED")
