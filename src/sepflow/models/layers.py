"""Layers that torch computes slowly on a CPU, written for it in few passes over memory.

Values, parameters and initialisation are those of torch's own layers, whose code runs elsewhere: on a GPU,
and where torch.compile fuses what is by hand here. Frames are [B, H, 1, K]: of four dimensions, so that torch
can keep the channels of a frame together ("channels last"), which its 1x1 convolutions want.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def _by_hand(x: Tensor) -> bool:
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def channels_last(x: Tensor) -> Tensor:
    """x [B, H, 1, K], where layers are by hand with the channels of a frame together in memory."""
    # Not contiguous(memory_format=...), which may leave a stride of the 1 that has torch take one layout for
    # the other: group normalisation then has wrong gradients.
    return x.squeeze(2).mT.contiguous().mT[:, :, None] if _by_hand(x) else x


class Pointwise(nn.Conv1d):
    """1x1 convolution [B, H, 1, K] -> [B, H', 1, K]."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        if _by_hand(x):
            # One tap has no dilation; with one said, torch takes oneDNN on one thread too, twice as fast.
            return F.conv2d(channels_last(x), self.weight[..., None], self.bias, dilation=2)
        return super().forward(x.squeeze(2))[:, :, None]


class Linear(nn.Linear):
    """Linear layer [..., F] -> [..., F']; where x is contiguous, its rows are frames as they lie."""

    def forward(self, x: Tensor) -> Tensor:
        if not _by_hand(x):
            return super().forward(x)
        frames = x.reshape(1, 1, -1, self.in_features).permute(0, 3, 1, 2)
        # As in Pointwise: a dilation, of one tap, for the sake of oneDNN.
        out = F.conv2d(frames, self.weight[..., None, None], self.bias, dilation=2)
        return out.permute(0, 2, 3, 1).reshape(*x.shape[:-1], self.out_features)


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(D)) V, each [N, H, P, D], in the type of `value`."""
    if not _by_hand(value):
        return F.scaled_dot_product_attention(query, key, value)
    # In bfloat16 the gradient of torch's own takes several times as long as in float32.
    inputs = (x.float() if x.dtype == torch.bfloat16 else x for x in (query, key, value))
    with torch.autocast("cpu", enabled=False):
        return F.scaled_dot_product_attention(*inputs).to(value.dtype)


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
    for_slope = x.clamp(max=0).mul_(gradient).sum(dtype=slope.dtype)
    return torch.ops.aten.leaky_relu_backward(gradient, x, float(slope), False), for_slope[None]


def normalised(x: Tensor, activation: PReLU, norm: nn.GroupNorm) -> Tensor:
    """norm(activation(x)), x [B, H, 1, K], norm a gLN. What lies between the two is not kept."""
    if _by_hand(x):
        return _Normalised.apply(x, activation.weight, norm.weight, norm.bias, norm.eps)
    return norm(activation(x))


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor, gain: Tensor, bias: Tensor, eps: float) -> Tensor:
        x = channels_last(x)
        examples, channels, _, frames = x.shape
        active = F.prelu(x, slope.to(x.dtype))
        out, mean, rstd = torch.native_group_norm(active, gain, bias, examples, channels, frames, 1, eps)
        ctx.save_for_backward(x, slope, gain, mean, rstd)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, slope, gain, mean, rstd = ctx.saved_tensors
        examples, channels, _, frames = x.shape
        active = F.prelu(x, slope.to(x.dtype))
        gradient, for_gain, for_bias = torch.ops.aten.native_group_norm_backward(
            channels_last(gradient), active, mean, rstd, gain, examples, channels, frames, 1, [True] * 3
        )
        return *_prelu_backward(gradient, x, slope), for_gain, for_bias, None


class DilatedConv(nn.Conv1d):
    """Depthwise dilated convolution [B, H, 1, K] -> [B, H, 1, K], zero-padded, of an odd kernel."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(channels, channels, kernel, 1, padding, dilation, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        if _by_hand(x):
            return _Depthwise.apply(x, self.weight[:, 0], self.bias, self.dilation[0])
        return super().forward(x.squeeze(2))[:, :, None]


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
        for_x = _sum_of_shifted(gradient, taps, torch.zeros_like(taps[:, 0]), [-s for s in ctx.shifts])
        for_taps = [(_within(gradient, s) * _within(x, -s)).sum((0, 2, 3)) for s in ctx.shifts]
        for_bias = gradient.sum((0, 2, 3))
        return for_x, torch.stack(for_taps, dim=1).to(taps.dtype), for_bias.to(taps.dtype), None


def _sum_of_shifted(x: Tensor, taps: Tensor, bias: Tensor, shifts: list[int]) -> Tensor:
    """bias [H] + sum over n of taps [H, n] x[t + shift n], x [B, H, 1, K] being zero outside of itself."""
    each = taps.t().to(x.dtype).contiguous()[..., None, None]
    centre = shifts.index(0)
    out = torch.addcmul(bias.to(x.dtype)[:, None, None], x, each[centre])
    for n, shift in enumerate(shifts):
        if n != centre:
            _within(out, shift).addcmul_(_within(x, -shift), each[n])
    return out


def _within(x: Tensor, shift: int) -> Tensor:
    """The frames t of x [..., K] for which there is a frame t + shift."""
    frames = x.shape[-1]
    return x[..., max(0, -shift) : max(0, frames - max(0, shift))]
