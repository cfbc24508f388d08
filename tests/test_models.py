"""Models against published parameter counts, plain formulas, and frozen loss traces."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from sepflow.errors import SepflowError
from sepflow.models import build
from sepflow.models.dprnn import merge_chunks, split_chunks
from sepflow.models.masking import Decoder, global_layer_norm, overlap_add, pad_to_frames

TINY = {
    "conv_tasnet": {
        "name": "conv_tasnet", "sources": 2, "filters": 32, "kernel": 16, "bottleneck": 16, "hidden": 24,
        "skip": 16, "blocks": 3, "repeats": 2,
    },
    "dprnn": {
        "name": "dprnn", "sources": 2, "filters": 32, "kernel": 16, "bottleneck": 16, "hidden": 12,
        "chunk": 10, "repeats": 2,
    },
    "dptnet": {
        "name": "dptnet", "sources": 2, "filters": 32, "kernel": 16, "heads": 4, "hidden": 12, "chunk": 10,
        "repeats": 2,
    },
}  # fmt: skip
# 20 steps of Adam 1e-3 on the mean squared error, float64, one thread (see `trace`).
GOLDEN = {
    "conv_tasnet": [0.723520703018, 0.699211757226, 0.678527068511, 0.663077812237, 0.651340743549,
    0.641297730111, 0.63142856272, 0.621348714084, 0.611286415381, 0.601657118503, 0.592639778979,
    0.584349019126, 0.576709947961, 0.569220616445, 0.561768980112, 0.554398683088, 0.54726270281,
    0.540407386229, 0.533828864339, 0.527266783616],
    "dprnn": [0.914641861065, 0.899574838229, 0.883970979072, 0.868250326095, 0.852854161016,
    0.837560428256, 0.822161173071, 0.80670170658, 0.791340307547, 0.776197955194, 0.761376895546,
    0.74699314083, 0.733157007494, 0.720052176873, 0.707701719764, 0.696187235696, 0.685523650417,
    0.67573658426, 0.666694534182, 0.658428285781],
    "dptnet": [0.884136469347, 0.870812763492, 0.858229885586, 0.845609670116, 0.832902874993, 0.820212018254,
    0.807540506801, 0.794779938794, 0.781917231315, 0.769112084055, 0.756530057272, 0.744341569157,
    0.732602609103, 0.721488793156, 0.71087912495, 0.700917649953, 0.691623007119, 0.682966829242,
    0.67492967382, 0.667502711916],
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny(name: str, seed: int = 0, **changes) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build(TINY[name] | changes)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ({"name": "conv_tasnet", "sources": 2}, 2_933_945),
        ({"name": "conv_tasnet", "sources": 4}, 2_999_993),
        ({"name": "conv_tasnet", "sources": 2, "skip": 0}, 2_012_857),
        ({"name": "conv_tasnet", "sources": 4, "skip": 0}, 2_078_905),
        ({"name": "dprnn", "sources": 2}, 2_608_065),
    ],
)
def test_paper_sizes_have_the_published_number_of_parameters(spec, count):
    assert sum(p.numel() for p in build(spec).parameters()) == count


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("sources", [1, 3])
def test_any_length_comes_back_whole(name, sources):
    model = tiny(name, sources=sources)
    for length in (1, 7, 799, 8001):
        estimates = model(torch.randn(2, length))
        assert estimates.shape == (2, sources, length)
        assert estimates.isfinite().all()
        assert estimates[..., [0, -1]].abs().min() > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", TINY)
def test_dtype_is_kept(name, dtype):
    assert tiny(name).to(dtype)(noise(2, 500).to(dtype)).dtype == dtype


VARIANTS = [{}, {"mask": "sigmoid"}, {"stride": 5}]


@pytest.mark.parametrize(
    ("name", "changes"),
    [(name, changes) for name in TINY for changes in VARIANTS]
    + [("conv_tasnet", {"skip": 0}), ("dprnn", {"hop": 3}), ("dptnet", {"hop": 3})],
)
def test_gradient_reaches_every_parameter(name, changes):
    model = tiny(name, **changes)
    model(torch.randn(2, 801)).square().mean().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, key


def test_residual_of_the_last_block_is_the_only_idle_part():
    model = tiny("conv_tasnet")
    model(torch.randn(2, 801)).square().mean().backward()
    idle = [block[-1].weight.grad[:16].abs().max() == 0 for block in model.separator.blocks]
    assert idle == [False] * 5 + [True]


@pytest.mark.parametrize("name", TINY)
def test_examples_do_not_see_their_neighbours(name):
    model, mixture = tiny(name).double(), noise(4, 801)
    together = model(mixture)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(model(mixture[order]), together[order], rtol=1e-11, atol=1e-13)
    alone = torch.cat([model(one[None]) for one in mixture])
    torch.testing.assert_close(alone, together, rtol=1e-11, atol=1e-13)
    mixture[0] *= 1e3
    torch.testing.assert_close(model(mixture)[1:], together[1:], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", TINY)
def test_the_global_seed_decides_the_weights(name):
    first, again, other = (tiny(name, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["encoder.weight"], other["encoder.weight"])


def test_global_layer_norm_is_the_papers_formula():
    x, norm = noise(3, 5, 7) * 4 + 2, global_layer_norm(5).double()
    gain, bias = torch.nn.init.normal_(norm.weight), torch.nn.init.normal_(norm.bias)
    for example, out in zip(x, norm(x), strict=True):
        mean = example.sum() / 35
        variance = (example - mean).square().sum() / 35
        want = (example - mean) / (variance + 1e-8).sqrt() * gain[:, None] + bias[:, None]
        torch.testing.assert_close(out, want)


@given(st.integers(1, 300), st.integers(1, 40), st.data())
@settings(deadline=None, max_examples=60)
def test_padding_gives_whole_frames_and_covers_every_sample(length, size, data):
    hop = data.draw(st.integers(1, size))
    padded = pad_to_frames(torch.ones(1, length), size, hop)
    assert (padded.shape[-1] - size) % hop == 0 and padded.sum() == length
    frames = padded.unfold(-1, size, hop).transpose(1, 2)[:, None]
    covered = overlap_add(frames, hop, length)
    assert covered.shape == (1, 1, length)
    assert covered.min() >= size // hop and covered.max() <= -(-size // hop)
    if size % hop == 0:
        assert (covered == size / hop).all()


@given(st.integers(1, 120), st.integers(1, 25), st.data())
@settings(deadline=None, max_examples=60)
def test_merging_undoes_chunking(length, size, data):
    hop = data.draw(st.integers(1, size))
    x = noise(2, 3, length, seed=length)
    chunks = split_chunks(x, size, hop)
    assert chunks.shape[::2] == (2, size) and chunks.shape[3] == 3
    torch.testing.assert_close(merge_chunks(chunks, hop, length), x)


def test_chunks_are_consecutive_frames_half_overlapped():
    chunks = split_chunks(torch.arange(1.0, 8)[None, None], size=4, hop=2)
    assert chunks[0, :, :, 0].tolist() == [
        [0, 0, 1, 2],
        [1, 2, 3, 4],
        [3, 4, 5, 6],
        [5, 6, 7, 0],
        [7, 0, 0, 0],
    ]


@pytest.mark.parametrize(("kernel", "stride"), [(20, 10), (16, 5), (2, 1), (3, 3)])
def test_decoder_is_a_transposed_convolution(kernel, stride):
    decoder, weighted = Decoder(6, 1, kernel, stride, bias=False).double(), noise(2, 3, 6, 9)
    full = F.conv_transpose1d(weighted.flatten(0, 1), decoder.weight, stride=stride).view(2, 3, -1)
    edge = kernel - stride
    length = full.shape[-1] - 2 * edge
    torch.testing.assert_close(decoder(weighted, length), full[..., edge : edge + length])


@pytest.mark.parametrize("length", [1, 7, 16, 799])
def test_encoder_and_decoder_can_return_every_sample(length):
    """With unit masks, and +-delta filters on both sides, the codec is twice the identity at 50 % overlap."""
    model = tiny("conv_tasnet", filters=16).double()
    model.encoder.weight.data[:, 0] = torch.eye(16)
    model.decoder.weight.data[:, 0] = torch.eye(16)
    model.separator = torch.nn.Module()
    model.separator.forward = lambda encoded: torch.ones_like(encoded)[:, None].expand(-1, 2, -1, -1)
    mixture = noise(2, length)
    torch.testing.assert_close(model(mixture), 2 * mixture[:, None].expand(-1, 2, -1))


def adam_losses(model, mixture, references, steps, rate=1e-3):
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=rate), []
    for _ in range(steps):
        loss = (model(mixture) - references).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", TINY)
def test_one_batch_is_learnt_by_heart(name):
    time = torch.arange(2000) / 8000
    low, high = torch.sin(2 * torch.pi * 220 * time), torch.sin(2 * torch.pi * 1300 * time)
    references = torch.stack([torch.stack([low, 0.5 * high]), torch.stack([0.5 * low, high])])
    losses = adam_losses(tiny(name), references.sum(1), references, steps=80, rate=1e-2)
    assert 10 * np.log10(losses[0] / losses[-1]) > 10


@pytest.mark.parametrize("name", TINY)
def test_golden_trace(name):
    references = noise(2, 2, 800, seed=1)
    losses = adam_losses(tiny(name).double(), references.sum(1), references, steps=20)
    np.testing.assert_allclose(losses, GOLDEN[name], rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kernle": 16}, ["kernle", "conv_kernel", "bottleneck"]),
        ({"name": "conv_tasnet", "chunk": 5}, ["chunk", "conv_tasnet"]),
        ({"name": "tasnet"}, ["'tasnet'", "conv_tasnet", "dprnn"]),
        ({"name": None}, ["None", "conv_tasnet", "dprnn"]),
        ({"filters": 0}, ["filters", "0"]),
        ({"hidden": "64"}, ["hidden", "'64'"]),
        ({"repeats": True}, ["repeats", "True"]),
        ({"skip": -1}, ["skip", "-1"]),
        ({"stride": 17}, ["stride 17", "16"]),
        ({"conv_kernel": 4}, ["conv_kernel", "odd"]),
        ({"mask": "softmax"}, ["mask", "relu", "sigmoid"]),
        ({"name": ["dprnn"]}, ["dprnn"]),
    ],
)
def test_a_bad_spec_is_named(changes, said):
    with pytest.raises(SepflowError) as caught:
        build(TINY["conv_tasnet"] | changes)
    assert all(word in str(caught.value) for word in said)


def test_a_missing_key_and_a_gap_between_chunks_are_named():
    with pytest.raises(SepflowError, match="'sources' is missing"):
        build({"name": "dprnn"})
    with pytest.raises(SepflowError, match="hop 11"):
        build(TINY["dprnn"] | {"hop": 11})
