"""What the published networks compute, held against it in float64, a number at a time."""

import math

import numpy as np
import pytest
import torch

from listeners import RATE, array, entering, gelu, hann, slaney_bank, small, sound, spectra
from sepflow.models.deepspeech2 import Recurrent
from sepflow.models.pase import QuasiRecurrent
from sepflow.models.sinc import Sinc

HAMMING = [0.54 - 0.46 * math.cos(2 * math.pi * n / 320) for n in range(320)]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_cnn14_hears_64_log_mel_bands_from_50_hz():
    net, signals = small("cnn14").double(), sound(2400).double()
    signals[1] = 0
    found = array(entering(net, "bn0", signals))[..., 0]
    for signal, bands in zip(array(signals), found, strict=True):
        power = spectra(signal, hann(512), 160) ** 2
        decibels = 10 * np.log10(np.maximum(power @ slaney_bank(64, 512, 50), 1e-10))
        assert bands.shape == (64, 16)
        np.testing.assert_allclose(bands.T, decibels, atol=1e-3)


def test_cnn14_pools_blocks_and_tags_by_the_loudest_and_the_mean_frame():
    net, signals = small("cnn14", whole=True).double(), sound().double()
    x = net.conv_block5(net.taps(signals)[-1])
    block = net.conv_block6
    x = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x))))).relu()  # this one is not pooled
    heard = array(x).mean(3)
    inner = np.maximum((heard.max(2) + heard.mean(2)) @ array(net.fc1.weight).T + array(net.fc1.bias), 0)
    scores = inner @ array(net.fc_audioset.weight).T + array(net.fc_audioset.bias)
    np.testing.assert_allclose(array(net(signals)), sigmoid(scores))
    whole, conv = array(net.taps(signals)[0]), net.conv_block1
    first = conv.bn1(conv.conv1(net.bn0(entering(net, "bn0", signals)).transpose(1, 3))).relu()
    second = array(conv.bn2(conv.conv2(first)).relu())
    np.testing.assert_allclose(whole[1, 1, 3, 5], second[1, 1, 6:8, 10:12].mean())


def test_deepspeech2_hears_log_spectra_of_each_utterance_at_mean_0_and_deviation_1():
    net, signals = small("deepspeech2").double(), sound(1600).double()
    found = array(entering(net, "conv.seq_module.0", signals))[:, 0]
    for signal, heard in zip(array(signals), found, strict=True):
        logs = np.log(1 + spectra(signal, HAMMING, 160)).T
        mean = logs.sum() / logs.size
        deviation = math.sqrt(((logs - mean) ** 2).sum() / (logs.size - 1))
        np.testing.assert_allclose(heard, (logs - mean) / deviation, atol=1e-5)


def test_deepspeech2_sums_the_directions_of_its_lstms_and_clips_its_convolutions():
    layer, x = Recurrent(3, 4, norm=False).double(), torch.randn(2, 5, 3, dtype=torch.float64)
    ways = []
    for suffix, heard in (("", x), ("_reverse", x.flip(1))):
        one = torch.nn.LSTM(3, 4, batch_first=True).double()
        for name, _ in list(one.named_parameters()):
            setattr(one, name, getattr(layer.rnn, name + suffix))
        ways.append(one(heard)[0])
    torch.testing.assert_close(layer(x), ways[0] + ways[1].flip(1))
    net = small("deepspeech2")
    net.conv["seq_module"][1].weight.data *= 100
    tap = net.taps(sound())[0]
    assert tap.min() == 0 and tap.max() == 20


@pytest.mark.parametrize("kernel", [251, 31])
def test_a_sinc_layer_is_the_difference_of_two_windowed_low_passes(kernel):
    layer, signal = Sinc(3, kernel, RATE).double(), array(sound(400).double())[0]
    layer.low_hz_.data = torch.tensor([[30.0], [-900.0], [7000.0]]).double()
    layer.band_hz_.data = torch.tensor([[100.0], [-300.0], [5000.0]]).double()  # the last ends at 8 kHz
    found = array(layer(torch.from_numpy(signal)[None, None]))[0]
    assert found.shape == (3, 400 - kernel + 1)
    half = kernel // 2
    steps = [k * (kernel / 2 - 1) / (half - 1) for k in range(half)]
    rising = [0.54 - 0.46 * math.cos(2 * math.pi * step / kernel) for step in steps]
    for filtered, low, high in zip(found, (80, 950, 7050), (230, 1300, 8000), strict=True):
        taps = np.zeros(kernel)
        for k in range(kernel):
            n = (k - half) / RATE
            passes = [2 * f * np.sinc(2 * f * n) for f in (high, low)]
            window = 1 if k == half else rising[k] if k < half else rising[kernel - 1 - k]
            taps[k] = (passes[0] - passes[1]) / (2 * (high - low)) * window
        assert taps[half] == 1
        for t in (0, 7, len(filtered) - 1):
            assert filtered[t] == pytest.approx(sum(taps * signal[t : t + kernel]), rel=1e-4, abs=1e-6)


def test_rawnet2_hears_each_sample_with_its_own_gain():
    net, signals = small("rawnet2").double(), sound(1500).double()
    found = array(entering(net, "first_conv", signals))[:, 0]
    gains, biases = array(net.ln.gamma), array(net.ln.beta)
    for signal, heard in zip(array(signals), found, strict=True):
        repeated = np.tile(signal, 3)[:4000]
        deviation = np.std(repeated, ddof=1) + 1e-6
        np.testing.assert_allclose(heard, gains * (repeated - repeated.mean()) / deviation + biases)
    longer = torch.cat([sound(4000), torch.ones(2, 9)], 1).double()
    assert torch.equal(entering(net, "first_conv", longer), entering(net, "first_conv", longer[:, :4000]))


