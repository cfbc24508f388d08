"""Label switches: counted while training, the same as offline, on resumed runs and for several processes."""

import numpy as np
import pandas as pd
import pytest
import torch

from sepflow.errors import SepflowError
from sepflow.mixes.examples import Examples
from sepflow.objectives.pit import pit
from sepflow.planning import plan
from sepflow.training.checkpoint import RunningCheckpoint
from sepflow.training.module import Training
from sepflow.training.switches import Switches
from sepflow.training.train import open_mix
from test_training import one_thread, prepared, run

__all__ = ["one_thread", "prepared"]  # fixtures

# One step a pass over eight mixtures, loud enough for labels to switch.
PASSES = {
    "steps": 12,
    "validate_every": 1,
    "batch": 8,
    "data": {"first": 8, "crop": "fixed"},
    "optimizer": {"lr": 0.03, "plateau": None},
}


def rates(folder) -> np.ndarray:
    return pd.read_csv(folder / "history.csv")["label_switches"].to_numpy()


def offline(spec, results, weights) -> np.ndarray:
    """The assignments [checkpoints, rows] of whole passes, by PIT in float64, on the fixed crops."""
    module = Training(spec).double()
    mix = open_mix(spec["data"]["mix"], results)
    examples = Examples(mix, spec["data"], round(spec["segment"] * 8000), spec["seed"], False)
    numbers = [examples[index]["row"] for index in range(8)]
    mixtures, references = (
        torch.stack([examples[index][name] for index in range(8)]).double()
        for name in ("mixture", "references")
    )
    order = np.argsort(numbers)
    codes = []
    for state in weights:
        module.load_state_dict({name: weight.double() for name, weight in state.items()})
        with torch.no_grad():
            estimates = module.task(mixtures)
        codes.append(pit(estimates, references, "si_snr")[1][order, 0].numpy())
    return np.array(codes)


def test_the_rate_is_that_of_an_offline_count_on_the_checkpoints(prepared, tmp_path, monkeypatch):
    weights, save = [], RunningCheckpoint.on_train_epoch_end

    def kept(self, trainer, module):
        save(self, trainer, module)
        weights.append({name: weight.clone() for name, weight in module.state_dict().items()})

    monkeypatch.setattr(RunningCheckpoint, "on_train_epoch_end", kept)
    changes = PASSES | {"objective": {"name": "pit", "loss": "si_snr"}}
    spec = run(prepared, tmp_path, **changes)
    codes = offline(spec, prepared[1], weights[:-1])  # pass k is trained on with the weights after pass k - 1
    expected = (codes[1:] != codes[:-1]).mean(axis=1)
    measured = rates(tmp_path)
    assert np.isnan(measured[0]) and len(measured) == 12
    np.testing.assert_array_equal(measured[2:], expected)
    assert 0 < expected.mean() < 1


def test_the_crop_and_the_order_of_a_fixed_example_stay(prepared):
    found, results = prepared
    spec = found.find("supervised_100").spec
    data = spec["data"] | PASSES["data"]
    examples = Examples(open_mix(spec["data"]["mix"], results), data, 3000, 1, False)
    passes = [
        {x["row"]: x["references"] for x in map(examples.__getitem__, range(8 * k, 8 * k + 8))}
        for k in (0, 1)
    ]
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(8))
    assert list(passes[0]) != list(passes[1])  # the order of the examples does not stay
    for row in range(8):
        assert torch.equal(passes[0][row], passes[1][row])


def test_a_resumed_run_counts_the_same(prepared, tmp_path, monkeypatch):
    changes = PASSES | {"steps": 12, "validate_every": 3, "batch": 3}  # passes end within a batch
    run(prepared, tmp_path / "whole", **changes)
    save = RunningCheckpoint.on_train_epoch_end

    def save_and_break(self, *arguments):
        save(self, *arguments)
        raise ConnectionError("the power went")

    for _ in range(3):
        with monkeypatch.context() as patch, pytest.raises(ConnectionError):
            patch.setattr(RunningCheckpoint, "on_train_epoch_end", save_and_break)
            run(prepared, tmp_path / "broken", **changes)
    run(prepared, tmp_path / "broken", **changes)
    np.testing.assert_array_equal(rates(tmp_path / "whole"), rates(tmp_path / "broken"))
    assert np.isfinite(rates(tmp_path / "whole")[1:]).all()


@pytest.mark.parametrize("processes", [1, 2])
def test_processes_count_together(processes):
    rng = np.random.default_rng(0)
    switches = [Switches(6) for _ in range(processes)]
    truth = rng.integers(0, 2, (4, 6))
    for number, codes in enumerate(truth):
        order = rng.permutation(6)
        for rank, one in enumerate(switches):
            rows = torch.from_numpy(order[rank::processes])
            first, where = (
                torch.from_numpy(codes)[rows],
                torch.stack([torch.full_like(rows, number), rows], 1),
            )
            one.note(where, torch.stack([first, 1 - first], 1))
        noted = torch.stack([torch.cat(one._notes) for one in switches])
        for one in switches:
            one.count(lambda _, noted=noted: noted)
            expected = (truth[number] != truth[number - 1]).mean() if number else np.nan
            np.testing.assert_equal(one.rate, expected)


def test_three_sources_have_six_assignments():
    switches = Switches(1)
    seen = set()
    for permutation in ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]):
        switches.note(torch.tensor([[0, 0]]), torch.tensor([permutation]))
        seen.add(int(switches._notes[-1][0, 2]))
    assert len(seen) == 6


def test_fixed_crops_of_what_is_drawn_anew_are_refused(checkout):
    checkout.edit("config/papers/ts_mixit.yaml", "data: {mix: train}", "data: {mix: train, crop: fixed}")
    with pytest.raises(SepflowError, match="teacher_2src.*crop: fixed: not of mixtures drawn anew"):
        plan.load({"scale": "demo", "papers": ["ts_mixit"]}, checkout.root)
