"""Atss-Net, its baseline and its speaker network: counts, the equations, and what a step may touch."""

import numpy as np
import pytest
import torch
from torch import Tensor

from sepflow.errors import SepflowError
from sepflow.models import atss_net, build
from sepflow.tasks import built
from sepflow.tasks.task import Frozen

RATE = 8000
MIX = {"kind": "enrolled", "corpus": {"rate": RATE}, "speakers": 1}
SPEAKER = {
    "task": "verification", "seed": 3, "data": {"mix": {"kind": "clips", "corpus": {"rate": RATE}}},
    "segment": 1.0,
    "model": {"name": "resnet_speaker", "channels": 4, "embedding": 12},
    "objective": {"name": "speakers", "loss": "cross_entropy"},
    "verification": {"speakers": 5, "bands": 24, "frame": 0.025, "hop": 0.01, "quietest": 30.0,
                     "shortest": 0.5},
}  # fmt: skip
SMALL = {"fft": 64, "window": 50, "hop": 20}
NETWORKS = {
    "atss_net": {"name": "atss_net", "embedding": 12, "channels": 4, "blocks": 2, **SMALL},
    "without": {"name": "atss_net", "embedding": 12, "channels": 4, "blocks": 0, **SMALL},
    "pit": {"name": "atss_net", "embedding": 0, "outputs": 2, "channels": 4, "blocks": 1, **SMALL},
    "voicefilter": {
        "name": "voicefilter",
        "embedding": 12,
        "channels": 4,
        "last": 2,
        "hidden": 6,
        "dense": 8,
        **SMALL,
    },
}


def speaker() -> Frozen:
    torch.manual_seed(1)
    return Frozen(built.build(SPEAKER))


def extraction(network: str = "atss_net", loss: str = "l2"):
    """The task with a small network, newly initialised, in eval mode, float64 but for the speaker network."""
    torch.manual_seed(2)
    name = "pit" if network == "pit" else "target"
    spec = {"task": "extraction", "seed": 3, "data": {"mix": MIX}, "segment": 1.0, "model": NETWORKS[network]}
    return (
        built.build(spec | {"objective": {"name": name, "loss": loss}}, {"speaker": speaker()})
        .double()
        .eval()
    )


def batch(examples: int = 3, samples: int = 2000) -> dict[str, dict[str, Tensor]]:
    rng = np.random.default_rng(0)
    references = torch.from_numpy(rng.standard_normal((examples, 2, samples)))
    enrolment = torch.from_numpy(rng.standard_normal((examples, 6000)))
    return {"data": {"mixture": references.sum(1), "references": references, "enrolment": enrolment}}


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        ({"name": "voicefilter"}, 9_453_257),  # printed: 9.45 M
        ({"name": "voicefilter", "embedding": 256}, 9_862_857),
        ({"name": "atss_net"}, 416_448 + 3 * (1_187_725 + 98_752 + 1_540) + 99_779),  # 4.38 M; printed: 4.68
        ({"name": "atss_net", "blocks": 0}, 416_448 + 99_779),  # 0.52 M; printed: 0.65
        ({"name": "resnet_speaker"}, 732_784),
    ],
)
def test_networks_have_as_many_weights_as_were_counted(model, weights):
    with torch.device("meta"):
        assert sum(x.numel() for x in build(model).parameters()) == weights


@pytest.mark.parametrize("rows", [1, 4, 512])
def test_a_mask_is_the_equations_one_after_another(monkeypatch, rows):
    """Equations 7 to 13 in loops and sums, float64, no attention kernel and no layer norm of torch's."""
    monkeypatch.setattr(atss_net, "ROWS", rows)
    task = extraction()
    net, data = task.model, batch(2, 700)["data"]
    magnitudes = net.spectrum(data["mixture"]).abs()
    embedding = task.embedded(data["enrolment"]).double()
    r = torch.cat([magnitudes, embedding[:, None].repeat(1, magnitudes.shape[1], 1)], 2)  # eq. 9
    x = net.cnn(r).transpose(1, 2)  # eq. 10
    for block in net.blocks:
        x = x + attended(block.attention, normed(block.norms[0], x))  # eqs. 11 and 13
        first, _, second = block.feed
        hidden = (normed(block.norms[1], x) @ first.weight.T + first.bias).clamp_min(0)
        x = x + hidden @ second.weight.T + second.bias  # eqs. 12 and 13
    wanted = torch.sigmoid(net.compress(x @ net.dense.weight.T + net.dense.bias))
    torch.testing.assert_close(net.masks(magnitudes, embedding), wanted, rtol=1e-10, atol=1e-12)
    estimate = net(data["mixture"], embedding)
    spectrum = net.spectrum(data["mixture"])
    back = net.signal(
        wanted * spectrum.abs()[:, None] * torch.exp(1j * spectrum.angle())[:, None], 700
    )  # eq. 6
    torch.testing.assert_close(estimate, back, rtol=1e-8, atol=1e-10)


