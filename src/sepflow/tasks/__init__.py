"""What one training step is, for each task."""

from typing import Any

from sepflow.tasks.contrastive import Contrastive
from sepflow.tasks.mama import MAMA
from sepflow.tasks.multi_task import MultiTask
from sepflow.tasks.separation import Separation
from sepflow.tasks.task import Task

TASKS: dict[str, type[Task]] = {
    "separation": Separation,
    "multi_task": MultiTask,
    "mama": MAMA,
    "contrastive": Contrastive,
}


def build(spec: dict[str, Any]) -> Task:
    """The task of a run's spec, its model newly initialised from torch's global seed."""
    return TASKS[spec["task"]](spec)
