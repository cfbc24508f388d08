"""Steps of a task on signals that a test has at hand."""

from typing import Any

from torch import Tensor

from sepflow.tasks.task import Batch, Step, Task


def named(mixture: Tensor, references: Tensor, which: Tensor | None = None, *joint: Tensor) -> Batch:
    """A batch as a training of `task` reads it; `which` [B, 1 or 3] has number, pass and row."""
    data: dict[str, Any] = {"mixture": mixture, "references": references}
    if which is not None:
        data |= dict(zip(("number", "pass", "row"), which.T, strict=False))
    both = dict(zip(("mixture", "references"), joint, strict=bool(joint)))
    return {"data": data, "joint": both} if joint else {"data": data}


def step_of(task: Task, examples: tuple[Tensor, ...]) -> Step:
    """What the task loses of them."""
    return task.step(named(*examples))


def loss_of(task: Task, examples: tuple[Tensor, ...]) -> Tensor:
    """The losses alone, [B]."""
    return step_of(task, examples).losses
