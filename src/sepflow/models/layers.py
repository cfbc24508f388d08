"""Layers whose gradients torch computes slowly on a CPU, written in few passes over memory.

Values, parameters and initialisation are those of torch's own layers, whose code runs elsewhere: on a GPU,
and where torch.compile fuses what is by hand here.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def _by_hand(x: Tensor) -> bool:
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


class PReLU(nn.PReLU):
    """max(x, 0) + a min(x, 0), one slope a for all channels, x of any shape."""

    def forward(self, x: Tensor) -> Tensor:
        return _PReLU.apply(x, self.weight) if _by_hand(x) else super().forward(x)


class _PReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return F.prelu(x, slope.to(x.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return _prelu_backward(gradient, *ctx.saved_tensors)


def _prelu_backward(gradient: Tensor, x: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    # torch's own makes a gradient of the slope for every sample before it adds them up.
    for_slope = torch.dot(gradient.flatten(), x.clamp(max=0).flatten())
    for_x = torch.ops.aten.leaky_relu_backward(gradient, x, float(slope), False)
    return for_x, for_slope[None].to(slope.dtype)


def normalised(x: Tensor, activation: PReLU, norm: nn.GroupNorm) -> Tensor:
    """norm(activation(x)), x [B, H, K], norm a gLN. What lies between the two is not kept."""
    if _by_hand(x):
        return _Normalised.apply(x, activation.weight, norm.weight, norm.bias, norm.eps)
    return norm(activation(x))


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor, gain: Tensor, bias: Tensor, eps: float) -> Tensor:
        active = F.prelu(x, slope.to(x.dtype))
        out, mean, rstd = torch.native_group_norm(active, gain, bias, *x.shape, 1, eps)
        ctx.save_for_backward(x, slope, gain, mean, rstd)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, slope, gain, mean, rstd = ctx.saved_tensors
        active = F.prelu(x, slope.to(x.dtype))
        gradient, for_gain, for_bias = torch.ops.aten.native_group_norm_backward(
            gradient.contiguous(), active, mean, rstd, gain, *x.shape, 1, [True, True, True]
        )
        return *_prelu_backward(gradient, x, slope), for_gain, for_bias, None


class DilatedConv(nn.Conv1d):
    """Depthwise dilated convolution [B, H, K] -> [B, H, K], zero-padded, of an odd kernel."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(channels, channels, kernel, 1, padding, dilation, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        if _by_hand(x):
            return _Depthwise.apply(x, self.weight[:, 0], self.bias, self.dilation[0])
        return super().forward(x)


class _Depthwise(torch.autograd.Function):
    """One multiplication and addition of the shifted signal for each tap."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, bias: Tensor, dilation: int) -> Tensor:
        ctx.save_for_backward(x, taps)
        ctx.shifts = [dilation * (k - taps.shape[1] // 2) for k in range(taps.shape[1])]
        return _sum_of_shifted(x, taps, bias, ctx.shifts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, taps = ctx.saved_tensors
        for_x = _sum_of_shifted(gradient, taps, taps.new_zeros(len(taps)), [-shift for shift in ctx.shifts])
        for_taps = [(_within(gradient, s) * _within(x, -s)).sum((0, 2)) for s in ctx.shifts]
        return for_x, torch.stack(for_taps, dim=1).to(taps.dtype), gradient.sum((0, 2)).to(taps.dtype), None


def _sum_of_shifted(x: Tensor, taps: Tensor, bias: Tensor, shifts: list[int]) -> Tensor:
    """bias [H] + sum over n of taps [H, n] x[t + shift n], x [B, H, K] being zero outside of itself."""
    taps, bias = taps.to(x.dtype), bias.to(x.dtype)
    centre = shifts.index(0)
    out = torch.addcmul(bias[:, None], x, taps[:, centre, None])
    for n, shift in enumerate(shifts):
        if n != centre:
            _within(out, shift).addcmul_(_within(x, -shift), taps[:, n, None])
    return out


def _within(x: Tensor, shift: int) -> Tensor:
    """The frames t of x [..., K] for which there is a frame t + shift."""
    frames = x.shape[-1]
    return x[..., max(0, -shift) : max(0, frames - max(0, shift))]
