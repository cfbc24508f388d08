"""The inner products of signals: all that the losses on waveforms need to know of them."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sepflow.errors import SepflowError

# Samples summed in float32 before float64 takes over: many times as exact as one sum, in the same time.
_BLOCK = 4000


class InnerProducts(NamedTuple):
    """Inner products between M estimates and C references, in float64.

    estimates [B, M, M]: <s_m, s_n>; cross [B, M, C]: <s_m, x_c>; references [B, C]: |x_c|^2.
    """

    estimates: Tensor
    cross: Tensor
    references: Tensor


def inner_products(estimates: Tensor, references: Tensor, zero_mean: bool) -> InnerProducts:
    """Inner products over time of `estimates` [B, M, T] and `references` [B, C, T].

    One batched product of the waveforms in float32 (float64 where an input is), whatever the autocast or
    TF32 settings say; narrower inputs are cast up. With `zero_mean` each signal's mean over time is taken
    off first. The result, which is small, is float64, so that no further rounding is added. In float32 it is
    good to about 1e-7 of |x||y|: a difference of energies 40 dB below them is still good to 0.01 dB.

    Raises SepflowError where the shapes do not fit.
    """
    if estimates.ndim != 3 or references.ndim != 3 or estimates.shape[::2] != references.shape[::2]:
        raise SepflowError(
            f"A loss needs estimates [B, M, T] and references [B, C, T] of the same B and T, "
            f"not {list(estimates.shape)} and {list(references.shape)}."
        )
    dtype = torch.promote_types(torch.promote_types(estimates.dtype, references.dtype), torch.float32)
    return InnerProducts(*_InnerProducts.apply(estimates.to(dtype), references.to(dtype), zero_mean))


class _InnerProducts(torch.autograd.Function):
    """The fields of InnerProducts, with a backward of one product, in full precision too.

    The mean costs it nothing: a combination of zero-mean signals has zero mean already.
    """

    @staticmethod
    def forward(ctx: Any, estimates: Tensor, references: Tensor, zero_mean: bool) -> tuple[Tensor, ...]:
        count = estimates.shape[1]
        signals = estimates.new_empty(len(estimates), count + references.shape[1], estimates.shape[2])
        for given, kept in ((estimates, signals[:, :count]), (references, signals[:, count:])):
            torch.sub(given, given.mean(dim=-1, keepdim=True) if zero_mean else 0, out=kept)
        ctx.save_for_backward(signals)
        ctx.count = count
        with _full_precision(signals.device):
            blocks = signals.split(_BLOCK, dim=-1)
            products = sum((block[:, :count] @ block.mT).double() for block in blocks)
        energies = signals[:, count:].square().sum(dim=-1, dtype=torch.float64)
        return products[..., :count].clone(), products[..., count:].clone(), energies

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, estimates: Tensor, cross: Tensor, energies: Tensor) -> tuple[Tensor | None, ...]:
        (signals,) = ctx.saved_tensors
        rows = (
            torch.cat([estimates + estimates.mT, cross], dim=-1),
            torch.cat([cross.mT, torch.diag_embed(2 * energies)], dim=-1),
        )
        with _full_precision(signals.device):
            wanted = zip(rows, ctx.needs_input_grad[:2], strict=True)
            gradients = [
                weights.to(signals.dtype) @ signals if needed else None for weights, needed in wanted
            ]
        return *gradients, None


@contextlib.contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Products in true float32: TF32 and bfloat16 keep 10 and 7 bits, fewer than 30 dB of SNR asks."""
    backends = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)
    before = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision


def subsets(count: int) -> Tensor:
    """Every subset of `count` signals, [2**count, count] of 0 and 1 in float64; row n is n in binary.

    Signal 0 is the lowest bit, so the rows of the subsets without the last signal come first, and the
    complement of row n is row n from the end.
    """
    numbers = torch.arange(2**count)[:, None]
    return (numbers >> torch.arange(count) & 1).double()


def subset_energies(gram: Tensor) -> Tensor:
    """Energy of the sum of the signals in every subset: `gram` [B, M, M] -> [B, 2**M], in `subsets`' order.

    By doubling: |s_m + r|^2 = |s_m|^2 + 2 <s_m, r> + |r|^2 for each sum r of the signals before s_m.
    """
    members = subsets(gram.shape[1]).to(gram)
    energies = gram.new_zeros(gram.shape[0], 1)
    for m in range(gram.shape[1]):
        inner = gram[:, m, :m] @ members[: 2**m, :m].mT
        energies = torch.cat([energies, gram[:, m, m, None] + 2 * inner + energies], dim=1)
    return energies
