"""Separation: a mixture in, one estimate a source out."""

from typing import Any

from torch import Tensor

from sepflow import models
from sepflow.objectives.consistency import mixture_consistency
from sepflow.objectives.mixit import mixit
from sepflow.objectives.pit import pit
from sepflow.objectives.snr import pairwise_loss
from sepflow.tasks.task import Batch, Task


class Separation(Task):
    """A separation model and the objective it is trained with, as a run's spec says."""

    def __init__(self, spec: dict[str, Any]):
        super().__init__()
        self.model = models.build(spec["model"])
        self.objective = spec["objective"]

    @property
    def pairs(self) -> bool:
        """Whether an example is a mixture of two mixtures."""
        return self.objective["name"] == "mixit"

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimates [B, C, T] of the sources of `mixture` [B, T]; they sum to it where the spec says so."""
        estimates = self.model(mixture)
        return mixture_consistency(estimates, mixture) if self.objective["consistency"] else estimates

    def assigned(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(loss of each example in dB [B], the assignment that it is the loss of: what goes with what)."""
        mixture, references, *_ = batch
        return self.compare(self(mixture), references)

    def compare(self, estimates: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
        """The objective of `estimates` [B, M, T] against `references` [B, C, T]: (loss [B], assignment)."""
        loss = pairwise_loss(self.objective["loss"], max_snr=self.objective["max_snr"])
        return (mixit if self.pairs else pit)(estimates, references, loss)


TASK = Separation
