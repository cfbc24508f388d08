"""Layers written by hand are torch's own, in values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from sepflow.models.layers import DilatedConv, Linear, Pointwise, PReLU, channels_last, normalised
from sepflow.models.masking import global_layer_norm


def noise(*shape: int, dtype=torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_()


def assert_same(ours, theirs, x, parameters) -> None:
    """Values, and the gradients of a weighted sum, by both ways."""
    weights, inputs = torch.linspace(-1, 2, ours.numel()).view(ours.shape), [x, *parameters]
    torch.testing.assert_close(ours, theirs)
    wanted = torch.autograd.grad((theirs * weights).sum(), inputs)
    torch.testing.assert_close(torch.autograd.grad((ours * weights).sum(), inputs), wanted)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2, 8, 64])
def test_dilated_convolution_is_torchs(kernel, dilation):
    conv, x = DilatedConv(4, kernel, dilation).double(), noise(2, 4, 1, 45)
    padding = dilation * (kernel // 2)
    theirs = F.conv1d(x[:, :, 0], conv.weight, conv.bias, padding=padding, dilation=dilation, groups=4)
    assert_same(conv(x), theirs[:, :, None], x, conv.parameters())


@pytest.mark.parametrize("frames", [1, 45])
@pytest.mark.parametrize("layout", [channels_last, torch.Tensor.contiguous])
def test_pointwise_convolution_is_torchs(frames, layout):
    conv, x = Pointwise(4, 6).double(), noise(2, 4, 1, frames)
    theirs = F.conv1d(x[:, :, 0], conv.weight, conv.bias)[:, :, None]
    assert_same(conv(layout(x)), theirs, x, conv.parameters())
    assert conv(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", [(4,), (1, 4), (3, 1, 4), (3, 5, 4), (2, 3, 5, 4)])
@pytest.mark.parametrize("layout", [torch.Tensor.contiguous, lambda x: x.transpose(0, -2)])
def test_linear_is_torchs(shape, layout):
    layer, x = Linear(4, 6).double(), noise(*shape)
    rows = layout(x) if x.ndim > 1 else x
    assert_same(layer(rows), F.linear(rows, layer.weight, layer.bias), x, layer.parameters())
    assert layer(rows).is_contiguous()


@pytest.mark.parametrize("slope", [0.25, 0.0, -0.5, 1.5])
def test_prelu_is_torchs(slope):
    layer, x = PReLU(init=slope).double(), noise(3, 5, 7)
    with torch.no_grad():
        x[0, 0, 0] = 0.0
    assert_same(layer(x), F.prelu(x, layer.weight), x, layer.parameters())


@pytest.mark.parametrize("layout", [channels_last, torch.Tensor.contiguous])
def test_the_norm_of_an_activation_is_the_norm_after_the_activation(layout):
    activation, norm, x = PReLU().double(), global_layer_norm(5).double(), noise(3, 5, 1, 40)
    torch.nn.init.normal_(norm.weight), torch.nn.init.normal_(norm.bias)
    parameters = [*activation.parameters(), *norm.parameters()]
    # Once transposed, so that the gradient that comes back is neither contiguous nor channels last.
    for arrange in (torch.Tensor.clone, lambda out: out.transpose(1, 3)):
        ours, theirs = normalised(layout(x), activation, norm), norm(F.prelu(x, activation.weight))
        assert_same(arrange(ours), arrange(theirs), x, parameters)


def test_under_autocast_they_take_bfloat16():
    activation, norm, conv = PReLU(), global_layer_norm(5), DilatedConv(5, 3, 2)
    x = noise(2, 5, 1, 30, dtype=torch.float32).detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        out = activation(conv(normalised(x, activation, norm)))
    out.float().square().sum().backward()
    assert x.grad.dtype == torch.bfloat16
    for weight in [*activation.parameters(), *norm.parameters(), *conv.parameters()]:
        assert weight.grad.dtype == torch.float32 and weight.grad.abs().sum() > 0
