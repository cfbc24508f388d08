"""Mixture consistency: estimates that sum to what they were made from."""

from torch import Tensor

from sepflow.errors import SepflowError


def mixture_consistency(estimates: Tensor, mixture: Tensor) -> Tensor:
    """The nearest estimates that sum to the mixture: an equal share of what is missing goes to each.

    `estimates` [B, M, T] and `mixture` [B, T] -> [B, M, T] (TS-MixIT, eq. 3 and 4). Gradients flow
    through both.

    Raises SepflowError where the shapes do not fit.
    """
    if estimates.ndim != 3 or mixture.shape != estimates[:, 0].shape:
        raise SepflowError(
            f"Mixture consistency needs estimates [B, M, T] and a mixture [B, T], "
            f"not {list(estimates.shape)} and {list(mixture.shape)}."
        )
    missing = mixture - estimates.sum(dim=1)
    return estimates + missing[:, None] / estimates.shape[1]
