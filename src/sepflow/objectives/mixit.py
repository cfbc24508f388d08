"""Mixture invariant training."""

import torch
from torch import Tensor

from sepflow.errors import SepflowError
from sepflow.objectives.gram import InnerProducts, inner_products, subset_energies, subsets
from sepflow.objectives.snr import PairwiseLoss, pairwise_loss

# 2**16 assignments an example is half a megabyte; each further estimate doubles it.
_MOST_ESTIMATES = 16


def mixit(
    estimates: Tensor, mixtures: Tensor, loss: PairwiseLoss | str = "thresholded_snr"
) -> tuple[Tensor, Tensor]:
    """Loss under the best assignment of each estimate to one of two mixtures (TS-MixIT, eq. 1).

    `estimates` [B, M, T], M up to 16, made from the sum of `mixtures` [B, 2, T]; `loss`, a pairwise loss or
    its name for the defaults, is of a mixture and the sum of the estimates assigned to it. Returns the loss
    in dB [B], the *mean* over the two mixtures (eq. 1 has the sum, twice that), float32 or wider, and the
    assignment [B, M] (long): assignment[b, m] is the mixture, 0 or 1, that estimate m belongs to. A mixture
    may be left with no estimate. Gradients flow through the loss.

    All 2^M assignments follow from the inner products alone; the waveforms are read once. In float32 a
    thresholded SNR is within 0.01 dB of float64's, unless estimates 20 dB louder than the mixtures cancel in
    them.

    Raises SepflowError where the shapes do not fit, M is over 16 or the loss is unknown.
    """
    if mixtures.ndim != 3 or mixtures.shape[1] != 2:
        raise SepflowError(f"MixIT needs two mixtures, [B, 2, T], not {list(mixtures.shape)}.")
    if estimates.ndim == 3 and estimates.shape[1] > _MOST_ESTIMATES:
        raise SepflowError(f"MixIT takes up to {_MOST_ESTIMATES} estimates, not {estimates.shape[1]}.")
    loss = pairwise_loss(loss) if isinstance(loss, str) else loss
    products = inner_products(estimates, mixtures, loss.zero_mean)
    with torch.no_grad():
        members = _best_subset(products, loss)
    # Row i of the mixing matrix A, eq. 1: the estimates that make up mixture i.
    mixing = torch.stack([members, 1 - members], dim=1)
    energies = (mixing @ products.estimates * mixing).sum(-1)
    inner = (mixing * products.cross.mT).sum(-1)
    best = loss(products.references, energies, inner).mean(-1)
    return best.to(torch.promote_types(estimates.dtype, torch.float32)), 1 - members.long()


def _best_subset(products: InnerProducts, loss: PairwiseLoss) -> Tensor:
    """The subset of the estimates for the first mixture, [B, M] of 0 and 1; the rest are for the second."""
    members = subsets(products.cross.shape[1], products.cross.device)
    energies = subset_energies(products.estimates)[:, None]
    inner = products.cross.mT @ members.mT
    losses = loss(products.references[..., None], energies, inner)
    # The complement of a subset is as far from the end as the subset from the beginning.
    return members[(losses[:, 0] + losses[:, 1].flip(-1)).argmin(-1)]
