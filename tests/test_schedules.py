"""Learning rates of the paper on pre-training: noam's against the equation, and weight decay in Adam."""

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from sepflow.identity import merge
from sepflow.planning import plan
from sepflow.training.module import Training
from sepflow.training.schedules import factor
from test_training import one_thread, prepared, run

__all__ = ["one_thread", "prepared"]  # fixtures


@pytest.fixture(scope="module")
def paper() -> plan.Plan:
    return plan.load({"scale": "paper", "papers": ["ssl_pretraining"]}, ROOT)


def chen(n: int, epoch: int) -> float:
    """The learning rate at training step n, from 1, of an epoch, from 0: Chen et al. 2020, section 3.3."""
    if n <= 4000:
        return 0.2 * 64**-0.5 * n * 4000**-1.5
    return 4e-4 * 0.98 ** (epoch // 2)


@pytest.mark.parametrize("label", ["se_dptnet", "scratch_dptnet_4", "pt_ft_dptnet_1"])
@given(step=st.one_of(st.integers(0, 4100), st.integers(0, 2_000_000)))
def test_noam_is_the_papers(paper, label, step):
    spec = paper.find(label).spec
    epoch = step // (spec["data"]["mix"]["mixtures"] // spec["batch"])
    assert factor(spec, step) * spec["optimizer"]["lr"] == pytest.approx(chen(step + 1, epoch), rel=1e-12)


def test_noam_at_its_turning_points(paper):
    spec = paper.find("scratch_dptnet_4").spec
    assert spec["validate_every"] == 5000
    rates = {step: factor(spec, step) * 4e-4 for step in (0, 3999, 4000, 9999, 10_000, 19_999, 20_000)}
    assert rates[0] == pytest.approx(9.8821e-8, rel=1e-4)
    assert rates[3999] == pytest.approx(3.9528e-4, rel=1e-4)
    assert rates[4000] == rates[9999] == 4e-4
    assert rates[10_000] == rates[19_999] == pytest.approx(3.92e-4)
    assert rates[20_000] == pytest.approx(3.8416e-4)


def test_a_training_follows_noam(prepared, tmp_path):
    noam = {"lr": 1e-3, "warmup": 6, "noam": {"scale": 0.2, "features": 64}, "plateau": None}
    run(prepared, tmp_path, steps=18, validate_every=3, optimizer=noam | {"decay": "none"})
    history = pd.read_csv(tmp_path / "history.csv")
    want = [
        0.2 / 8 * (step + 1) * 6**-1.5 if step + 1 <= 6 else 1e-3 * 0.98 ** (step // 3 // 2)
        for step in history["step"]  # the rate of the step that comes next
    ]
    assert history["lr"].tolist() == pytest.approx(want)
    assert len(set(want)) == 4


@pytest.mark.parametrize(
    ("label", "decay"), [("scratch", 0.0), ("se_dprnn", 1e-5), ("scratch_dptnet_1", 1e-5)]
)
def test_weight_decay_is_in_adams_gradient(paper, label, decay):
    """Where the loss has none, the first step is the learning rate against the sign of a weight."""
    spec = merge(paper.find(label).spec, {"optimizer": {"lr": 1e-3, "warmup": 0, "noam": None}})
    module = Training(spec)
    found = module.configure_optimizers()
    optimizer = found["optimizer"] if isinstance(found, dict) else found
    assert type(optimizer) is torch.optim.Adam
    weight = module.task.model.encoder.weight
    with torch.no_grad():
        weight.copy_(weight.sign())
    before = weight.detach().clone()
    for one in module.parameters():
        one.grad = torch.zeros_like(one)
    optimizer.step()
    step = 1e-3 * decay / (decay + 1e-8)
    torch.testing.assert_close(weight.detach(), before * (1 - step), rtol=0, atol=1e-7)
