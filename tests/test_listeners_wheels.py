"""The same of those whose weights lie in wheels: YAMNet, and the encoder of Whisper tiny.en."""

import math

import numpy as np
import torch

from listeners import RATE, array, entering, gelu, hann, slaney_bank, small, sound, spectra, triangles


def test_yamnet_hears_logarithms_of_magnitudes_in_bands_that_are_triangles_in_mels():
    net, signals = small("yamnet", whole=True).double(), sound(16000).double()
    found = array(entering(net, "first", signals))[:, 0, :-1, :-1]  # without the zeros around
    mels = [1127 * math.log(1 + k * RATE / 512 / 700) for k in range(257)]
    lowest, highest = (1127 * math.log(1 + f / 700) for f in (125, 7500))
    bank = triangles([lowest + (highest - lowest) * k / 65 for k in range(66)], mels)
    for signal, bands in zip(array(signals), found, strict=True):
        starts = range(0, 16000 - 399, 160)
        frames = [np.abs(np.fft.rfft(np.array(hann(400)) * signal[n : n + 400], 512)) for n in starts]
        np.testing.assert_allclose(bands, np.log(np.array(frames) @ bank + 1e-6), atol=1e-4)


def test_yamnet_pads_what_is_halved_behind_its_end():
    net, signals = small("yamnet", whole=True).double(), sound(15600).double()
    for module, halves in [("first", True), ("pairs.0.depthwise", False), ("pairs.1.depthwise", True)]:
        heard = entering(net, module, signals)
        assert not heard[:, :, -1].any() and not heard[..., -1].any()
        assert heard[:, :, 0].any() == heard[..., 0].any() == halves
    assert entering(net, "pairs.5.pointwise", signals).shape[2:] == (6, 4)  # of 96, 64


def test_yamnet_tags_patches_of_96_frames_every_48():
    net, signals = small("yamnet", whole=True).double(), sound(32000).double()
    logits = net(signals)
    assert (logits[:, 1:] - logits[:, :-1]).abs().max() > 0.01
    assert logits.shape == (2, 3, 3)  # 198 frames
    for number in range(3):
        patch = signals[:, 48 * number * 160 :][:, : 95 * 160 + 400]
        torch.testing.assert_close(net(patch)[:, 0], logits[:, number])
    short = signals[:, :9000]
    torch.testing.assert_close(net(short), net(torch.cat([short, torch.zeros(2, 6600)], 1)))
    heard = net.pairs[12](net.pairs[11](net.taps(patch)[-1])).mean((2, 3))
    torch.testing.assert_close(net(patch)[:, 0], net.classifier(heard))


def test_whisper_hears_log_mel_bands_within_80_db_of_the_loudest():
    net, signals = small("whisper").double(), sound(1600).double()
    signals[1, 500:] = 0
    found = array(entering(net, "conv1", signals))
    for signal, bands in zip(array(signals), found, strict=True):
        power = spectra(signal, hann(400), 160)[:-1] ** 2
        bels = np.log10(np.maximum(power @ slaney_bank(80, 400, 0), 1e-10))
        np.testing.assert_allclose(bands.T, (np.maximum(bels, bels.max() - 8) + 4) / 4, atol=1e-4)
    assert (found[1] == found[1].min()).sum() > 300 > (found[0] == found[0].min()).sum()


def test_whisper_adds_positions_and_attends_in_heads():
    net, signals = small("whisper", whole=True).double(), sound().double()
    _, second, layer = (array(tap)[1] for tap in net.taps(signals))
    positions = [
        [(math.sin, math.cos)[k // 4](t * 10000 ** (-(k % 4) / 3)) for k in range(8)] for t in range(20)
    ]
    x, one = second.T + np.array(positions), net.layer_0

    def linear(part, x):
        return x @ array(part.weight).T + array(part.bias)

    def centred(norm, x):
        centre = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        return centre * array(norm.weight) + array(norm.bias)

    query, key, value = np.split(
        linear(one.self_attention["linear_0"], centred(one.self_attention["layer_norm"], x)), 3, 1
    )
    heads = []
    for head in (slice(0, 4), slice(4, 8)):
        scores = np.exp(query[:, head] @ key[:, head].T / 2)
        heads.append(scores / scores.sum(1, keepdims=True) @ value[:, head])
    x = x + linear(one.self_attention["linear_1"], np.concatenate(heads, 1))
    inner = gelu(linear(one.ffn["linear_0"], centred(one.ffn["layer_norm"], x)))
    x = x + linear(one.ffn["linear_1"], inner)
    np.testing.assert_allclose(layer, x, atol=1e-5)
