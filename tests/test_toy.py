"""A paper of another kind, from its files alone: what a new paper costs the rest is nothing.

tests/toy/ has what is new about it, where it would lie in a checkout: its YAML, a network, two kinds of runs
(one of which is made without a training), a kind of mix, a group of metrics.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from conftest import ROOT, Checkout
from sepflow.models.artefact import load_model, read_uses

TOY = Path(__file__).with_name("toy")
FILES = [path.relative_to(TOY) for path in sorted(TOY.rglob("*")) if path.suffix in (".py", ".yaml")]


def toy_checkout(root: Path, voices: Path) -> Checkout:
    """A checkout with a package of its own, to which the toy's files are added."""
    root.mkdir()
    checkout = Checkout(root, voices)
    (root / "src").unlink()
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for file in FILES:
        assert not (root / file).exists(), f"{file} is no new file"
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TOY / file, root / file)
    config = {"scale": "toy", "papers": ["toy"], "corpora": {"speech": str(voices)}, "device": "cpu"}
    checkout.write("config/config.yaml", yaml.safe_dump(config | {"workers": 0}))
    return checkout


@pytest.fixture(scope="module")
def finished(voices, tmp_path_factory) -> Checkout:
    """The toy's checkout, in which all was run."""
    checkout = toy_checkout(tmp_path_factory.mktemp("toy") / "checkout", voices)
    done = checkout.snakemake()
    assert done.returncode == 0, done.stderr
    return checkout


def runs(checkout: Checkout) -> dict[str, Path]:
    """The directories of its runs, by their tasks and settings."""
    found = {}
    for path in checkout.root.glob("results/runs/*/spec.json"):
        spec = json.loads(path.read_text())
        found[spec["task"] + ("_light" if (spec.get("dereverb") or {}).get("weight") == 0 else "")] = (
            path.parent
        )
    return found


def test_the_table_has_its_cells(finished):
    table = pd.read_csv(finished.root / "results/toy/tables/toy/table1.csv")
    assert list(table["System"].unique()) == ["Mixture", "Proposed", "without clips"]
    assert table["ours"].notna().sum() >= 17


def test_a_second_run_does_nothing(finished):
    assert finished.planned() == {}


def test_scores_of_several_columns_and_of_the_mixture_itself(finished):
    scored = {path.parent.parent.name for path in finished.root.glob("results/systems/*/scores/*/*.csv")} | {
        path.name for path in finished.root.glob("results/systems/*")
    }
    assert "mixture" in scored
    directory = runs(finished)["dereverb"]
    judge = runs(finished)["separation"]
    plain = [path for path in sorted(directory.glob("scores/*.csv")) if judge.name not in path.name]
    for path in plain:
        scores = pd.read_csv(path)
        sums = scores.groupby("metric")["value"].sum()
        assert {"error.wrong", "error.energy", "largest", "si_snri"} <= set(sums.index)
    assert len(list(directory.glob("scores/*.csv"))) == 3  # of the two test mixes, and by the judge


def test_what_another_run_computes_has_scores_of_its_own(finished):
    directory, judge = (runs(finished)[task] for task in ("dereverb", "separation"))
    places = [directory / "scores", finished.root / "results/systems/mixture/judged"]
    for path in (next(place.glob(f"*.{judge.name}.csv")) for place in places):
        assert set(pd.read_csv(path)["metric"]) == {"judged.heard", "judged.energy"}
        stamp = json.loads(path.with_suffix(".json").read_text())
        assert stamp["used"] == judge.name and len(stamp["used_model"]) == 64
    table = pd.read_csv(finished.root / "results/toy/tables/toy/table1.csv")
    ours = table[table["metric"] == "judged:judge"].set_index("System")["ours"]
    scores = pd.read_csv(next(places[1].glob("*.csv"))).groupby("metric")["value"].sum()
    wanted = 100 * scores["judged.heard"] / scores["judged.energy"]
    assert ours["Mixture"] == pytest.approx(wanted, abs=0.01) and ours.notna().all()


def test_the_best_model_is_that_of_the_least_errors(finished):
    directory = runs(finished)["dereverb"]
    history = pd.read_csv(directory / "history.csv")
    assert {"kept", "heard", "error_rate"} <= set(history.columns)
    record = json.loads((directory / "run.json").read_text())
    assert record["selected_step"] == history.loc[history["error_rate"].idxmin(), "step"]


def test_a_run_that_was_made_is_named_sealed_and_used(finished, tmp_path):
    found = runs(finished)
    done = verified(finished)
    assert done.returncode == 0, done.stderr
    weights, _ = load_model(found["level"] / "model.safetensors")
    record = json.loads((found["level"] / "run.json").read_text())
    assert record["clips"] == 10 and list(weights) == ["rms"]
    model = found["dereverb"] / "model.safetensors"
    saved, _ = load_model(model)
    assert torch.equal(saved["uses.level.rms"], weights["rms"])
    assert not any(name.startswith("uses.judge") for name in saved)  # which is for trainings alone
    assert list(read_uses(model)) == ["level"]
    checkpoint = torch.load(found["dereverb"] / "checkpoint/last.ckpt", weights_only=True)
    assert not [name for name in checkpoint["state_dict"] if "level" in name or "judge" in name]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("used_model", "by another model of the run {judge} than is there now"),
        ("model", "of another model of this run than is there now"),
    ],
)
def test_scores_of_another_model_are_told(finished, key, said):
    directory, judge = (runs(finished)[task] for task in ("dereverb", "separation"))
    (scores,) = (directory / "scores").glob(f"*.{judge.name}.csv")
    stamp = scores.with_suffix(".json")
    text = stamp.read_text()
    try:
        stamp.write_text(json.dumps(json.loads(text) | {key: "0" * 64}))
        done = verified(finished)
    finally:
        stamp.write_text(text)
    assert done.returncode == 1 and said.format(judge=judge.name) in done.stdout


