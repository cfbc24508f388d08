"""Permutation invariant training."""

from itertools import permutations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from sepflow.errors import SepflowError
from sepflow.objectives.gram import inner_products
from sepflow.objectives.snr import PairwiseLoss, pairwise_loss

# Trying every permutation on the tensors' own device beats a trip to the CPU up to here.
_MOST_ENUMERATED = 3


def pit(estimates: Tensor, references: Tensor, loss: PairwiseLoss | str) -> tuple[Tensor, Tensor]:
    """Loss under the best pairing of the estimates with the references.

    `estimates` and `references` [B, C, T], any C; `loss` a pairwise loss, or its name for the defaults.
    Returns the loss in dB [B], the mean over the C sources, float32 or wider, and the permutation [B, C]
    (long): permutation[b, c] is the estimate assigned to reference c. Gradients flow through the former.

    Raises SepflowError where the shapes differ or the loss is unknown.
    """
    if estimates.shape != references.shape:
        raise SepflowError(
            f"PIT needs as many estimates as references, of one length: "
            f"estimates {list(estimates.shape)}, references {list(references.shape)}."
        )
    loss = pairwise_loss(loss) if isinstance(loss, str) else loss
    products = inner_products(estimates, references, loss.zero_mean)
    energies = products.estimates.diagonal(dim1=1, dim2=2)
    pairwise = loss(products.references[:, None, :], energies[:, :, None], products.cross)
    permutation = best_permutation(pairwise.detach())
    best = pairwise.gather(1, permutation[:, None, :]).squeeze(1).mean(-1)
    return best.to(torch.promote_types(estimates.dtype, torch.float32)), permutation


def best_permutation(pairwise: Tensor) -> Tensor:
    """The permutation of least total loss: `pairwise` [B, estimate, reference] -> [B, C], long.

    Every permutation is tried for up to three sources; from four up the Hungarian algorithm finds it.
    """
    count = pairwise.shape[-1]
    if count > _MOST_ENUMERATED:
        # A diverged model's NaN belongs in the loss, where training looks for it; here it would be an error.
        costs = pairwise.nan_to_num().cpu().numpy()
        orders = [linear_sum_assignment(cost.T)[1].tolist() for cost in costs]
        return torch.tensor(orders, dtype=torch.long, device=pairwise.device).reshape(-1, count)
    orders = torch.tensor(list(permutations(range(count))), device=pairwise.device)
    totals = pairwise[:, orders, torch.arange(count, device=pairwise.device)].sum(-1)
    return orders[totals.argmin(-1)]
