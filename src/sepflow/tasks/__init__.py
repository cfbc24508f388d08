"""What one training step is: a task is the folder of its name, which says `DECLARED`; its task.py, `TASK`."""

import pkgutil
from functools import cache
from typing import Any

from sepflow import plugs
from sepflow.errors import SepflowError
from sepflow.tasks.declaration import Declaration


@cache
def names() -> tuple[str, ...]:
    """All tasks."""
    return tuple(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def declared(name: Any) -> Declaration:
    """What a task declares; SepflowError for an unknown or missing name."""
    if (declaration := plugs.offered(__name__, name, "DECLARED")) is None:
        raise SepflowError(f"task must be one of {', '.join(names())}, not {name!r}")
    return declaration
