"""DPTNet against the paper's equations, chunk by chunk, with torch's own attention and LSTM."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sepflow.errors import SepflowError
from sepflow.models import build
from sepflow.models.artefact import load_model, save_model
from sepflow.models.dptnet import Attention, DPTNet, SequenceNorm

TINY = {"name": "dptnet", "sources": 2, "filters": 12, "kernel": 16, "heads": 3, "hidden": 5, "chunk": 8,
        "repeats": 2}  # fmt: skip


def random_network(**changes) -> DPTNet:
    """A network none of whose weights is at a neutral start: no gain 1, no bias 0."""
    torch.manual_seed(3)
    model = build(TINY | changes).double()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.normal_(std=0.3)
    return model


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def weights_under(state: dict, prefix: str) -> dict:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def plain_norm(sequence: torch.Tensor, weights: dict) -> torch.Tensor:
    """gLN of one sequence [P, F]."""
    centred = sequence - sequence.mean()
    return centred / (centred.square().mean() + 1e-8).sqrt() * weights["weight"] + weights["bias"]


def plain_layer(sequence: torch.Tensor, state: dict, heads: int) -> torch.Tensor:
    """One improved transformer layer on one sequence [P, F]."""
    features, hidden = sequence.shape[1], state["lstm.weight_hh_l0"].shape[1]
    attention = nn.MultiheadAttention(features, heads, dtype=torch.float64)
    attention.load_state_dict(
        {f"in_proj_{key}": value for key, value in weights_under(state, "attention.project.").items()}
        | {f"out_proj.{key}": value for key, value in weights_under(state, "attention.merge.").items()}
    )
    lstm = nn.LSTM(features, hidden, bidirectional=True, dtype=torch.float64)
    lstm.load_state_dict(weights_under(state, "lstm."))
    attended = attention(sequence, sequence, sequence)[0]
    sequence = plain_norm(sequence + attended, weights_under(state, "attention_norm."))
    recurrent = torch.relu(lstm(sequence)[0])
    out = recurrent @ state["linear.weight"].T + state["linear.bias"]
    return plain_norm(sequence + out, weights_under(state, "norm."))


def plain_masks(encoded: torch.Tensor, state: dict, heads: int, chunk: int, hop: int) -> torch.Tensor:
    """Masks [C, N, K] of one example's rectified encoding [N, K], a chunk and a position at a time."""
    filters, frames = encoded.shape
    normed = plain_norm(encoded.T, weights_under(state, "bottleneck.0."))
    starts = range(-chunk, frames // hop * hop + 1, hop)
    chunks = torch.zeros(len(starts), chunk, filters, dtype=torch.float64)
    for s, start in enumerate(starts):
        for p in range(chunk):
            if 0 <= start + p < frames:
                chunks[s, p] = normed[start + p]
    for n in range(len({key.split(".")[1] for key in state if key.startswith("layers.")})):
        layer = weights_under(state, f"layers.{n}.")
        if n % 2 == 0:
            chunks = torch.stack([plain_layer(one, layer, heads) for one in chunks])
        else:
            across = [plain_layer(chunks[:, p], layer, heads) for p in range(chunk)]
            chunks = torch.stack(across, dim=1)
    active = torch.where(chunks > 0, chunks, state["activation.weight"] * chunks)
    each = active @ state["to_sources.weight"][..., 0].T + state["to_sources.bias"]
    merged, count = torch.zeros(frames, each.shape[-1], dtype=torch.float64), torch.zeros(frames, 1)
    for s, start in enumerate(starts):
        for p in range(chunk):
            if 0 <= start + p < frames:
                merged[start + p] += each[s, p]
                count[start + p] += 1
    merged = (merged / count).unflatten(1, (-1, filters))
    value, gate = (merged @ state["gates.weight"][..., 0].T + state["gates.bias"]).chunk(2, dim=-1)
    return torch.relu(value.tanh() * gate.sigmoid()).permute(1, 2, 0)


@pytest.mark.parametrize("length", [1, 400, 403, 896])
@pytest.mark.parametrize("changes", [{}, {"chunk": 9, "hop": 3}, {"sources": 3, "heads": 1, "kernel": 4}])
@torch.no_grad()
def test_the_network_is_the_papers_equations(changes, length):
    spec = TINY | changes
    model, mixture = random_network(**changes), noise(2, length)
    hop = spec.get("hop", spec["chunk"] // 2)
    state, kernel, stride = model.state_dict(), spec["kernel"], spec["kernel"] // 2
    # Zeros at both ends, so that every sample lies in two frames.
    frames = -(-(length + stride) // stride)
    padded = F.pad(mixture, (stride, (frames - 1) * stride + kernel - length - stride))
    encoded = torch.relu(padded.unfold(1, kernel, stride) @ state["encoder.weight"][:, 0].T).mT
    separator = weights_under(state, "separator.")
    masks = torch.stack([plain_masks(one, separator, spec["heads"], spec["chunk"], hop) for one in encoded])
    weighted = masks * encoded[:, None]
    decoded = F.conv_transpose1d(weighted.flatten(0, 1), state["decoder.weight"], stride=stride)
    want = decoded.view(2, spec["sources"], -1)[..., stride : stride + length]
    torch.testing.assert_close(model(mixture), want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("kernel", "count"), [(2, 8_527_233), (16, 8_529_025)])
def test_the_published_number_of_parameters(kernel, count):
    model = build({"name": "dptnet", "sources": 2, "kernel": kernel})
    assert sum(p.numel() for p in model.parameters()) == count
    assert model.encoder.stride == (max(1, kernel // 2),)


def test_attention_has_the_gradients_of_torchs_own():
    ours, theirs = Attention(12, 3).double(), nn.MultiheadAttention(12, 3, batch_first=True).double()
    weights = [ours.project.weight, ours.project.bias, ours.merge.weight, ours.merge.bias]
    nn.init.normal_(ours.project.bias)
    others = [theirs.in_proj_weight, theirs.in_proj_bias, theirs.out_proj.weight, theirs.out_proj.bias]
    for own, other in zip(weights, others, strict=True):
        other.data.copy_(own.data)
    x, scale = noise(4, 7, 12).requires_grad_(), noise(4, 7, 12)
    got = torch.autograd.grad((ours(x) * scale).sum(), [x, *weights])
    want = torch.autograd.grad((theirs(x, x, x)[0] * scale).sum(), [x, *others])
    torch.testing.assert_close(got, want)


def test_attention_starts_as_torchs_own():
    weight = Attention(64, 4).project.weight
    bound = (6 / (64 + 192)) ** 0.5
    assert 0.95 * bound < weight.abs().max() <= bound
    assert not Attention(64, 4).project.bias.any() and not Attention(64, 4).merge.bias.any()


def test_each_sequence_is_normalised_on_its_own():
    norm, x = SequenceNorm(5).double(), noise(3, 7, 5) * torch.tensor([1.0, 50.0, 1e-3])[:, None, None] + 4
    nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    want = torch.stack([plain_norm(one, norm.state_dict()) for one in x])
    torch.testing.assert_close(norm(x), want)


def test_masks_of_one_return_about_the_mixture():
    """The encoder rectifies: the decoder starts twice as loud as a linear encoder's."""
    torch.manual_seed(0)
    model = build(TINY | {"filters": 3000, "heads": 1, "repeats": 1, "hidden": 1})
    mixture = torch.randn(2, 4000)
    model.separator.forward = lambda encoded: torch.ones_like(encoded)[:, None].expand(-1, 2, -1, -1)
    with torch.no_grad():
        gain = (model(mixture)[:, 0] * mixture).sum() / mixture.square().sum()
    assert 0.95 < gain < 1.05


def test_it_comes_back_from_disk_as_it_was(tmp_path):
    model, path = random_network().float(), tmp_path / "model.safetensors"
    save_model(path, model.state_dict(), TINY)
    weights, spec = load_model(path)
    again = build(spec)
    again.load_state_dict(weights)
    mixture = noise(2, 801).float()
    assert torch.equal(again(mixture), model(mixture))


def test_autocast_trains_it_in_bfloat16():
    model, mixture = build(TINY), noise(2, 801).float()
    with torch.autocast("cpu", torch.bfloat16):
        loss = (model(mixture) - mixture[:, None]).square().mean()
    loss.backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad.dtype == torch.float32 and parameter.grad.abs().max() > 0, key


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": 5}, ["heads", "5 does not divide 12"]),
        ({"heads": 0}, ["heads", "at least 1", "0"]),
        ({"hidden": 2.5}, ["hidden", "2.5"]),
        ({"filters": "12"}, ["filters", "'12'"]),
        ({"repeats": 0}, ["repeats", "0"]),
        ({"chunk": 0}, ["chunk", "0"]),
        ({"hop": 0}, ["hop", "0"]),
        ({"hop": 9}, ["hop 9", "gaps", "8"]),
        ({"stride": 17}, ["stride 17", "16"]),
        ({"bottleneck": 64}, ["bottleneck", "heads", "hidden"]),
    ],
)
def test_a_bad_spec_is_named(changes, said):
    with pytest.raises(SepflowError) as caught:
        build(TINY | changes)
    assert all(word in str(caught.value) for word in said)
