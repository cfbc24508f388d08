"""A run trained without the workflow, by one process or two, and taken into a workflow afterwards."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import Checkout, asked, environment
from sepflow.identity import run_name
from sepflow.planning import plan


@pytest.fixture(scope="module")
def trained(voices, tmp_path_factory) -> Checkout:
    """A checkout in which the workflow has trained a student and what it builds on."""
    (root := tmp_path_factory.mktemp("trained") / "checkout").mkdir()
    checkout = Checkout(root, voices)
    found = planned(checkout, voices)
    done = checkout.snakemake(f"results/runs/{found.find('student_1or2src').name}/model.safetensors")
    assert done.returncode == 0, done.stderr
    return checkout


def planned(checkout: Checkout, voices: Path) -> plan.Plan:
    config = {"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": str(voices)}}
    return plan.load(config, checkout.root)


def sepflow(*words: str, cwd: Path) -> list[str]:
    return subprocess.run(
        command(*words), cwd=cwd, env=environment(), capture_output=True, text=True, timeout=240
    )


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "sepflow", *map(str, words)]


@pytest.fixture
def elsewhere(trained, tmp_path) -> Path:
    """A directory with the checkout's configuration, its corpus, and nothing else."""
    for name in ("config", "results/corpora"):
        shutil.copytree(trained.root / name, tmp_path / name)
    return tmp_path


def spec_file(checkout: Checkout, label: str, directory: Path, **changes) -> Path:
    """What `sepflow why` prints, as a file."""
    done = asked("why", label, cwd=checkout.root)
    assert done.returncode == 0, done.stderr
    path = directory / f"{label}-{len(list(directory.glob('*.yaml')))}.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(done.stdout) | changes) if changes else done.stdout)
    return path


def test_a_chain_trained_elsewhere_is_the_workflows_own_and_is_adopted(trained, elsewhere, voices, tmp_path):
    found = planned(trained, voices)
    names = {label: found.find(label).name for label in ("teacher_1or2src", "student_1or2src")}
    for label, name in names.items():
        out = elsewhere / "results/runs" / name
        done = asked(
            "train", spec_file(trained, label, elsewhere), "--out", out, "--device", "cpu", cwd=elsewhere
        )
        assert done.returncode == 0, done.stderr
        own = trained.root / "results/runs" / name
        assert (out / "model.safetensors").read_bytes() == (own / "model.safetensors").read_bytes()
        assert run_name(json.loads((out / "spec.json").read_text())) == name

    (root := tmp_path / "fresh").mkdir()
    fresh = Checkout(root, voices)
    student = f"results/runs/{names['student_1or2src']}/model.safetensors"
    assert fresh.planned(student)["student"] == 1
    for name in names.values():
        done = asked("adopt", elsewhere / "results/runs" / name, cwd=fresh.root)
        assert done.returncode == 0 and f"adopted as results/runs/{name}" in done.stdout, done.stderr
    jobs = fresh.planned()  # no corpus and no mix is there yet
    assert (jobs["teacher"], jobs["student"], jobs["corpus"]) == (2, 1, 1)  # of three and two
    test_mix = found.tables["ts_mixit", "table1"]["mix"]
    done = fresh.snakemake(student.replace("model.safetensors", f"scores/{test_mix}.csv"))
    assert done.returncode == 0 and "rule student" not in done.stderr, done.stderr
    assert (fresh.root / student).read_bytes() == (trained.root / student).read_bytes()
    mark = json.loads((fresh.root / student).with_name("adopted.json").read_text())
    assert mark["from"] == str(elsewhere / "results/runs" / names["student_1or2src"])


def test_what_is_not_the_plans_own_run_is_not_adopted(trained, elsewhere, voices):
    path = spec_file(trained, "supervised_100", elsewhere, seed=7)
    out = elsewhere / "other"
    assert asked("train", path, "--out", out, "--device", "cpu", cwd=elsewhere).returncode == 0
    done = asked("adopt", out, cwd=trained.root)
    assert done.returncode == 1
    assert re.search(r"no run at scale tiny. Nearest is ts_mixit/supervised_100, .*: seed 7, 1", done.stderr)
    # Another spec beside the model than the one in it.
    (out / "spec.json").write_text((out / "spec.json").read_text().replace('"seed": 7', '"seed": 1'))
    assert "another run than spec.json: seed 7, 1" in asked("adopt", out, cwd=trained.root).stderr
    (out / "history.csv").unlink()
    assert "no finished run: history.csv missing" in asked("adopt", out, cwd=trained.root).stderr


