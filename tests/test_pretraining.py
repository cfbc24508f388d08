"""The tasks of the paper on pre-training: each network learns each of them; the paper's own networks do."""

import itertools

import numpy as np
import pytest
import torch

from conftest import ROOT
from pretraining import MODELS, SI_SNR, TASKS, batch, build, noise, si_snr, voices
from sepflow.identity import digest
from sepflow.planning import plan
from sepflow.tasks import built
from steps import loss_of, step_of

EVERY = list(itertools.product(TASKS, MODELS))
LEARNT = [pair for pair in EVERY if pair[0] != "contrastive"]  # of it see tests/test_contrastive.py
ORDERED = [pair for pair in EVERY if pair != ("contrastive", "conv_tasnet")]

# Parameters of the network alone, without a head: outputs, count.
PAPER = {
    "se": ("conv_tasnet", 1, 4_984_497),
    "mama": ("conv_tasnet", 1, 4_984_497),
    "cc": ("conv_tasnet", 1, 4_984_497),
    "scratch": ("conv_tasnet", 2, 5_050_545),
    "pt_ft": ("conv_tasnet", 2, 5_050_545),
    "pt_ft_mama": ("conv_tasnet", 2, 5_050_545),
    "pt_ft_cc": ("conv_tasnet", 2, 5_050_545),
    "multi_task": ("conv_tasnet", 3, 5_116_593),
    "scratch_libri": ("conv_tasnet", 2, 5_050_545),
    "pt_ft_libri": ("conv_tasnet", 2, 5_050_545),
    "multi_task_libri": ("conv_tasnet", 3, 5_116_593),
    "scratch_200": ("conv_tasnet", 2, 5_050_545),
    "pt_ft_200": ("conv_tasnet", 2, 5_050_545),
    "se_dprnn": ("dprnn", 1, 3_634_561),
    "scratch_dprnn": ("dprnn", 2, 3_651_073),
    "pt_ft_dprnn": ("dprnn", 2, 3_651_073),
    "se_dptnet": ("dptnet", 1, 8_523_073),
    "scratch_dptnet_4": ("dptnet", 2, 8_527_233),
    "pt_ft_dptnet_4": ("dptnet", 2, 8_527_233),
    "scratch_dptnet_1": ("dptnet", 2, 8_527_233),
    "pt_ft_dptnet_1": ("dptnet", 2, 8_527_233),
}

# Of each network and task one.
NETWORKS = [
    "se",
    "mama",
    "cc",
    "scratch",
    "multi_task",
    "se_dprnn",
    "scratch_dprnn",
    "se_dptnet",
    "scratch_dptnet_1",
]


def single(examples: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(x.float() if x.is_floating_point() else x for x in examples)


@pytest.mark.parametrize(("name", "model"), LEARNT)
def test_a_loss_is_of_each_example_and_reaches_every_weight(name, model):
    task, examples = build(name, model).double(), batch(name, 3)
    losses, assignment, _ = step_of(task, examples)
    assert losses.shape == (3,) and losses.dtype == torch.float64 and losses.isfinite().all()
    sources = examples[1].shape[1]
    assert assignment is None if name == "mama" else assignment.shape == (3, sources)
    assert task(examples[0]).shape == (3, sources, 4000)
    losses.mean().backward()
    for key, weight in task.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all() and weight.grad.any(), key


@pytest.mark.parametrize(
    ("name", "model"), [pair for pair in EVERY if pair != ("contrastive", "conv_tasnet")]
)
def test_a_step_does_not_depend_on_the_order_of_the_batch(name, model):
    after = []
    for order in ([0, 1, 2], [2, 0, 1]):
        task = build(name, model).double()
        optimizer = torch.optim.SGD(task.parameters(), lr=0.01)
        losses = loss_of(task, tuple(part[order] for part in batch(name, 3)))
        losses.mean().backward()
        optimizer.step()
        after.append([losses[np.argsort(order)], *task.weights().values()])
    for one, other in zip(*after, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "model"), LEARNT)
def test_it_learns_two_examples_by_heart(name, model):
    task, examples = build(name, model), single(batch(name))
    optimizer = torch.optim.Adam(task.parameters(), lr=5e-3)
    losses = []
    for _ in range(120):
        losses.append(loss_of(task, examples).mean())
        optimizer.zero_grad()
        losses[-1].backward()
        torch.nn.utils.clip_grad_norm_(task.parameters(), 5.0)
        optimizer.step()
    assert losses[-1] < losses[0] - 4
    if name == "mama":
        return
    mixture, references, _, *other = examples
    task.train(False)
    with torch.no_grad():
        found = task.model(mixture)[:, : references.shape[1]]
        order = step_of(task, (mixture, references, examples[2]))[1]
        pairs = [(mixture, found.gather(1, order[..., None].expand_as(found)), references)]
        if other:
            pairs.append((other[0], task.model(other[0])[:, 2:], other[1]))
    for heard, estimates, clean in pairs:
        gains = [
            si_snr(reference, estimate) - si_snr(reference, heard[example])
            for example in range(2)
            for reference, estimate in zip(clean[example], estimates[example], strict=True)
        ]
        assert np.mean(gains) > 3


