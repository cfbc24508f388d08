"""From the M estimates of a MixIT model to the C sources that are asked for."""

import numpy as np
import torch
from torch import Tensor

from sepflow.errors import SepflowError
from sepflow.objectives.gram import InnerProducts, inner_products, subset_energies, subsets
from sepflow.objectives.snr import SISNR

# Entries of the table of all assignments, 8 bytes each: 3^12 are half a million.
_MOST_ASSIGNMENTS = 2**20


def select_by_energy(estimates: Tensor, count: int) -> Tensor:
    """The `count` loudest (highest RMS) of the `estimates` [M, T], in their channel order: [count, T].

    Raises SepflowError where there are fewer estimates than that.
    """
    if count > estimates.shape[0]:
        raise SepflowError(f"Cannot select {count} estimates of {estimates.shape[0]}.")
    loudest = estimates.double().square().sum(-1).topk(count).indices
    return estimates[loudest.sort().values]


def oracle_remix(estimates: Tensor, references: Tensor) -> Tensor:
    """The sums of estimates that match the references best: [M, T] and [C, T] -> [C, T].

    Each estimate goes to one reference *or to none*, (C + 1)^M ways, and that of the highest mean SI-SNR
    over the references is taken. TS-MixIT (section 4.1) says "among all mixing matrices", whose columns sum
    to one: every estimate goes somewhere, C^M ways. With empty columns too, the set holds both those and
    every selection of C single estimates, so that the oracle is never worse than `select_by_energy` (nor
    than the paper's), on any utterance. In float64, from the inner products.

    Raises SepflowError where there are fewer estimates than references, or over a million ways.
    """
    sources, channels = references.shape[0], estimates.shape[0]
    if channels < sources:
        raise SepflowError(f"{channels} estimates cannot be remixed to {sources} references.")
    if (sources + 1) ** channels > _MOST_ASSIGNMENTS:
        raise SepflowError(
            f"The oracle remix of {channels} estimates to {sources} references would try "
            f"{sources + 1}^{channels} assignments, over {_MOST_ASSIGNMENTS}; use fewer estimates."
        )
    wide = estimates.double()
    products = inner_products(wide[None], references.double()[None], zero_mean=True)
    return (_best_mixing(products).to(wide) @ wide).to(estimates.dtype)


def _best_mixing(products: InnerProducts) -> Tensor:
    """The mixing matrix [C, M] of 0 and 1 with the best mean SI-SNR."""
    channels, sources = products.cross.shape[1:]
    members = subsets(channels, products.cross.device)
    # [C, 2^M]: the loss of each sum of estimates against each reference, as fine as float64 goes.
    losses = SISNR(max_snr=150.0, epsilon=1e-30)(
        products.references[0, :, None],
        subset_energies(products.estimates),
        products.cross[0].mT @ members.mT,
    )
    total = losses.new_zeros(())
    owners = _assignments(channels, sources + 1).to(losses.device)
    bits = 2 ** torch.arange(channels, device=losses.device)
    for source in range(sources):
        total = total + losses[source, ((owners == source) * bits).sum(-1)]
    owner = owners[total.argmin()]
    return torch.stack([owner == source for source in range(sources)])


def _assignments(channels: int, owners: int) -> Tensor:
    """Every way to give each channel one of the owners, [owners**channels, channels], as digits."""
    numbers = torch.arange(owners**channels)[:, None]
    return numbers // owners ** torch.arange(channels) % owners


def select(estimates: torch.Tensor, selection: str, references: np.ndarray) -> torch.Tensor:
    """As many of the estimates [M, T] as `references` [C, T]: all, the loudest, or the oracle's remix."""
    if selection == "energy":
        return select_by_energy(estimates, len(references))
    if selection == "oracle":
        return oracle_remix(estimates, torch.from_numpy(references))
    return estimates


def selections(estimates: int, sources: int) -> list[str]:
    """The ways from a model's number of estimates to the number of sources."""
    return ["none"] if estimates == sources else ["energy", "oracle"]
