"""The inner products of signals: all that the losses on waveforms need to know of them."""

import contextlib
import functools
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
    """The fields of InnerProducts. A copy of the waveforms would cost as much as the products."""

    @staticmethod
    def forward(ctx: Any, estimates: Tensor, references: Tensor, zero_mean: bool) -> tuple[Tensor, ...]:
        means = torch.cat([estimates.mean(-1, keepdim=True), references.mean(-1, keepdim=True)], dim=1)
        means = means if zero_mean else torch.zeros_like(means)
        (batch, count, _), others = estimates.shape, references.shape[1]
        gram, cross, energies = (
            torch.zeros(shape, dtype=torch.float64, device=means.device)
            for shape in ((batch, count, count), (batch, count, others), (batch, others))
        )
        with _full_precision(means.device):
            for s, x in zip(estimates.split(_BLOCK, -1), references.split(_BLOCK, -1), strict=True):
                s, x = s - means[:, :count], x - means[:, count:]
                gram += (s @ s.mT).double()
                cross += (s @ x.mT).double()
                energies += x.square().sum(-1).double()
        ctx.save_for_backward(estimates, references, means)
        if not ctx.needs_input_grad[1]:
            ctx.mark_non_differentiable(energies)
        return gram, cross, energies

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, estimates: Tensor, cross: Tensor, energies: Tensor) -> tuple[Tensor | None, ...]:
        for_estimates = for_references = None
        if ctx.needs_input_grad[0]:
            weights = torch.cat([estimates + estimates.mT, cross], dim=-1)
            for_estimates = _combined(weights, *ctx.saved_tensors)
        if ctx.needs_input_grad[1]:
            weights = torch.cat([cross.mT, torch.diag_embed(2 * energies)], dim=-1)
            for_references = _combined(weights, *ctx.saved_tensors)
        return for_estimates, for_references, None


def _combined(weights: Tensor, estimates: Tensor, references: Tensor, means: Tensor) -> Tensor:
    """`weights` [B, N, M + C] times the signals without their means: [B, N, T]."""
    weights = weights.to(means.dtype)
    count = estimates.shape[1]
    with _full_precision(means.device):
        sums = (weights[..., :count] @ estimates).baddbmm_(weights[..., count:], references)
        return sums.sub_(weights @ means)


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


@functools.cache
def subsets(count: int, device: torch.device) -> Tensor:
    """Every subset of `count` signals, [2**count, count] of 0 and 1 in float64; row n is n in binary.

    Signal 0 is the lowest bit, and the complement of row n is row n from the end. Not to be written to.
    """
    numbers = torch.arange(2**count, device=device)[:, None]
    return (numbers >> torch.arange(count, device=device) & 1).double()


def subset_energies(gram: Tensor) -> Tensor:
    """Energy of the sum of the signals in every subset: `gram` [B, M, M] -> [B, 2**M], in `subsets`' order.

    By halves: a sum h of later signals and a sum l of earlier ones have |h + l|^2 = |h|^2 + 2 <h, l> + |l|^2.
    """
    half = gram.shape[1] // 2
    low, high = subsets(half, gram.device), subsets(gram.shape[1] - half, gram.device)
    inner = high @ gram[:, half:, :half] @ low.mT
    low_energies = (low @ gram[:, :half, :half] * low).sum(-1)
    high_energies = (high @ gram[:, half:, half:] * high).sum(-1)
    return (high_energies[:, :, None] + 2 * inner + low_energies[:, None, :]).flatten(1)