def convolved(x: np.ndarray, conv: torch.nn.Conv1d) -> np.ndarray:
    """A convolution over three frames, zeros around."""
    weight, bias = array(conv.weight), array(conv.bias)
    padded = np.pad(x, ((0, 0), (1, 1)))
    frames = [np.einsum("oik,ik->o", weight, padded[:, t : t + 3]) + bias for t in range(x.shape[1])]
    return np.array(frames).T


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.3 * x)


def normal(x: np.ndarray, norm: torch.nn.Module) -> np.ndarray:
    """Batch normalisation by the statistics of the training."""
    weight, bias, mean, variance = (
        array(part)[:, None] for part in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    return weight * (x - mean) / np.sqrt(variance + norm.eps) + bias


def pooled(x: np.ndarray) -> np.ndarray:
    return np.array([x[:, t : t + 3].max(1) for t in range(0, x.shape[1] - 2, 3)]).T


def test_rawnet2_has_the_block_that_its_weights_are_of_and_scales_feature_maps():
    net, signals = small("rawnet2", whole=True).double(), sound().double()
    taps = [array(tap)[1] for tap in net.taps(signals)]
    x = leaky(normal(pooled(np.abs(taps[0])), net.first_bn))
    for k, block in enumerate([net.block0[0], net.block1[0]]):
        inner = leaky(normal(convolved(x, block.conv1), block.bn2))  # of x itself: bn1 is not heard
        x = pooled(convolved(inner, block.conv2) + x)
        np.testing.assert_allclose(taps[k + 1], x, atol=1e-9)
        scaling = getattr(net, f"fc_attention{k}")[0]
        scale = sigmoid(array(scaling.weight) @ x.mean(1) + array(scaling.bias))[:, None]
        x = x * scale + scale
    assert "block1.0.bn1.weight" in net.state_dict() and "block0.0.bn1.weight" not in net.state_dict()


def test_pase_pads_by_mirrors_and_adds_means_of_its_blocks_over_a_frame():
    net, signals = small("pase", whole=True).double(), sound().double()
    taps = net.taps(signals)
    for k, around in [(1, (9, 10)), (2, (4, 5)), (3, (5, 5))]:
        mirrored = np.pad(array(taps[k - 1])[0], ((0, 0), around), "reflect")
        conv, step = net.blocks[k].conv, (10, 2, 1)[k - 1]
        frame = np.einsum(
            "oik,ik->o", array(conv.weight), mirrored[:, 3 * step : 3 * step + (20, 11, 11)[k - 1]]
        )
        x = normal((frame + array(conv.bias))[:, None], net.blocks[k].norm)[:, 0]
        slope = array(net.blocks[k].act.weight)
        np.testing.assert_allclose(array(taps[k])[0, :, 3], np.where(x > 0, x, slope * x), atol=1e-9)
    seventh = net.blocks[6](taps[-1])
    out = array(net.W(net.rnn(net.blocks[7](seventh).mT).mT))[0]
    for skip, x in zip(net.denseskips, [*taps, seventh], strict=True):
        each = x.shape[-1] // out.shape[1]
        means = [array(x)[0, :, t * each : (t + 1) * each].mean(1) for t in range(out.shape[1])]
        out = out + array(skip.weight)[..., 0] @ np.array(means).T
    variance, mean = (array(x)[:, None] for x in (net.norm_out.running_var, net.norm_out.running_mean))
    np.testing.assert_allclose(array(net(signals))[0], (out - mean) / np.sqrt(variance + 1e-5), atol=1e-9)


def test_a_quasi_recurrent_layer_takes_of_what_is_new_as_much_as_its_gate_says():
    layer, x = QuasiRecurrent(3).double(), torch.randn(2, 5, 3, dtype=torch.float64)
    weight, bias = (array(part) for part in layer.layers[0]["linear"].parameters())
    for frames, found in zip(array(x), array(layer(x)), strict=True):
        state, before = np.zeros(3), np.zeros(3)
        for frame, out in zip(frames, found, strict=True):
            new, gate, shown = np.split(weight @ np.concatenate([frame, before]) + bias, 3)
            state = sigmoid(gate) * np.tanh(new) + (1 - sigmoid(gate)) * state
            np.testing.assert_allclose(out, sigmoid(shown) * state)
            before = frame


def test_wav2vec2_brings_each_map_of_its_first_layer_to_mean_0_over_the_utterance():
    net, signals = small("wav2vec2").double(), sound(1600).double()
    layers = net.feature_extractor.conv_layers
    for number, signal in enumerate(array(signals)):
        starts = range(0, len(signal) - 9, 5)
        frames = np.array([signal[n : n + 10] for n in starts]) @ array(layers[0].conv.weight)[:, 0].T
        deviation = np.sqrt(((frames - frames.mean(0)) ** 2).mean(0) + 1e-5)
        weight, bias = array(layers[0].layer_norm.weight), array(layers[0].layer_norm.bias)
        x = gelu(weight * (frames - frames.mean(0)) / deviation + bias).T
        for layer, (kernel, stride) in zip(list(layers)[1:], [(3, 2)] * 4 + [(2, 2)] * 2, strict=True):
            starts = range(0, x.shape[1] - kernel + 1, stride)
            pieces = [np.einsum("oik,ik->o", array(layer.conv.weight), x[:, n : n + kernel]) for n in starts]
            x = gelu(np.array(pieces).T)
        np.testing.assert_allclose(array(net.taps(signals)[0])[number].T, x, atol=1e-9)
