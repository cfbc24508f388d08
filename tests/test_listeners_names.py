"""Under which names, and in which shapes, the weights of the networks that others hear were published."""

import pytest
import torch

from sepflow import models


def norm(name: str, size: int) -> dict:
    """A batch normalisation's."""
    vectors = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (size,) for part in vectors} | {f"{name}.num_batches_tracked": ()}


def layer(name: str, *shape: int, bias: bool = True) -> dict:
    return {f"{name}.weight": shape} | ({f"{name}.bias": shape[:1]} if bias else {})


def recurrent(name: str, gates: int, inputs: int, hidden: int, ways=("",)) -> dict:
    shapes = {"weight_ih_l0": (gates, inputs), "weight_hh_l0": (gates, hidden)}
    shapes |= {"bias_ih_l0": (gates,), "bias_hh_l0": (gates,)}
    return {f"{name}.{part}{way}": shape for part, shape in shapes.items() for way in ways}


def cnn14() -> dict:
    names = norm("bn0", 64)
    sizes = [1, 64, 128, 256, 512, 1024, 2048]
    for k, (before, size) in enumerate(zip(sizes, sizes[1:], strict=False), 1):
        block = f"conv_block{k}"
        names |= layer(f"{block}.conv1", size, before, 3, 3, bias=False) | norm(f"{block}.bn1", size)
        names |= layer(f"{block}.conv2", size, size, 3, 3, bias=False) | norm(f"{block}.bn2", size)
    return names | layer("fc1", 2048, 2048) | layer("fc_audioset", 527, 2048)


def deepspeech2() -> dict:
    names = layer("conv.seq_module.0", 32, 1, 41, 11) | norm("conv.seq_module.1", 32)
    names |= layer("conv.seq_module.3", 32, 32, 21, 11) | norm("conv.seq_module.4", 32)
    for k in range(5):
        names |= recurrent(f"rnns.{k}.rnn", 4096, 1024 if k else 1312, 1024, ("", "_reverse"))
        names |= norm(f"rnns.{k}.batch_norm.module", 1024) if k else {}
    return names | norm("fc.0.module.0", 1024) | layer("fc.0.module.1", 29, 1024, bias=False)


def rawnet2() -> dict:
    names = {"ln.gamma": (59049,), "ln.beta": (59049,)}
    names |= {"first_conv.low_hz_": (128, 1), "first_conv.band_hz_": (128, 1)} | norm("first_bn", 128)
    sizes = [128, 128, 128, 256, 256, 256, 256]
    for k, (before, size) in enumerate(zip(sizes, sizes[1:], strict=False)):
        block = f"block{k}.0"
        names |= layer(f"{block}.conv1", size, before, 3) | norm(f"{block}.bn2", size)
        names |= layer(f"{block}.conv2", size, size, 3) | layer(f"fc_attention{k}.0", size, size)
        names |= norm(f"{block}.bn1", before) if k else {}
        names |= layer(f"{block}.conv_downsample", size, before, 1) if before != size else {}
    names |= norm("bn_before_gru", 256) | recurrent("gru", 3072, 256, 1024)
    return names | layer("fc1_gru", 1024, 1024) | layer("fc2_gru", 6112, 1024)


def pase() -> dict:
    names = {"blocks.0.conv.low_hz_": (64, 1), "blocks.0.conv.band_hz_": (64, 1)}
    sizes, kernels = [64, 64, 128, 128, 256, 256, 512, 512], [251, 20, 11, 11, 11, 11, 11, 11]
    for k, size in enumerate(sizes):
        names |= norm(f"blocks.{k}.norm", size) | {f"blocks.{k}.act.weight": (size,)}
        names |= layer(f"blocks.{k}.conv", size, sizes[k - 1], kernels[k]) if k else {}
        names |= layer(f"denseskips.{k}", 256, size, 1, bias=False) if k < 7 else {}
    names |= layer("rnn.layers.0.linear", 1536, 1024) | layer("W", 256, 512, 1)
    statistics = norm("norm_out", 256)
    return names | {key: statistics[key] for key in list(statistics)[2:]}


def wav2vec2() -> dict:
    names = {}
    for k, kernel in enumerate([10, 3, 3, 3, 3, 2, 2]):
        inputs = 512 if k else 1
        names |= layer(f"feature_extractor.conv_layers.{k}.conv", 512, inputs, kernel, bias=False)
    names |= layer("feature_extractor.conv_layers.0.layer_norm", 512)
    names |= layer("encoder.feature_projection.layer_norm", 512)
    names |= layer("encoder.feature_projection.projection", 768, 512)
    positions = "encoder.transformer.pos_conv_embed.conv"
    names |= {f"{positions}.bias": (768,)} | layer("encoder.transformer.layer_norm", 768)
    names |= {f"{positions}.parametrizations.weight.original0": (1, 1, 128)}  # published as weight_g
    names |= {f"{positions}.parametrizations.weight.original1": (768, 48, 128)}  # published as weight_v
    for k in range(12):
        one = f"encoder.transformer.layers.{k}"
        for part in "kvq":
            names |= layer(f"{one}.attention.{part}_proj", 768, 768)
        names |= layer(f"{one}.attention.out_proj", 768, 768)
        names |= layer(f"{one}.layer_norm", 768) | layer(f"{one}.final_layer_norm", 768)
        names |= layer(f"{one}.feed_forward.intermediate_dense", 3072, 768)
        names |= layer(f"{one}.feed_forward.output_dense", 768, 3072)
    return names


def whisper() -> dict:
    """With dots in place of CTranslate2's strokes, and as torch calls its gamma and beta."""
    names = layer("conv1", 384, 80, 3) | layer("conv2", 384, 384, 3) | layer("layer_norm", 384)
    names |= {"position_encodings.encodings": (1500, 384)}
    for one in (f"layer_{k}" for k in range(4)):
        names |= layer(f"{one}.self_attention.layer_norm", 384) | layer(f"{one}.ffn.layer_norm", 384)
        names |= layer(f"{one}.self_attention.linear_0", 1152, 384)
        names |= layer(f"{one}.self_attention.linear_1", 384, 384)
        names |= layer(f"{one}.ffn.linear_0", 1536, 384) | layer(f"{one}.ffn.linear_1", 384, 1536)
    return names


@pytest.mark.parametrize("published", [cnn14, deepspeech2, rawnet2, pase, wav2vec2, whisper])
def test_weights_are_called_and_shaped_as_they_were_published(published):
    with torch.device("meta"):
        whole, part = (models.build({"name": published.__name__, "whole": what}) for what in (True, False))
    names = {key: tuple(x.shape) for key, x in whole.state_dict().items()}
    assert names == published()
    assert all(names[key] == tuple(x.shape) for key, x in part.state_dict().items())
