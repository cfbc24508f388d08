"""MAMA, masked acoustic model with alterations (TERA: Liu, Li & Lee 2021), for a network that separates.

The network hears a noisy speaker with parts altered or masked, and gives back the clean speech of these
parts.
"""

import math
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
from sepflow.tasks.alteration import Alteration, Alterations, Spectra
from sepflow.tasks.task import Batch, Pretext


class MAMA(Pretext):
    """Reconstruct the clean speech of altered parts: negative SNR over these points of the STFT.

    The masks are made from what is heard, and applied to the noisy mixture: a network that masks its input
    could not bring back what is zero there. Raises SepflowError for a bad `pretext`.
    """

    def __init__(self, spec: dict[str, Any]):
        super().__init__()
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

    def assigned(self, batch: Batch) -> tuple[Tensor, None]:
        """(loss of each example in dB [B], None)."""
        mixture, references, which = batch
        alterations = [
            self._decide(mixture.shape[-1], generator(self.seed, "alteration", int(number)))
            for number in which[:, 0]
        ]
        heard = self.spectra.alter(mixture, alterations)
        estimates = self.model(mixture, heard)[:, 0]
        clean, guess = (self._altered(x, alterations) for x in (references[:, 0], estimates))
        return self.objective(_inner(clean, clean), _inner(guess, guess), _inner(guess, clean)), None

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
