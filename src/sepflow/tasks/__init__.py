"""What one training step is: a task is the folder of its name, which says `DECLARED`; its task.py, `TASK`."""

from functools import cache
from typing import Any

from sepflow import plugs
from sepflow.errors import SepflowError
from sepflow.metrics import declared as metrics
from sepflow.tasks.declaration import Declaration, check


@cache
def names() -> tuple[str, ...]:
    """All tasks."""
    return plugs.folders(__path__)


def declared(name: Any) -> Declaration:
    """What a task declares; SepflowError for an unknown or missing name, or what does not hold of it."""
    if name not in names():
        raise SepflowError(f"task must be one of {', '.join(names())}, not {name!r}")
    return _checked(name)


@cache
def _checked(name: str) -> Declaration:
    declaration = plugs.offered(__name__, name, "DECLARED")
    where = plugs.shown(plugs.PACKAGE / "tasks" / name / "__init__.py")
    check(declaration, where, names(), metrics.known())
    return declaration
