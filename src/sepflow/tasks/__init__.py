"""What one training step is, for each task. A task is a module with `loss(batch)` and a model."""

from typing import Any

from sepflow.tasks.separation import Separation


def build(spec: dict[str, Any]) -> Separation:
    """The task of a run's spec, its model newly initialised from torch's global seed."""
    return {"separation": Separation}[spec["task"]](spec)
