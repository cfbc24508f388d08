"""MAMA, masked acoustic model with alterations (TERA: Liu, Li & Lee 2021), for a network that separates.

The network hears a noisy speaker with parts altered or masked, and gives back the clean speech of these
parts.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sepflow import models
from sepflow.objectives.snr import ThresholdedSNR
from sepflow.seeding import generator
from sepflow.simulation.recipes import rate_of
from sepflow.tasks.alteration import Alteration, Alterations, Spectra
from sepflow.tasks.task import Batch, Pretext, settings


class MAMA(Pretext):
    """Reconstruct the clean speech of altered parts: negative SNR over these points of the STFT.

    The masks are made from what is heard, and applied to the noisy mixture: a network that masks its input
    could not bring back what is zero there.
    """

    def __init__(self, spec: dict[str, Any]):
        super().__init__()
        self.model = models.build(spec["model"])
        self.alterations = settings(Alterations, spec["pretext"])
        self.seed, rate = spec["seed"], rate_of(spec["data"]["mix"])
        self.spectra = Spectra(round(self.alterations.window * rate), round(self.alterations.hop * rate))
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
        return self.objective(*self._energies(references[:, 0], estimates, alterations)), None

    @torch.inference_mode()
    def scores(self, mixture: np.ndarray, reference: np.ndarray, name: str) -> dict[str, float]:
        """masked_snr over the altered points of `mixture` [T], and masked_snri, what it gains, in dB.

        It gains over the better of two copies: of the mixture, and of what is heard of it.
        """
        device = next(self.parameters()).device
        noisy, clean = (torch.from_numpy(x).to(device)[None] for x in (mixture, reference))
        alterations = [self._decide(len(mixture), generator("alteration", name))]
        heard = self.spectra.alter(noisy, alterations)
        signals = (self.model(noisy, heard)[:, 0], noisy, heard)
        snr, *copies = (_snr(*self._energies(clean, signal, alterations)) for signal in signals)
        return {"masked_snr": snr, "masked_snri": snr - max(copies)}

    def _decide(self, samples: int, rng: np.random.Generator) -> Alteration:
        return self.alterations.decide(*self.spectra.shape(samples), rng)

    def _energies(
        self, references: Tensor, estimates: Tensor, alterations: list[Alteration]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """|x|^2, |s|^2 and <s, x> over the altered points, each [B]."""
        altered = torch.from_numpy(np.stack([one.altered for one in alterations])).to(references.device)
        clean, guess = (self.spectra.forward(signals) * altered for signals in (references, estimates))
        return tuple(
            (a * b.conj()).real.sum((1, 2)) for a, b in ((clean, clean), (guess, guess), (guess, clean))
        )


def _snr(reference_energy: Tensor, estimate_energy: Tensor, inner: Tensor) -> float:
    """SNR in dB; NaN where the reference is silent."""
    error = (reference_energy - 2 * inner + estimate_energy).clamp(min=0)
    return float(10 * torch.log10(reference_energy / error)) if reference_energy > 0 else float("nan")