# Multi-task


def answers(task, separated: torch.Tensor, enhanced: torch.Tensor) -> None:
    """Let the network give all outputs [B, 3, T] of mixtures, then of noisy speech."""
    given = torch.cat([separated, enhanced])
    task.model.forward = lambda mixture: given[: len(mixture)]


def test_a_multi_task_network_has_an_output_more_that_no_separation_gives():
    task, (mixture, *_) = build("multi_task").double(), batch("multi_task")
    every = task.model(mixture)
    assert every.shape == (2, 3, 4000)
    assert torch.equal(task(mixture), every[:, :2])


def test_its_loss_is_the_sum_of_both_objectives():
    task, examples = build("multi_task").double(), batch("multi_task", 3)
    mixture, references, _, noisy, clean = examples
    losses, assignment, _ = step_of(task, examples)
    separated, enhanced = task.model(mixture).detach(), task.model(noisy).detach()
    for example in range(3):
        found = [
            np.mean([si_snr(references[example, c], separated[example, order[c]]) for c in range(2)])
            for order in ((0, 1), (1, 0))
        ]
        alone = si_snr(clean[example, 0], enhanced[example, 2])
        assert losses[example].item() == pytest.approx(-max(found) - alone, rel=1e-4)
        assert assignment[example].tolist() == [[0, 1], [1, 0]][int(np.argmax(found))]


@pytest.mark.parametrize("objective", [SI_SNR, SI_SNR | {"loss": "thresholded_snr", "max_snr": 30.0}])
def test_each_objective_hears_its_own_outputs_alone(objective):
    task, examples = build("multi_task", objective=objective), batch("multi_task")
    separated, enhanced = noise(2, 3, 4000), noise(2, 3, 4000, seed=4)
    answers(task, separated, enhanced)
    losses, assignment, _ = step_of(task, examples)
    deaf = separated.clone(), enhanced.clone()
    deaf[0][:, 2], deaf[1][:, :2] = 7.0, -7.0
    answers(task, *deaf)
    again = step_of(task, examples)
    assert torch.equal(again[0], losses) and torch.equal(again[1], assignment)
    for part, output in ((0, 0), (0, 1), (1, 2)):
        other = separated.clone(), enhanced.clone()
        other[part][:, output] += 0.1 * voices(2, seed=8)
        answers(task, *other)
        assert (loss_of(task, examples) - losses).abs().min() > 1e-3


def test_it_is_validated_as_a_separation():
    task, alone = build("multi_task").double(), build("separation").double()
    mixture, references, which, *_ = batch("multi_task", 3)
    alone.model, alone.objective = task.model, SI_SNR
    losses, assignment, _ = step_of(task, (mixture, references, which))
    want = alone.compare(task.model(mixture)[:, :2], references)
    assert torch.equal(losses, want[0]) and torch.equal(assignment, want[1])


# The paper's networks


@pytest.fixture(scope="module")
def paper() -> plan.Plan:
    return plan.load({"scale": "paper", "papers": ["ssl_pretraining"]}, ROOT)


def test_every_run_of_the_paper_is_here(paper):
    assert {label.split("/")[1] for run in paper.runs.values() for label in run.aliases} == PAPER.keys()
    trained = [digest(network(paper.find(label).spec)) for label in NETWORKS]
    assert len(set(trained)) == len(NETWORKS)
    assert {digest(network(run.spec)) for run in paper.runs.values()} == set(trained)


def network(spec: dict) -> dict:
    return {key: spec[key] for key in ("task", "model", "pretext")}


@pytest.mark.parametrize("label", PAPER)
def test_every_network_of_the_paper_has_its_size(paper, label):
    task = built.build(spec := paper.find(label).spec)
    count = sum(weight.numel() for weight in task.model.parameters())
    assert (spec["model"]["name"], task.model.separator.sources, count) == PAPER[label]


@pytest.mark.parametrize("label", NETWORKS)
def test_every_network_of_the_paper_takes_a_step(paper, label):
    spec = paper.find(label).spec
    torch.manual_seed(0)
    task = built.build(spec)
    mixed = "multi_task" if spec["model"]["sources"] == 2 else spec["task"]
    examples = batch(mixed, 1, 0.25)[: 5 if spec["joint"] else 3]
    settings = {key: spec["optimizer"][key] for key in ("lr", "weight_decay")}
    optimizer = torch.optim.Adam(task.parameters(), **settings)
    before = [weight.detach().clone() for weight in task.parameters()]
    loss = loss_of(task, single(examples)).mean()
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss) and all(weight.isfinite().all() for weight in task.parameters())
    moved = sum(int((old != new).sum()) for old, new in zip(before, task.parameters(), strict=True))
    assert moved > 0.9 * sum(weight.numel() for weight in before)
