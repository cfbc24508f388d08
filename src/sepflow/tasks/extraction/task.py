"""One training step of a target speaker extraction (Atss-Net, eqs. 3 to 6); what its enrolment does."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sepflow import models
from sepflow.errors import SepflowError
from sepflow.metrics.choice import GROUP
from sepflow.metrics.perceptual.packages import pesq
from sepflow.metrics.separation.scores import sdr_table
from sepflow.metrics.signals import Signals
from sepflow.tasks.task import Batch, Frozen, Scores, Step, Task, Tested

EPSILON = 1e-8  # of a mean squared magnitude


class Extraction(Task):
    """A network that masks magnitudes, and the frozen speaker network that says whom it keeps."""

    shares_batch = False  # for the batch norms

    def __init__(self, spec: dict[str, Any], used: Mapping[str, Frozen] | None = None):
        super().__init__(spec, used)
        self.model = models.build(spec["model"])
        self.objective, self.hears = spec["objective"], bool(self.model.embedding)
        found = self.used["speaker"].task.model.size
        if self.hears and found != self.model.embedding:
            raise SepflowError(f"model: embedding: {self.model.embedding}, and uses.speaker has {found}")

    def forward(self, mixture: Tensor, enrolment: Tensor) -> Tensor:
        """Estimates [B, M, T] of a mixture [B, T], by an enrolment [B, E] of whom to keep."""
        return self.model(mixture, self.embedded(enrolment))

    def embedded(self, enrolment: Tensor) -> Tensor:
        """Embeddings [B, size] of enrolments [B, E], each of mean square 1; no gradient comes so far."""
        with torch.no_grad():
            embedding = self.used["speaker"](enrolment)
        return F.normalize(embedding) * embedding.shape[-1] ** 0.5

    @torch.inference_mode()
    def enrolled(self, references: list[np.ndarray]) -> Tensor:
        """One embedding [1, size] of whole recordings [E] of a voice: their mean, of mean square 1."""
        mean = torch.stack([self.embedded(self._batch(one)) for one in references]).mean(0)
        return F.normalize(mean) * mean.shape[-1] ** 0.5

    @torch.inference_mode()
    def extracted(self, mixture: np.ndarray, embedding: Tensor) -> np.ndarray:
        """The voice [T] of an embedding [1, size], out of a mixture [T]; float32."""
        return self.model(self._batch(mixture), embedding)[0, 0].float().cpu().numpy()

    @torch.inference_mode()
    def similarity(self, signal: np.ndarray, embedding: Tensor) -> float:
        """The cosine of the embedding of a signal [T] to another [1, size]."""
        return float(F.cosine_similarity(self.embedded(self._batch(signal)), embedding))

    def step(self, batch: Batch, at: int = 0) -> Step:
        """The squared error of masked magnitudes (eq. 5), a mean over bins and frames, of each example [B].

        Relative, over that of the mixture as it is: 1 is to do nothing. With PIT it is of both sources, in
        the better order.
        """
        data = batch["data"]
        spectra = self.model.spectrum(torch.cat([data["mixture"][:, None], data["references"]], 1)).abs()
        mixture, references = spectra[:, 0], spectra[:, 1:]
        embedding = self.embedded(data["enrolment"]) if self.hears else None
        estimates = self.model.masks(mixture, embedding) * mixture[:, None]
        if self.objective["name"] == "pit":
            return Step(*self._permuted(estimates, references, mixture))
        return Step(self._errors(estimates[:, 0], references[:, 0], mixture))

    def _errors(self, estimates: Tensor, references: Tensor, mixture: Tensor) -> Tensor:
        """The loss [B] of magnitudes [B, K, F]."""
        error = (estimates - references).square().mean((-2, -1))
        if self.objective["loss"] == "l2":
            return error
        return error / ((mixture - references).square().mean((-2, -1)) + EPSILON)

    def _permuted(self, estimates: Tensor, references: Tensor, mixture: Tensor) -> tuple[Tensor, Tensor]:
        """The loss [B] in the better order, and which estimate goes with each source [B, 2]."""
        orders = torch.tensor([[0, 1], [1, 0]], device=estimates.device)
        losses = torch.stack(
            [
                sum(self._errors(estimates[:, m], references[:, c], mixture) for c, m in enumerate(order)) / 2
                for order in orders.tolist()
            ],
            1,
        )
        best = losses.argmin(1)
        return losses.gather(1, best[:, None])[:, 0], orders[best]

    def score(self, tested: Tested) -> Iterator[Scores]:
        """The scores of the output with the lowest loss to the target, and what the enrolment does."""
        own, other = (self._outputs(tested.mixture, enrolment) for enrolment in tested.facts["enrolments"])
        estimates = own[[self._nearest(own, tested)]]
        signals = Signals(tested.references, estimates, tested.mixture, tested.rate)
        yield "none", tested.columns(signals) | self._choice(own, other, tested)

    @torch.inference_mode()
    def _outputs(self, mixture: np.ndarray, enrolment: np.ndarray) -> np.ndarray:
        """All outputs [M, T] for a mixture [T], by a whole enrolment."""
        return self(*map(self._batch, (mixture, enrolment)))[0].float().cpu().numpy()

    @torch.inference_mode()
    def _nearest(self, outputs: np.ndarray, tested: Tested) -> int:
        """The output whose magnitudes have the least error to the target's."""
        signals = np.stack([*outputs, tested.references[0]])
        *estimates, target = self.model.spectrum(self._batch(signals)[0]).abs()
        return int(torch.stack([(x - target).square().mean() for x in estimates]).argmin())

    @torch.inference_mode()
    def _chosen(self, outputs: np.ndarray, enrolment: np.ndarray) -> np.ndarray:
        """The output [T] that the speaker network finds nearest to an enrolment."""
        wanted, *found = (self.used["speaker"](self._batch(x))[0] for x in (enrolment, *outputs))
        return outputs[int(torch.stack([F.cosine_similarity(x, wanted, 0) for x in found]).argmax())]

    def _choice(self, own: np.ndarray, other: np.ndarray, tested: Tested) -> dict[str, list[float]]:
        """The columns of the group `choice`, of the outputs by the target's enrolment and by the other's."""
        if (np.ptp(tested.references, axis=1) == 0).any():
            return {metric: [math.nan] for metric in GROUP.metrics}
        first, second = tested.facts["enrolments"]
        candidates = np.stack([self._chosen(own, first), self._chosen(other, second), tested.mixture])
        chosen, swapped, before = sdr_table(tested.references, candidates).T
        return {
            "chosen_sdri": [chosen[0] - before[0]],
            "chosen_right": [float(chosen[0] > chosen[1]) if np.isfinite(chosen).all() else math.nan],
            "swapped_right": [float(swapped[1] > swapped[0]) if tested.facts["voices"] else math.nan],
            "swapped_pesq_wb": [pesq(tested.references[0], other[0], tested.rate, "wb")],
            "entropy": [self._entropy(tested.mixture, first)],
        }

    @torch.inference_mode()
    def _entropy(self, mixture: np.ndarray, enrolment: np.ndarray) -> float:
        """The entropy of what a frame attends to, over that of all frames alike; NaN without attention."""
        if not getattr(self.model, "blocks", None):
            return math.nan
        mixture, enrolment = map(self._batch, (mixture, enrolment))
        maps = torch.stack([*self.model.attended(mixture, self.embedded(enrolment))])
        return float(torch.special.entr(maps).sum(-1).mean() / math.log(maps.shape[-1]))

    def _batch(self, signal: np.ndarray) -> Tensor:
        """A signal as a batch of one, where the network is."""
        return torch.from_numpy(np.ascontiguousarray(signal)).to(self.model.window.device)[None]


TASK = Extraction
