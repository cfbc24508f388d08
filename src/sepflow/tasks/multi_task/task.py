"""One training step of a separation and an enhancement."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from sepflow.identity import merge
from sepflow.tasks.separation.task import Separation
from sepflow.tasks.task import Batch, Frozen, Step


class MultiTask(Separation):
    """A separation whose network has an output more: the batches of one noisy speaker go to it.

    Each step hears a batch of either task, and its loss is the sum of the two: so many updates, so many
    updates of the separation. It is validated, selected and applied as a separation.
    """

    def __init__(self, spec: dict[str, Any], used: Mapping[str, Frozen] | None = None):
        self.sources = spec["model"]["sources"]
        super().__init__(merge(spec, {"model": {"sources": self.sources + 1}}), used)
        self.spec = spec

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimates [B, C, T] of the sources of `mixture` [B, T]."""
        return super().forward(mixture)[:, : self.sources]

    def step(self, batch: Batch, at: int = 0) -> Step:
        """(loss of each example in dB [B], the assignment of its separation); of data alone, its own."""
        if "joint" not in batch:
            return super().step(batch, at)
        both = [batch[part] for part in ("data", "joint")]
        estimates = super().forward(torch.cat([part["mixture"] for part in both]))
        separated, enhanced = estimates.split([len(part["mixture"]) for part in both])
        step = self.compare(separated[:, : self.sources], both[0]["references"])
        other = self.compare(enhanced[:, self.sources :], both[1]["references"])
        return step._replace(losses=step.losses + other.losses)


TASK = MultiTask
