"""What one training step is, for each task. A task is a module with `loss(batch)` and a model."""

from typing import Any

from sepflow.tasks.contrastive import Contrastive
from sepflow.tasks.separation import Separation
from sepflow.tasks.task import Task

TASKS: dict[str, type[Task]] = {"separation": Separation, "contrastive": Contrastive}


def build(spec: dict[str, Any]) -> Task:
    """The task of a run's spec, its model newly initialised from torch's global seed."""
    return TASKS[spec["task"]](spec)
