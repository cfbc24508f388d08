"""One training step of MAMA.

The network hears a noisy speaker with parts altered or masked, and gives back the clean speech of these
parts.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sepflow import models
from sepflow.errors import SepflowError
from sepflow.metrics import MOST_DB
from sepflow.mixes.recipes import rate_of
from sepflow.objectives.snr import ThresholdedSNR
from sepflow.seeding import generator
from sepflow.tasks.mama.alteration import Alteration, Alterations, Spectra
from sepflow.tasks.task import Batch, Frozen, Pretext, Step


class MAMA(Pretext):
    """Reconstruct the clean speech of altered parts: negative SNR over these points of the STFT.

    The masks are made from what is heard, and applied to the noisy mixture: a network that masks its input
    could not bring back what is zero there. Raises SepflowError for a bad `pretext`.
    """

    def __init__(self, spec: dict[str, Any], used: Mapping[str, Frozen] | None = None):
        super().__init__(spec, used)
        self.model = models.build(spec["model"])
        self.alterations = said = Alterations(**spec["pretext"])
        self.seed, rate = spec["seed"], rate_of(spec["data"]["mix"])
        # Even: of an odd window, torch's STFT of some lengths has a frame less.
        self.spectra = Spectra(2 * round(said.window * rate / 2), round(said.hop * rate))
        if not self.spectra.hop:
            raise SepflowError(f"pretext: hop must be a sample at least, at {rate} Hz, not {said.hop!r} s")
        self.objective = ThresholdedSNR(spec["objective"]["max_snr"])

    def forward(self, mixture: Tensor) -> Tensor:
        """The clean speech [B, 1, T] of a `mixture` [B, T] that is heard as it is."""
        return self.model(mixture)

    def step(self, batch: Batch, at: int = 0) -> Step:
        """The loss of each example in dB [B]."""
        mixture, references, numbers = (batch["data"][key] for key in ("mixture", "references", "number"))
        alterations = [
            self._decide(mixture.shape[-1], generator(self.seed, "alteration", number))
            for number in numbers.tolist()
        ]
        heard = self.spectra.alter(mixture, alterations)
        estimates = self.model(mixture, heard)[:, 0]
        clean, guess = (self._altered(x, alterations) for x in (references[:, 0], estimates))
        return Step(self.objective(_inner(clean, clean), _inner(guess, guess), _inner(guess, clean)))

    @torch.inference_mode()
    def scores(self, mixture: np.ndarray, reference: np.ndarray, name: str) -> dict[str, float]:
        """masked_snr over the altered points of `mixture` [T], and masked_snri, what it gains, in dB.

        It gains over the better of two copies: of the mixture, and of what is heard of it. Both are NaN where
        `reference` [T] is silent there.
        """
        device = next(self.parameters()).device
        noisy, clean = (torch.from_numpy(x).to(device)[None] for x in (mixture, reference))
        alterations = [self._decide(len(mixture), generator("alteration", name))]
        heard = self.spectra.alter(noisy, alterations)
        signals = (clean, self.model(noisy, heard)[:, 0], noisy, heard)
        clean, *others = (self._altered(signal, alterations) for signal in signals)
        snr, *copies = (_snr(clean, other) for other in others)
        return {"masked_snr": snr, "masked_snri": snr - max(copies)}

    def _decide(self, samples: int, rng: np.random.Generator) -> Alteration:
        return self.alterations.decide(*self.spectra.shape(samples), rng)

    def _altered(self, signals: Tensor, alterations: list[Alteration]) -> Tensor:
        """The STFT [B, F, K] of `signals` [B, T], zero at all points that are not altered."""
        altered = torch.from_numpy(np.stack([one.altered for one in alterations])).to(signals.device)
        return self.spectra.forward(signals) * altered


def _inner(first: Tensor, second: Tensor) -> Tensor:
    """<first, second> of [B, F, K], complex: [B]."""
    return (first * second.conj()).real.sum((1, 2))


def _snr(clean: Tensor, guess: Tensor) -> float:
    """SNR in dB, within +-100 dB as all scores; NaN where `clean` is silent."""
    energy, error = (float(x.abs().square().sum()) for x in (clean, clean - guess))
    if not energy:
        return math.nan
    return max(-MOST_DB, 10 * math.log10(energy / max(error, energy * 10 ** (-MOST_DB / 10))))


TASK = MAMA
