"""What one training step is, for each task; a task is the module of its name, which says `TASK`."""

from typing import Any

from sepflow import plugs
from sepflow.errors import SepflowError
from sepflow.tasks.task import Task


def build(spec: dict[str, Any]) -> Task:
    """The task of a run's spec, its model newly initialised from torch's global seed.

    Raises SepflowError for an unknown or missing name.
    """
    task = plugs.offered(__name__, name := spec.get("task"), "TASK")
    if task is None:
        raise SepflowError(f"task must be one of {', '.join(plugs.names(__name__, 'TASK'))}, not {name!r}")
    return task(spec)
