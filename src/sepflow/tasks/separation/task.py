"""One training step of a separation."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from sepflow import models
from sepflow.errors import SepflowError
from sepflow.objectives.consistency import mixture_consistency
from sepflow.objectives.mixit import mixit
from sepflow.objectives.pit import pit
from sepflow.objectives.snr import pairwise_loss
from sepflow.tasks.task import Batch, Frozen, Step, Task, described


class Separation(Task):
    """A separation model and the objective it is trained with, as a run's spec says."""

    def __init__(self, spec: dict[str, Any], used: Mapping[str, Frozen] | None = None):
        super().__init__(spec, used)
        self.model, self.network = models.build(spec["model"]), spec["model"]
        self.objective = spec["objective"]

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimates [B, C, T] of the sources of `mixture` [B, T]; they sum to it where the spec says so.

        Raises SepflowError where the network returns no such estimates.
        """
        estimates = self.model(mixture)
        wanted = [len(mixture), self.network["sources"], mixture.shape[-1]]
        if not isinstance(estimates, Tensor) or list(estimates.shape) != wanted:
            raise SepflowError(
                f"model {self.network['name']}: returned {described(estimates)} for mixtures "
                f"{list(mixture.shape)}, where [B, sources, T] is needed: {wanted}"
            )
        return mixture_consistency(estimates, mixture) if self.objective["consistency"] else estimates

    def step(self, batch: Batch, at: int = 0) -> Step:
        """(loss of each example in dB [B], the assignment that it is the loss of: what goes with what)."""
        data = batch["data"]
        return self.compare(self(data["mixture"]), data["references"])

    def compare(self, estimates: Tensor, references: Tensor) -> Step:
        """The objective of `estimates` [B, M, T] against `references` [B, C, T]."""
        loss = pairwise_loss(self.objective["loss"], max_snr=self.objective["max_snr"])
        return Step(*(mixit if self.of_mixtures else pit)(estimates, references, loss))


TASK = Separation
