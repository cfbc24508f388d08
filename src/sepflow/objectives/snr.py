"""Losses of one estimate against one reference, as functions of their three inner products.

Given |x|^2, |s|^2 and <s, x> (tensors of any one shape) each returns the loss in dB, of that shape; lower
is better. So a loss of every pair, or of every sum of estimates, costs no more passes over the samples.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from sepflow.errors import SepflowError

# Added to energies (sums of squares over time), so that silence gives finite values and gradients.
_EPSILON = 1e-8


class PairwiseLoss(Protocol):
    """What a loss of this file is: `zero_mean` says which inner products it wants."""

    zero_mean: bool

    def __call__(self, reference_energy: Tensor, estimate_energy: Tensor, inner: Tensor) -> Tensor:
        """Loss in dB."""
        ...


@dataclass(frozen=True)
class ThresholdedSNR:
    """Negative SNR, softly bounded at `max_snr` dB (TS-MixIT, eq. 2).

    10 log10(|x - s|^2 + tau |x|^2) - 10 log10 |x|^2, tau = 10^(-max_snr / 10). Silence against silence is
    0 dB. The term in tau also bounds what float32 can spoil: |x - s|^2 comes from cancelling energies,
    known to about 1e-7 |x|^2 (`inner_products`), which beside tau = 1e-3 is under 0.001 dB.
    """

    max_snr: float = 30.0
    zero_mean: bool = True

    def __call__(self, reference_energy: Tensor, estimate_energy: Tensor, inner: Tensor) -> Tensor:
        """Loss in dB from |x|^2, |s|^2 and <s, x>."""
        error = (reference_energy - 2 * inner + estimate_energy).clamp(min=0)
        tau = 10 ** (-self.max_snr / 10)
        return _decibels(error + tau * reference_energy) - _decibels(reference_energy)


@dataclass(frozen=True)
class SISNR:
    """Negative scale-invariant SNR of zero-mean signals (Le Roux et al. 2019), no better than `max_snr` dB.

    The bound is a hard one, where cancellation in float32 leaves nothing to improve. A silent estimate costs
    -10 log10(epsilon) dB, the worst there is. `epsilon` is an energy: 1e-8 keeps gradients near silence
    small, less of it keeps the scale invariance down to quieter signals.
    """

    max_snr: float = 70.0
    epsilon: float = _EPSILON
    zero_mean: ClassVar[bool] = True

    def __call__(self, reference_energy: Tensor, estimate_energy: Tensor, inner: Tensor) -> Tensor:
        """Loss in dB from |x|^2, |s|^2 and <s, x>."""
        target = inner.square() / (reference_energy + self.epsilon)
        noise = torch.maximum(estimate_energy - target, 10 ** (-self.max_snr / 10) * estimate_energy)
        return -_decibels(target / (noise + self.epsilon), self.epsilon)


def _decibels(ratio: Tensor, epsilon: float = _EPSILON) -> Tensor:
    return 10 * torch.log10(ratio + epsilon)


_BY_NAME = {"thresholded_snr": ThresholdedSNR, "si_snr": SISNR}


def pairwise_loss(name: str, **settings: float | bool) -> PairwiseLoss:
    """The loss called `name` ("thresholded_snr" or "si_snr") with these settings.

    Raises SepflowError where there is no such loss, or it has no such setting.
    """
    if name not in _BY_NAME:
        raise SepflowError(f"No pairwise loss is called {name!r}; there are {', '.join(sorted(_BY_NAME))}.")
    try:
        return _BY_NAME[name](**settings)
    except TypeError as error:
        raise SepflowError(f"Pairwise loss {name}: {error}.") from error
