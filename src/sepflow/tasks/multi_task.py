"""Separation and, on one more output of the same network, the enhancement of one noisy speaker."""

from typing import Any

import torch
from torch import Tensor

from sepflow.identity import merge
from sepflow.tasks.separation import Separation
from sepflow.tasks.task import Batch


class MultiTask(Separation):
    """A separation whose network has an output more: the batches of one noisy speaker go to it.

    Each step hears a batch of either task, and its loss is the sum of the two: so many updates, so many
    updates of the separation. It is validated, selected and applied as a separation.
    """

    def __init__(self, spec: dict[str, Any]):
        self.sources = spec["model"]["sources"]
        super().__init__(merge(spec, {"model": {"sources": self.sources + 1}}))

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimates [B, C, T] of the sources of `mixture` [B, T]."""
        return super().forward(mixture)[:, : self.sources]

    def assigned(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(loss of each example in dB [B], the assignment of its separation)."""
        mixture, references, _, *other = batch
        if not other:
            return super().assigned(batch)
        noisy, clean = other
        estimates = super().forward(torch.cat([mixture, noisy]))
        separated, enhanced = estimates.split([len(mixture), len(noisy)])
        losses, assignment = self.compare(separated[:, : self.sources], references)
        return losses + self.compare(enhanced[:, self.sources :], clean)[0], assignment


TASK = MultiTask
