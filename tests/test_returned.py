"""What a task, a network or a group of metrics returns that is none of it is one message, at once."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from pretraining import MODELS, SI_SNR
from sepflow.applying import evaluation, scoring
from sepflow.errors import SepflowError
from sepflow.identity import fill_neutral
from sepflow.metrics import signals
from sepflow.metrics.declared import metric_of
from sepflow.models import conv_tasnet
from sepflow.tasks.built import build
from sepflow.tasks.separation import task as separation
from sepflow.tasks.separation.task import Separation
from sepflow.tasks.task import Made, Step, Task, Tested
from sepflow.training.machine import Machine
from sepflow.training.module import Training
from sepflow.training.train import _begin

SPEC = {"task": "separation", "seed": 1, "select": "validation_loss", "objective": SI_SNR, "uses": {}}
SPEC |= {"model": MODELS["conv_tasnet"] | {"sources": 2}, "init": None, "data": {"mix": {"rate": 8000}}}
PART = {"mixture": torch.ones(3, 400), "references": torch.ones(3, 2, 400)}
TESTED = Tested(np.ones(400, np.float32), np.ones((2, 400), np.float32), "a", 8000, {}, lambda signals: {})
LOSSES, SUMS = torch.zeros(3), torch.zeros(2)


def train() -> None:
    Training(SPEC).training_step({"data": PART}, 0)


def validate() -> None:
    Training(SPEC).validation_step({"validation": PART}, 0)


def summarise() -> None:
    Training(SPEC)._summary(SUMS)


def score() -> None:
    evaluation._scores(build(SPEC), TESTED)


@pytest.mark.parametrize(
    ("method", "returned", "ask", "said"),
    [
        ("step", LOSSES, train, r"Step\(losses \[3\]\), an example one, not Tensor \[3\]"),
        ("step", LOSSES, validate, r"Step\(losses \[3\]\), an example one, not Tensor \[3\]"),
        ("step", None, train, "not NoneType"),
        ("step", Step(torch.zeros(())), train, r"not losses Tensor \[\]"),
        ("step", Step(torch.zeros(2)), validate, r"not losses Tensor \[2\]"),
        ("step", Step(0.0), train, "not losses float"),
        ("step", Step(LOSSES, None, {"kept": 0.5}), train, r"kept among its terms, .*, as float"),
        ("validated", 0.5, validate, r"must return sums, Tensor \[K\], not float"),
        ("validated", torch.zeros(()), validate, r"must return sums, Tensor \[K\], not Tensor \[\]"),
        ("summary", {"loss": SUMS[0]}, summarise, "says loss, and not validation_loss: all of `select`"),
        ("score", None, score, r"must yield \(selection, .*; it returned NoneType, and yielded nothing"),
        ("score", ("none", {"si_snr": [1.0]}), score, "it returned tuple, and yielded nothing"),
        ("score", iter([]), score, "and yielded nothing"),
        ("score", iter([{"si_snr": [1.0]}]), score, "it yielded dict"),
    ],
)
def test_a_method_of_a_task_that_returns_another_thing(monkeypatch, method, returned, ask, said):
    monkeypatch.setattr(Separation, method, lambda *_: returned)
    with pytest.raises(SepflowError, match=f"^{method} of the task separation .*{said}"):
        ask()


class Plain(nn.Module):
    """A network without `compiles`, that returns what it is told to."""

    returned = None

    def __init__(self, sources):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(sources))

    def forward(self, mixture):
        return self.returned


def plain(monkeypatch, returned=None) -> None:
    """Have the network be a plain one."""
    monkeypatch.setattr(Plain, "returned", returned)
    monkeypatch.setattr(conv_tasnet, "MODEL", Plain)
    monkeypatch.setitem(SPEC, "model", {"name": "conv_tasnet", "sources": 2})


@pytest.mark.parametrize(
    ("returned", "given"),
    [
        (torch.ones(3, 2, 399), r"Tensor \[3, 2, 399\]"),
        (torch.ones(3, 400, 2), r"Tensor \[3, 400, 2\]"),
        (torch.ones(3, 1, 400), r"Tensor \[3, 1, 400\]"),
        ((torch.ones(3, 2, 400),), "tuple"),
    ],
)
@pytest.mark.parametrize("ask", [train, validate])
def test_estimates_of_another_shape_are_told_at_the_first_step(monkeypatch, returned, given, ask):
    plain(monkeypatch, returned)
    said = rf"model conv_tasnet: returned {given} for mixtures \[3, 400\], where .* \[3, 2, 400\]"
    with pytest.raises(SepflowError, match=said):
        ask()


def test_a_network_that_says_nothing_of_compiling_is_trained_as_it_is(monkeypatch, tmp_path):
    plain(monkeypatch)
    module = _begin(fill_neutral(SPEC), tmp_path, Machine(device="cpu", compile=True))
    assert module.task.model._compiled_call_impl is None


class Forward(Task):
    """A task without a step."""

    def forward(self, mixture): ...


class Stepped(Task):
    """A task without a forward; its subclass has one, and no network."""

    def step(self, batch, at=0): ...


class Unset(Stepped):
    forward = Forward.forward


class Counted(Made):
    forward = Forward.forward


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Stepped, "Stepped: no `forward`: what its network makes"),
        (Forward, "Forward: no `step`"),
        (Unset, "Unset: sets no self.model"),
        (Counted, "Counted: `made=True` of a Declaration, and Made"),
        (nn.Module, "TASK: a subclass of Task"),
        (build, "TASK: a subclass of Task"),
    ],
)
def test_a_class_that_is_no_task_is_refused_when_it_is_built(monkeypatch, kind, said):
    monkeypatch.setattr(separation, "TASK", kind)
    with pytest.raises(SepflowError, match=f"^src/sepflow/tasks/separation/task.py: {said}"):
        build(SPEC)


@pytest.mark.parametrize(
    ("scorer", "said"),
    [
        (None, "no si_snr was computed, .*: by scores.py of its group, or by the task's own"),
        (lambda signals: [1.0], r"metrics/separation: SCORES must return .*, not \[1.0\]"),
        (lambda signals: {"si_snr": 1.0}, "si_snr: a list of values is needed, one a source, not 1.0"),
        (lambda signals: {"si_snr": np.ones((2, 2))}, "si_snr: a list of values is needed"),
    ],
)
def test_scores_that_are_no_columns(monkeypatch, scorer, said):
    monkeypatch.setattr(signals, "scorer_of", lambda group: scorer)
    mix = SimpleNamespace(ids=["a"], pair=lambda row: "")
    with pytest.raises(SepflowError, match=said):
        columns = signals.score_signals(["separation"], signals.Signals(*TESTED[1::-1], TESTED[0], 8000))
        list(scoring._lines(mix, 0, "none", columns, {"si_snr": metric_of("si_snr")}))
