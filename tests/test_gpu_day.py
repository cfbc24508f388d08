"""A day on a GPU, rehearsed without one: packed, trained by turns, handed over in parts, adopted."""

import json
import sys
import time

import pytest
import yaml

from conftest import ROOT, Checkout, write_voices

sys.path.append(str(ROOT / "benchmarks"))

from gpu_day import bring, budget, home, pack, trainings
from gpu_day.record import Record
from gpu_day.unpack import unpack

SCALE = yaml.safe_load((ROOT / "config/scales/gpu_day.yaml").read_text())


def test_a_factor_lengthens_all_trainings_and_leaves_their_number_of_validations():
    assert budget.scaled(SCALE, 1.0) == SCALE
    one, half = SCALE["papers"]["ts_mixit"], budget.scaled(SCALE, 0.5)["papers"]["ts_mixit"]
    for stage, layer in one["stages"].items():
        assert half["stages"][stage]["steps"] == layer["steps"] / 2
        assert half["stages"][stage]["validate_every"] == layer["validate_every"] / 2
    assert budget.scaled(SCALE, 0.25)["papers"]["ssl_pretraining"]["base"]["epochs"] == 3
    assert half["mixes"] == one["mixes"]


@pytest.mark.parametrize(
    ("slots", "gain", "seconds"),
    [
        (1, 1.0, 60.0),  # one after another
        (2, 2.0, 40.0),  # c beside a and b, for nothing
        (2, 1.0, 60.0),  # the card's time is all there is
        (3, 1.5, 140 / 3),  # a and c to 13.3 s, b and c to 26.7 s, then b alone
    ],
)
def test_how_long_runs_take_that_share_a_card(slots, gain, seconds):
    costs = {"a": (10.0, []), "b": (30.0, ["a"]), "c": (20.0, [])}
    assert budget.chain("a", costs) == 40.0
    assert budget.seconds_needed(costs, slots, gain) == pytest.approx(seconds)


def test_the_largest_factor_that_fits_is_chosen():
    spec = {
        "task": "separation", "objective": {"name": "pit"}, "model": {}, "init": None, "validate_every": 10,
        "optimizer": {},
        "data": {"mix": {"kind": "speakers"}}, "validation": {"mix": {"kind": "speakers"}},
    }  # fmt: skip
    plans = {
        str(factor): {"x": {"label": "x", "spec": spec | {"steps": 100 * factor}}} for factor in (1, 2, 4)
    }
    took = {trainings.kind_of(spec): {"step": 0.1, "validation": 0.0, "label": 0.0}}
    assert trainings.choose(plans, took, 30.0, 2, 1.0) == ("2", 24.0)
    assert trainings.choose(plans, took, 3.0, 2, 1.0) == ("1", 14.0)


@pytest.fixture(scope="module")
def packed(tmp_path_factory, voices):
    """A checkout with scale `gpu_day` for a handful of voices, and the folder with its tiny pack."""
    folder, root = (tmp_path_factory.mktemp("day") / name for name in ("gpu_day", "checkout"))
    root.mkdir()
    checkout = Checkout(root, voices)
    write_voices(folder / "speech", speakers=24)
    write_voices(folder / "noise", speakers=12, utterances=1)
    scale = SCALE | {
        "corpora": {
            name: {"kind": "folder", "splits": {"validation": 0.25, "test": 0.25}}
            for name in ("speech", "noise")
        }
    }
    checkout.write("config/scales/gpu_day.yaml", yaml.safe_dump(scale))
    pack.pack(root, folder, [pack.TINY])
    return checkout, folder


def test_a_pack_gives_back_what_was_packed(packed, tmp_path):
    _, folder = packed
    unpack(folder / "pack", tmp_path)
    for built in (folder / "results").glob("*/*"):
        there = tmp_path / built.relative_to(folder / "results")
        assert {path.name: path.read_bytes() for path in built.iterdir()} == {
            path.name: path.read_bytes() for path in there.iterdir()
        }


def test_runs_are_trained_by_turns_handed_over_and_adopted(packed, tmp_path, monkeypatch):
    """A student waits for its teacher, both come in parts; then the workflow trains neither."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}:{ROOT / 'benchmarks'}")
    checkout, folder = packed
    results, work, out = tmp_path / "work/results", tmp_path / "work/trainings", tmp_path / "out"
    unpack(folder / "pack", results)
    work.mkdir(parents=True)
    plan = json.loads((folder / "pack/plans.json").read_text())[pack.TINY]
    plan = {name: run for name, run in plan.items() if run["label"] in ("teacher_2src", "student_2src")}
    record = Record(tmp_path / "work/trainings.json")
    took = trainings.Trials(record, results, work / "trials", "cpu", 0).of(
        {name: run for name, run in plan.items() if run["label"] == "teacher_2src"}
    )
    some = next(iter(took.values()))
    costs = trainings.costs_of(plan, {trainings.kind_of(run["spec"]): some for run in plan.values()})
    (work / "chosen.json").write_text(json.dumps({"factor": pack.TINY}))
    said = []
    turns = trainings.Turns(plan, costs, work, results, ["--device", "cpu"])
    turns.take(2, time.monotonic() + 120, lambda name, what: said.append((plan[name]["label"], what)))
    assert [label for label, what in said if what == "begins"] == ["teacher_2src", "student_2src"]
    assert sum(what == "ended with 0" for _, what in said) == 2
    out.mkdir()
    bring.write_parts(tmp_path / "work", out, list(range(100)), size=30_000)
    parts = sorted(out.glob("part.*"))
    assert len(parts) > 1
    adopted = home.take_home(parts, out / "findings.tar", folder, checkout.root)
    assert sorted(adopted.values()) == ["adopted: ts_mixit/student_2src", "adopted: ts_mixit/teacher_2src"]
    places = "corpora={" + ", ".join(f"{name}: {folder / name}" for name in ("speech", "noise")) + "}"
    jobs = checkout.planned("--config", "scale=gpu_day", places, "papers=[ts_mixit]")
    assert jobs["evaluate"] == 11 and jobs["student"] == 1 and jobs["teacher"] == 2