def verified(checkout: Checkout) -> subprocess.CompletedProcess[str]:
    """`sepflow verify` in a checkout, by its own package."""
    own = os.environ | {"PYTHONPATH": str(checkout.root / "src")}
    command = [sys.executable, "-m", "sepflow", "verify"]
    return subprocess.run(command, cwd=checkout.root, env=own, capture_output=True, text=True)


def test_a_training_broken_off_anywhere_ends_the_same(finished, tmp_path):
    """With a moving average, gradients that accumulate, parts of their own sizes, and a frozen judge."""
    whole = runs(finished)["dereverb"]
    spec = whole / "spec.json"
    for where in ("within", "validation", "validation"):
        alone(finished, spec, tmp_path / "broken", where)
    alone(finished, spec, tmp_path / "broken")
    for file in ("model.safetensors", "spec.json"):
        assert (tmp_path / "broken" / file).read_bytes() == (whole / file).read_bytes()
    one, other = (
        pd.read_csv(x / "history.csv").drop(columns="seconds") for x in (whole, tmp_path / "broken")
    )
    pd.testing.assert_frame_equal(one, other)


ALONE = """
import json, sys, torch
from pathlib import Path
from sepflow.training.checkpoint import RunningCheckpoint
from sepflow.training.ending import Ending
from sepflow.training.machine import Machine
from sepflow.training.train import train
torch.set_num_threads(1)
spec, out, *broken = sys.argv[1:]
if broken == ["within"]:
    Ending._to_end = lambda self, trainer: trainer.global_step == 1
elif broken:
    save = RunningCheckpoint.on_train_epoch_end
    def save_and_break(self, *arguments):
        save(self, *arguments)
        raise SystemExit("the power went")
    RunningCheckpoint.on_train_epoch_end = save_and_break
train(json.loads(Path(spec).read_text()), Path(out), Path("results"), Machine(device="cpu"))
"""


def alone(checkout: Checkout, spec: Path, out: Path, *broken: str) -> Path:
    """Train a run of the toy with its own package; broken off after a step or a validation, if asked for."""
    own = os.environ | {"PYTHONPATH": str(checkout.root / "src")}
    command = [sys.executable, "-c", ALONE, str(spec), str(out), *broken]
    done = subprocess.run(command, cwd=checkout.root, env=own, capture_output=True, text=True)
    assert done.returncode == bool(broken), done.stderr
    return out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  clips: {mix: clips, batch: 3}\n", "", "runs.dereverb: clips: what the task dereverb trains on"),
        ("weight: 0.5", "wieght: 0.5", "unknown key 'wieght'; did you mean 'weight'"),
        ("uses: {judge: judge, level: level}", "uses: {judge: judge}", "uses: judge: the task dereverb uses"),
        ("uses: {judge: judge,", "uses: {judge: level,", "uses.judge: a run of the task level"),
        ("select: error_rate\n  acc", "select: error_rat\n  acc", "criterion 'error_rat'; did you mean"),
        ("kind: clips,", "kind: clip,", "mixes.clips: kind: there is no kind of mix 'clip'; did you mean"),
        ("delay: 0.05}", "dleay: 0.05}", "unknown key 'dleay'; did you mean 'delay'"),
        ("data: {mix: clips}}", "data: {mix: clips}, steps: 3}", "runs.level: steps: no key of"),
        ("name: judged,", "name: pit,", "objective: name and loss pit, mse: the task dereverb has judged"),
        ("  light:", "  again: {stage: learn, uses: {level: dereverb}}\n  light:",
         "uses.level: a run that is saved with others itself"),
        ("learn: {}", "learns: {}", "stages.learns: there is no run of the stage 'learns'; did you mean"),
    ],
)  # fmt: skip
def test_what_a_paper_of_this_kind_says_wrong_is_one_message(finished, tmp_path, old, new, said):
    copy = object.__new__(Checkout)
    copy.root = tmp_path / "checkout"
    shutil.copytree(finished.root, copy.root, ignore=shutil.ignore_patterns("results", ".snakemake"))
    copy.edit("config/papers/toy.yaml", old, new)
    done = copy.snakemake("-n")
    lines = [line for line in done.stdout.splitlines() if said in line]
    assert done.returncode == 1 and len(lines) == 1, done.stdout


def test_no_schema_has_grown():
    """A later paper that needs another key of all runs, mixes or tables has to say so, here."""
    schema = yaml.safe_load((ROOT / "config/schemas/paper.yaml").read_text())["$defs"]
    found = {name: sorted(schema[name]["properties"]) for name in KEYS}
    assert found == {name: sorted(keys.split()) for name, keys in KEYS.items()}


KEYS = {
    "mix": "role kind split mixtures speakers rate level_difference length min_seconds subset noise "
    "noise_difference among",
    "data": "mix first batch dynamic single_speaker crop labels",
    "run": "stage extra task model objective data validation disjoint_speakers init uses select optimizer "
    "batch accumulate segment steps validate_every epochs patience precision seed",
}