def normed(norm, x):
    mean, var = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
    return (x - mean) / (var + norm.eps).sqrt() * norm.weight + norm.bias


def attended(layer, x):
    """Equations 7 and 8 of maps [B, C, K, F], a head and a frame at a time."""
    channels, frames = x.shape[1:3]
    query, key, value = (
        torch.einsum("oc,bckf->bokf", part.weight[..., 0, 0], x) + part.bias[:, None, None]
        for part in (layer.query, layer.key, layer.value)
    )
    heads = []
    for h in range(layer.heads):
        q, k, v = (part[:, h * channels : (h + 1) * channels] for part in (query, key, value))
        out = torch.zeros_like(x)
        for t in range(frames):
            logits = torch.stack([(q[:, :, t] * k[:, :, u]).sum((1, 2)) for u in range(frames)], 1)
            weights = torch.softmax(logits / channels**0.5, 1)
            out[:, :, t] = torch.einsum("bu,bcuf->bcf", weights, v)
        heads.append(out)
    return layer.out(torch.cat(heads, 1))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("loss", ["l2", "relative_l2"])
def test_a_permuted_batch_has_permuted_losses(network, loss):
    task, data = extraction(network, loss), batch()["data"]
    losses = task.step({"data": data}).losses
    order = torch.tensor([2, 0, 1])
    moved = task.step({"data": {name: x[order] for name, x in data.items()}}).losses
    torch.testing.assert_close(moved, losses[order])
    assert losses.shape == (3,) and (losses > 0).all()


def test_the_relative_loss_of_the_mixture_as_it_is_is_one():
    task, data = extraction("atss_net", "relative_l2"), batch()["data"]
    with torch.no_grad():
        task.model.compress.bias.fill_(100)  # a mask of one
    torch.testing.assert_close(task.step({"data": data}).losses, torch.ones(3).double(), rtol=1e-6, atol=0)


def test_pit_takes_the_better_order_and_hears_no_enrolment():
    task, data = extraction("pit"), batch()["data"]
    losses, assignment, _ = task.step({"data": data})
    turned = data | {"references": data["references"].flip(1)}
    again, other, _ = task.step({"data": turned | {"enrolment": torch.zeros(3, 100)}})
    torch.testing.assert_close(again, losses)
    torch.testing.assert_close(other, assignment.flip(1))
    magnitudes = [task.model.spectrum(x).abs() for x in (data["mixture"], data["references"])]
    masked = task.model.masks(magnitudes[0]) * magnitudes[0][:, None]
    both = [((masked[:, list(o)] - magnitudes[1]) ** 2).mean((1, 2, 3)) for o in ((0, 1), (1, 0))]
    torch.testing.assert_close(losses, torch.minimum(*both))


@pytest.mark.parametrize("network", ["atss_net", "voicefilter", "without"])
def test_no_gradient_reaches_the_frozen_network_and_the_enrolment_matters(network):
    task, data = extraction(network).train(), batch()["data"]
    task.step({"data": data}).losses.sum().backward()
    frozen = task.used["speaker"].task
    assert all(x.grad is None for x in frozen.parameters()) and not frozen.training
    assert all(x.grad is not None for x in task.model.parameters())
    assert not any("speaker" in name for name in task.state_dict())
    task.eval()
    other = data | {"enrolment": data["enrolment"].flip(0)}
    differ = task.step({"data": data}).losses != task.step({"data": other}).losses
    assert differ[0] and differ[2] and not differ[1]  # the middle one has its own still


def test_an_embedding_of_another_size_is_refused():
    wrong = NETWORKS["atss_net"] | {"embedding": 8}
    spec = {"task": "extraction", "seed": 3, "data": {"mix": MIX}, "segment": 1.0, "model": wrong}
    spec |= {"objective": {"name": "target", "loss": "l2"}}
    with pytest.raises(SepflowError, match="embedding: 8, and uses.speaker has 12"):
        built.build(spec, {"speaker": speaker()})


@pytest.mark.parametrize("samples", [1, 19, 777])
@pytest.mark.parametrize("network", ["atss_net", "voicefilter"])
def test_estimates_are_as_long_as_the_mixture(network, samples):
    task = extraction(network)
    mixture = torch.from_numpy(np.random.default_rng(1).standard_normal((2, samples)))
    assert task(mixture, torch.ones(2, 4000, dtype=torch.float64)).shape == (2, 1, samples)
