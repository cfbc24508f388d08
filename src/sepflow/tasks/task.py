"""What every task is to a training: a network, a loss, and perhaps a head that no other task needs."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from torch import Tensor, nn

# mixture [B, T], references [B, C, T], which [B, 1 or 3] (its number; where crops stay, pass and row too);
# of a multi-task training also mixture and references of the other task.
Batch = tuple[Tensor, ...]
HEAD = "head."


class Task(nn.Module, ABC):
    """A `model` that other runs may begin with, a `head` of the task's own, and the loss of a batch."""

    model: nn.Module
    head: nn.Module | None
    pairs = False  # whether an example is a mixture of two mixtures
    separates = True  # whether what it estimates are the sources of a recording
    shares_batch = True  # whether processes may share a batch: no example's loss depends on the others

    def __init__(self) -> None:
        super().__init__()
        self.head = None  # of the class it would hide the module that a task sets

    def loss(self, batch: Batch) -> Tensor:
        """Loss of each example, [B]: of a separation in dB; lower is better."""
        return self.assigned(batch)[0]

    @abstractmethod
    def assigned(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """(loss of each example [B], the assignment [B, C] that it is the loss of, where there is one)."""

    def weights(self) -> dict[str, Tensor]:
        """All weights: the model's under their own names, the head's after `head.`."""
        head = self.head.state_dict() if self.head else {}
        return self.model.state_dict() | {HEAD + name: weight for name, weight in head.items()}

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Take up `weights()`."""
        head = {name.removeprefix(HEAD): weights[name] for name in weights if name.startswith(HEAD)}
        self.model.load_state_dict(model_weights(weights))
        if self.head:
            self.head.load_state_dict(head)


class Pretext(Task):
    """A task on one noisy speaker, from which a separator begins; it has a score of its own."""

    separates = False

    @abstractmethod
    def scores(self, mixture: np.ndarray, reference: np.ndarray, name: str) -> dict[str, float]:
        """Each of the task's metrics for `mixture` [T] and its clean `reference` [T]; drawn from `name`."""


def model_weights(weights: dict[str, Any]) -> dict[str, Any]:
    """Of a run's weights those of the network."""
    return {name: weight for name, weight in weights.items() if not name.startswith(HEAD)}
