"""Separation: a mixture in, one estimate a source out."""

from typing import Any

from torch import Tensor, nn

from sepflow import models
from sepflow.objectives.consistency import mixture_consistency
from sepflow.objectives.mixit import mixit
from sepflow.objectives.pit import pit
from sepflow.objectives.snr import ThresholdedSNR, pairwise_loss


class Separation(nn.Module):
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

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Loss of each example in dB, [B]; `batch` is (mixture [B, T], references [B, C, T])."""
        return self.assigned(batch)[0]

    def assigned(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(loss of each example [B], the assignment that it is the loss of: which output goes with what)."""
        mixture, references = batch
        estimates = self(mixture)
        if self.pairs:
            return mixit(estimates, references, self.objective["max_snr"])
        name = self.objective["loss"]
        loss = ThresholdedSNR(self.objective["max_snr"]) if name == "thresholded_snr" else pairwise_loss(name)
        return pit(estimates, references, loss)