def test_another_model_of_the_same_run_is_not_overwritten(trained, elsewhere, voices):
    name = planned(trained, voices).find("teacher_1or2src").name
    out = elsewhere / "teacher"
    shutil.copytree(trained.root / "results/runs" / name, out)
    assert asked("adopt", out, cwd=trained.root).returncode == 0
    (trained.root / "results/runs" / name / "adopted.json").unlink()
    other = spec_file(trained, "teacher_1or2src", elsewhere)
    words = [
        "train",
        other,
        "--out",
        elsewhere / "two",
        "--device",
        "cpu",
        "--threads",
        "2",
        "--devices",
        "2",
    ]
    assert sepflow(*words, cwd=elsewhere).returncode == 0
    done = asked("adopt", elsewhere / "two", cwd=trained.root)
    assert done.returncode == 1 and "there is another model of this run" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepz": 3}, "unknown key 'stepz'; did you mean 'steps'"),
        ({"recipe": 99}, "made for other recipes than this sepflow's: train: 99, here"),
        ({"init": "0123456789ab"}, "runs/0123456789ab/model.safetensors: not there"),
        ({"batch": 3}, "a batch of 3 cannot be shared equally by 2 processes"),
        ({"precision": "16"}, "precision 16 needs a GPU"),
        ({"data": None}, "no spec of a run"),
    ],
)
def test_a_spec_that_cannot_be_trained_is_named(trained, elsewhere, change, message):
    path = spec_file(trained, "supervised_100", elsewhere, **change)
    words = ["train", path, "--out", elsewhere / "x", "--device", "cpu", "--devices", "2"]
    done = asked(*words, cwd=elsewhere)
    assert done.returncode == 1 and message in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_corpus_is_named(trained, elsewhere):
    shutil.rmtree(elsewhere / "results/corpora")
    path = spec_file(trained, "supervised_100", elsewhere)
    done = asked("train", path, "--out", elsewhere / "x", cwd=elsewhere)
    assert done.returncode == 1 and "Build this corpus where its recordings are" in done.stderr


def test_a_killed_training_goes_on_with_the_same_command_and_no_other(trained, elsewhere):
    path = spec_file(trained, "supervised_100", elsewhere, steps=400, validate_every=20)
    whole, killed = elsewhere / "whole", elsewhere / "killed"
    words = ["--device", "cpu", "--out"]
    assert asked("train", path, *words, whole, cwd=elsewhere).returncode == 0
    process = subprocess.Popen(
        command("train", path, *words, killed), cwd=elsewhere, env=environment(), stderr=subprocess.DEVNULL
    )
    checkpoint = killed / "checkpoint/last.ckpt"
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "model.safetensors").exists()
    other = spec_file(trained, "supervised_100", elsewhere, steps=400, validate_every=20, seed=2)
    done = asked("train", other, *words, killed, cwd=elsewhere)
    assert done.returncode == 1 and "another run's checkpoint (there, here): seed 1, 2" in done.stderr
    done = sepflow("train", path, *words, killed, cwd=elsewhere)
    assert done.returncode == 0 and "going on from" in done.stderr, done.stderr
    assert (whole / "model.safetensors").read_bytes() == (killed / "model.safetensors").read_bytes()
    done = asked("train", other, *words, whole, cwd=elsewhere)
    assert done.returncode == 1 and "there is another run (there, here): seed 1, 2" in done.stderr


@pytest.mark.parametrize("label", ["supervised_100", "teacher_1or2src"])
def test_two_processes_share_each_batch_and_learn_the_same(trained, elsewhere, label):
    """In float64: the losses of one process with the same batch, to rounding; the odd validation set too.

    And the switches of labels, where they are counted.
    """
    spec = yaml.safe_load(asked("why", label, cwd=trained.root).stdout)
    changes = {"precision": "64", "batch": 4, "validate_every": 5}
    changes["validation"] = spec["validation"] | {"first": 7}
    if label == "supervised_100":
        changes["data"] = spec["data"] | {"first": 8, "crop": "fixed"}
    path = spec_file(trained, label, elsewhere, **changes)
    histories = []
    for processes in ("1", "2"):
        out = elsewhere / processes
        words = ["train", path, "--out", out, "--device", "cpu", "--devices", processes]
        done = (asked if processes == "1" else sepflow)(*words, cwd=elsewhere)
        assert done.returncode == 0, done.stderr
        histories.append(pd.read_csv(out / "history.csv"))
        assert json.loads((out / "run.json").read_text())["machine"]["devices"] == int(processes)
    one, two = histories
    assert two["step"].tolist() == [5, 10, 15, 20]
    for column in ("train_loss", "validation_loss"):
        np.testing.assert_allclose(two[column], one[column], rtol=1e-9)
    assert ("label_switches" in one) == (label == "supervised_100")
    if label == "supervised_100":
        assert (
            one["label_switches"].notna().all()
            and one["label_switches"].tolist() == two["label_switches"].tolist()
        )
