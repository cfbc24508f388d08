"""One training step of the contrastive task, after wav2vec 2.0.

Baevski et al., "wav2vec 2.0", 2020. A separator's encoder has frames of 0.1 to 3 ms, wav2vec's 20 ms: here
what is masked and compared are means over frames of that order.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sepflow import models
from sepflow.errors import SepflowError
from sepflow.mixes.recipes import rate_of
from sepflow.models.quantiser import ProductQuantiser
from sepflow.objectives.contrastive import (
    contrastive_loss,
    differing,
    distinct_codes,
    diversity_loss,
    similarities,
)
from sepflow.seeding import generator
from sepflow.tasks.contrastive.contrast import Contrast, draw_candidates, draw_masked, masked_count
from sepflow.tasks.task import Batch, Frozen, Pretext, Step

# Added to energies before their logarithm: 16-bit silence.
_EPSILON = 1e-8


class Head(nn.Module):
    """What only this task needs: the vector in the place of masked frames, and both sides' projections."""

    def __init__(self, filters: int, settings: Contrast) -> None:
        super().__init__()
        # Zero: beside a linear encoder's small frames, a vector of wav2vec's size is all that gLN sees.
        self.masked = nn.Parameter(torch.zeros(filters))
        self.project = nn.Linear(filters, settings.size)
        self.quantiser = ProductQuantiser(filters, settings.groups, settings.codes, settings.size)


class Contrastive(Pretext):
    """A separation network that tells by a masked frame's context which of the masked frames it was.

    The context is what the separator makes its masks from; the decoder plays no part. What is drawn for an
    example (masks, distractors, Gumbel noise) depends on the seed and the example's number alone. Raises
    SepflowError for a bad `pretext`.
    """

    head: Head
    shares_batch = False  # for the diversity

    def __init__(self, spec: dict[str, Any], used: Mapping[str, Frozen] | None = None):
        super().__init__(spec, used)
        self.settings = Contrast(**spec["pretext"])
        self.seed = spec["seed"]
        self.model = models.build(spec["model"])
        self.model.decoder.requires_grad_(False)  # several processes wait for each weight's gradient
        rate, stride = rate_of(spec["data"]["mix"]), self.model.encoder.stride[0]
        self.hop = max(1, round(self.settings.frame * rate / stride))  # frames of the encoder
        self.span = max(1, round(self.settings.span / self.settings.frame))
        self.head = Head(self.model.encoder.out_channels, self.settings)

    def forward(self, mixture: Tensor) -> Tensor:
        """Raises SepflowError: there are no estimates."""
        raise SepflowError("A run of the contrastive task gives no estimates; other runs begin with it.")

    def step(self, batch: Batch, at: int = 0) -> Step:
        """The loss of each example in nats [B].

        The diversity of the codes is the whole batch's, and in every example's loss. In eval mode codes are
        drawn without noise. Raises SepflowError where segments are too short to compare frames.
        """
        mixture, numbers = batch["data"]["mixture"], batch["data"]["number"].tolist()
        encoded = self.model.encode(mixture)
        if self.count(encoded) < 2:
            raise SepflowError(
                f"pretext: in a segment of {mixture.shape[-1]} samples are fewer than two masked frames "
                "to compare; lengthen segment, or raise pretext.share"
            )
        draws = [generator(self.seed, "contrast", number) for number in numbers]
        similarity, _, shares = self.compare(encoded, draws, noisy=self.training)
        loss = contrastive_loss(similarity, self.settings.temperature)
        return Step(loss + self.settings.diversity * diversity_loss(shares))

    @torch.inference_mode()
    def scores(self, mixture: np.ndarray, reference: np.ndarray, name: str) -> dict[str, float]:
        """How often the right candidate is the most similar, and would be of two guesses, in percent.

        Chance: one of the different codes of a frame's candidates. Majority: always the commonest code of the
        masked frames. The masks of `mixture` [T] are drawn from `name`; `reference` [T] plays no part. All
        are NaN where fewer than two frames are masked.
        """
        weight = self.model.encoder.weight
        encoded = self.model.encode(torch.from_numpy(mixture).to(weight)[None])
        if self.count(encoded) < 2:
            return dict.fromkeys(("accuracy", "chance", "majority", "accuracy_over_chance"), float("nan"))
        (similarity,), (codes,), _ = self.compare(encoded, [generator("contrast", name)], noisy=False)
        right = similarity.argmax(-1) == torch.arange(len(similarity), device=weight.device)
        accuracy = right.double().mean().item()
        chance = distinct_codes(codes, similarity.isfinite()).double().reciprocal().mean().item()
        commonest = codes.unique(dim=0, return_counts=True)[1].max().item() / len(codes)
        return {
            "accuracy": 100 * accuracy,
            "chance": 100 * chance,
            "majority": 100 * commonest,
            "accuracy_over_chance": accuracy / chance,
        }

    def count(self, encoded: Tensor) -> int:
        """How many frames of `encoded` [B, N, K] are masked."""
        return masked_count(encoded.shape[-1] // self.hop, self.settings.share)

    def compare(
        self, encoded: Tensor, draws: list[np.random.Generator], noisy: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mask M frames of each example of `encoded` [B, N, K], as `draws` says, and compare them.

        Returns the cosines of each context with each target [B, M, M], -inf where that is no candidate; the
        targets' codes [B, M, G]; and the shares of all codes [G, V].
        """
        settings, frames = self.settings, encoded.shape[-1] // self.hop
        masked = _stack([draw_masked(frames, settings.share, self.span, rng) for rng in draws], encoded)
        count = masked.shape[-1]
        candidates = _stack([draw_candidates(count, settings.distractors, rng) for rng in draws], encoded)
        noise = None
        if noisy:
            noise = [rng.gumbel(size=(count, settings.groups, settings.codes)) for rng in draws]
            noise = _stack(noise, encoded).to(encoded)
        quantised, codes, shares = self.head.quantiser(
            _at(self.targets(encoded), masked), noise, settings.gumbel
        )
        contexts = self.head.project(_at(self.contexts(encoded, masked), masked))
        return similarities(contexts, quantised, candidates & differing(codes)), codes, shares

    def contexts(self, encoded: Tensor, masked: Tensor) -> Tensor:
        """What the separator makes of `encoded` [B, N, K] less the `masked` [B, M]: [B, N, frames]."""
        hidden = encoded.new_zeros(len(encoded), encoded.shape[-1] // self.hop, dtype=torch.bool)
        hidden = hidden.scatter(1, masked, True).repeat_interleave(self.hop, 1)
        hidden = F.pad(hidden, (0, encoded.shape[-1] - hidden.shape[-1]))
        heard = torch.where(hidden[:, None], self.head.masked[:, None], encoded)
        return F.avg_pool1d(self.model.separator(heard)[:, 0], self.hop)

    def targets(self, encoded: Tensor) -> Tensor:
        """Log energies of the filters, of zero mean and unit variance over time: [B, N, frames].

        What all frames of an utterance share tells none of them from another.
        """
        return F.instance_norm((F.avg_pool1d(encoded.square(), self.hop) + _EPSILON).log())


def _stack(drawn: list[np.ndarray], like: Tensor) -> Tensor:
    return torch.from_numpy(np.stack(drawn)).to(like.device)


def _at(x: Tensor, frames: Tensor) -> Tensor:
    """Of x [B, N, F] the `frames` [B, M]: [B, M, N]."""
    return x.gather(2, frames[:, None].expand(-1, x.shape[1], -1)).mT


TASK = Contrastive
