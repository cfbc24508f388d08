"""The published speaker encoder, held against its definition in float64, a number at a time."""

import math

import numpy as np
import pytest
import torch

from sepflow import models
from sepflow.models.ge2e import partial_starts, raised
from sepflow.seeding import generator

RATE = 16000


def encoder():
    torch.manual_seed(0)
    return models.build({"name": "ge2e", "hidden": 6, "layers": 2, "embedding": 5}).double().eval()


def speech(seconds: float, level: float = 0.1) -> np.ndarray:
    return level * generator("ge2e", seconds).standard_normal(round(seconds * RATE))


def slaney(hertz: float) -> float:
    """The mel scale of Slaney's Auditory Toolbox."""
    return hertz / (200 / 3) if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def mel_bands(signal: np.ndarray) -> np.ndarray:
    """Power of 40 bands, triangles of area 1 in Hz; a frame of 400 samples every 160, centred."""
    grid = np.linspace(0, 8000, 80001)
    mels = np.array([slaney(x) for x in grid])
    edges = np.interp(np.linspace(0, slaney(8000.0), 42), mels, grid)
    bins = np.arange(201) * RATE / 400
    padded = np.pad(signal, 200)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = []
    for start in range(0, len(padded) - 399, 160):
        power = np.abs(np.fft.rfft(window * padded[start : start + 400])) ** 2
        frame = []
        for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
            triangle = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)).clip(0)
            frame.append((2 / (high - low) * triangle * power).sum())
        frames.append(frame)
    return np.array(frames)


def states(net, frames: np.ndarray) -> list[np.ndarray]:
    """What each layer of an LSTM says of each frame."""
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    weights = {name: weight.detach().numpy() for name, weight in net.lstm.named_parameters()}
    layers = []
    for layer in range(net.lstm.num_layers):
        state = cell = np.zeros(net.lstm.hidden_size)
        out = []
        for x in frames:
            gates = weights[f"weight_ih_l{layer}"] @ x + weights[f"bias_ih_l{layer}"]
            gates = gates + weights[f"weight_hh_l{layer}"] @ state + weights[f"bias_hh_l{layer}"]
            enter, forget, new, show = np.split(gates, 4)
            cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(new)
            state = sigmoid(show) * np.tanh(cell)
            out.append(state)
        frames = np.array(out)
        layers.append(frames)
    return layers


@pytest.mark.parametrize(("seconds", "starts"), [(1.0, [0]), (2.5, [0, 77])])
def test_an_embedding_is_the_published_one(seconds, starts):
    net, signal = encoder(), speech(seconds, 0.001)
    found = net(torch.from_numpy(signal)[None])[0].detach().numpy()
    louder = signal * 10 ** (-30 / 20) / np.sqrt(np.mean(signal**2))
    bands = mel_bands(np.pad(louder, (0, max((starts[-1] + 160) * 160 - len(signal), 0))))
    weight, bias = (x.detach().numpy() for x in (net.linear.weight, net.linear.bias))
    each = [np.maximum(weight @ states(net, bands[s : s + 160])[-1][-1] + bias, 0) for s in starts]
    mean = np.mean([x / np.linalg.norm(x) for x in each], 0)
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), rtol=1e-4, atol=1e-6)  # edges by a grid


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [(0.001, [0]), (1.6, [0]), (1.96, [0]), (1.98, [0, 77]), (4.0, [0, 77, 154, 231])],
)
def test_partial_utterances_begin_where_the_package_begins_them(seconds, starts):
    """The last has to be there by three quarters."""
    assert partial_starts(round(seconds * RATE)) == starts


def test_level_does_not_matter_where_it_is_low_and_silence_has_an_embedding():
    net, signal = encoder(), torch.from_numpy(speech(1.0, 0.01))[None]
    torch.testing.assert_close(net(signal), net(signal / 7))
    loud = 10 * signal
    assert torch.equal(raised(loud), loud)
    assert net(torch.zeros(1, RATE, dtype=torch.float64)).isfinite().all()


def test_a_batch_is_embedded_as_each_alone_and_a_gradient_reaches_it():
    net, signals = encoder(), torch.from_numpy(np.stack([speech(2.2, 0.1), speech(2.2, 0.2)[::-1].copy()]))
    signals.requires_grad_()
    together = net(signals)
    torch.testing.assert_close(together, torch.cat([net(one[None]) for one in signals]))
    together[0, 0].backward()
    assert signals.grad[0].abs().max() > 0 and signals.grad[1].abs().max() == 0


def test_taps_are_the_outputs_of_each_layer_of_the_lstm_and_nothing_behind():
    net, signals = encoder(), torch.from_numpy(np.stack([speech(2.5, 0.1), speech(2.5, 0.2)[::-1].copy()]))
    net.linear.register_forward_hook(lambda *_: pytest.fail("computed"))
    taps = net.taps(signals)
    assert [list(x.shape) for x in taps] == [[2, 2, 160, 6]] * 2
    frames = mel_bands(signals[1].numpy())[77:237]
    for found, layer in zip(taps, states(net, frames), strict=True):
        np.testing.assert_allclose(found[1, 1].detach().numpy(), layer, rtol=1e-4, atol=1e-6)
    silence = torch.zeros(1, RATE, dtype=torch.float64, requires_grad=True)
    for signal in (silence, signals[:1].requires_grad_()):
        tap = net.taps(signal)[-1]
        (gradient,) = torch.autograd.grad(tap.sum(), signal)
        assert tap.isfinite().all() and gradient.isfinite().all() and gradient.any() == signal.any()
