"""Training: the same losses as ever, killed or not, and an end with a message where it cannot go on."""

import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from conftest import Checkout, environment
from sepflow import corpora, models
from sepflow.applying.inference import Estimator
from sepflow.corpora.packed import read_manifest
from sepflow.errors import SepflowError
from sepflow.files import write_bytes
from sepflow.identity import digest, fill_neutral, merge, run_name
from sepflow.mixes.examples import Examples, FixedExamples
from sepflow.mixes.mix import write_plan
from sepflow.mixes.speakers.mixtures import draw
from sepflow.models.artefact import load_model, save_model
from sepflow.planning import plan
from sepflow.training.checkpoint import RunningCheckpoint
from sepflow.training.machine import Machine
from sepflow.training.train import subnormals_as_zero, train

# The losses of 20 steps in float64 on one thread. A refactor keeps them; what changes them on purpose bumps
# RECIPES["train"] in sepflow/identity.py.
GOLDEN = {
    "teacher_1or2src": [-2.434236554505, -2.326920047747, -3.227484445308, -2.545766367743,
    -3.032678176949, -3.43087231823, -3.008543987639, -2.501470831541, -3.423540114181, -2.922764118987,
    -2.742368284887, -2.982702362809, -2.94505698462, -3.163567075854, -3.201362794709, -2.700247464492,
    -2.459818899453, -2.531379443815, -2.733377427275, -3.175346794656],
    "supervised_100": [-1.49541290212, -2.230471395667, -2.339536574101, -2.77483613501, -2.640735522102,
    -2.653792690523, -2.765153588874, -3.140003232134, -2.858381019511, -3.000195379536, -2.825860597834,
    -2.727080264031, -2.74255390987, -2.797064183663, -2.72095542625, -2.781187339786, -2.364667637756,
    -3.109668353924, -2.486215832903, -3.085794660517],
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(voices, tmp_path_factory) -> tuple[plan.Plan, Path]:
    """The plan of scale `tiny`, and its results directory with corpus and mixes."""
    (root := tmp_path_factory.mktemp("prepared") / "checkout").mkdir()
    checkout = Checkout(root, voices)
    config = {"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": str(voices)}}
    found, results = plan.load(config, checkout.root), checkout.root / "results"
    for name, recipe in found.corpora.items():
        corpora.build(recipe, results / "corpora" / name, voices, 1)
    for name in found.mixes_with(labels=False):
        recipe = found.mixes[name]
        manifest = read_manifest(results / "corpora" / digest(recipe["corpus"]))
        write_plan(results / "mixes" / name, draw(recipe, manifest))
    return found, results


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


CPU = Machine(device="cpu")


def run(prepared, out, label="supervised_100", **changes) -> dict:
    found, results = prepared
    spec = merge(found.find(label).spec, changes)
    train(spec, out, results, CPU)
    return spec


@pytest.mark.parametrize("label", GOLDEN)
def test_golden_trace(prepared, tmp_path, label):
    run(prepared, tmp_path, label, precision="64", validate_every=1)
    history = pd.read_csv(tmp_path / "history.csv")
    np.testing.assert_allclose(history["train_loss"], GOLDEN[label], rtol=1e-9)
    assert history["step"].tolist() == list(range(1, 21))


@pytest.mark.parametrize("label", GOLDEN)
def test_bfloat16_trains_and_is_another_run(prepared, tmp_path, label):
    spec = run(prepared, tmp_path, label, precision="bf16", validate_every=1)
    assert spec["optimizer"]["clip"]
    history = pd.read_csv(tmp_path / "history.csv")
    np.testing.assert_allclose(history["train_loss"], GOLDEN[label], rtol=0.02)
    assert np.abs(history["train_loss"] / GOLDEN[label] - 1).max() > 1e-5
    assert digest(spec) != digest(spec | {"precision": "32"})


def test_float32_has_all_its_bits_on_a_gpu_too(prepared, tmp_path):
    """In training and in inference, of convolutions and LSTMs: cuDNN's default is TF32."""
    parts = (torch.backends.cudnn.conv, torch.backends.cudnn.rnn)

    def default() -> None:
        for part in parts:
            part.fp32_precision = "tf32"

    default()
    run(prepared, tmp_path)
    assert [part.fp32_precision for part in parts] == ["ieee", "ieee"]
    default()
    Estimator(tmp_path / "model.safetensors", "cpu")
    assert [part.fp32_precision for part in parts] == ["ieee", "ieee"]


@pytest.mark.skipif(not shutil.which("g++"), reason="torch compiles with g++, and there is none")
def test_a_compiled_training_keeps_the_golden_trace(prepared, tmp_path):
    """So it is the machine's, not the spec's, to say whether a model is compiled."""
    found, results = prepared
    spec = merge(found.find("supervised_100").spec, {"precision": "64", "validate_every": 1})
    torch._dynamo.utils.counters.clear()
    train(spec, tmp_path, results, Machine(device="cpu", compile=True))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 1
    history = pd.read_csv(tmp_path / "history.csv")
    np.testing.assert_allclose(history["train_loss"], GOLDEN["supervised_100"], rtol=1e-9)
    assert not next(iter(load_model(tmp_path / "model.safetensors")[0])).startswith("_orig_mod")


def test_a_training_writes_the_best_model_and_where_it_comes_from(prepared, tmp_path):
    spec = run(prepared, tmp_path, steps=40, optimizer={"lr": 0.003})
    history = pd.read_csv(tmp_path / "history.csv")
    record = pd.read_json(tmp_path / "run.json", typ="series")
    assert record["selected_step"] == history.loc[history["validation_loss"].idxmin(), "step"]
    assert record["steps"] == 40 and len(record["commit"]) >= 12 and record["versions"]["torch"]
    assert record["validation_loss"] == pytest.approx(history["validation_loss"].min())
    weights, saved = load_model(tmp_path / "model.safetensors")
    assert saved == fill_neutral(spec)
    assert sum(w.numel() for w in weights.values()) == record["parameters"]
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_early_stopping_and_the_plateau_schedule(prepared, tmp_path):
    run(prepared, tmp_path, **NO_PROGRESS)
    history = pd.read_csv(tmp_path / "history.csv")
    assert 40 < history["step"].iloc[-1] < 400
    assert history["lr"].iloc[-1] < NO_PROGRESS["optimizer"]["lr"] / 2


def test_warmup_and_linear_decay_end_at_zero(prepared, tmp_path):
    settings = {"plateau": None, "lr": 1e-3, "warmup": 9, "decay": "linear"}
    run(prepared, tmp_path, steps=20, validate_every=1, optimizer=settings)
    lr = pd.read_csv(tmp_path / "history.csv")["lr"].to_numpy()
    assert lr.argmax() == 8 and lr[-1] == 0
    np.testing.assert_allclose(lr[:8], 1e-3 * np.arange(2, 10) / 10)


def test_fine_tuning_starts_from_the_other_runs_weights(prepared, tmp_path):
    found, results = prepared
    spec = found.find("supervised_100").spec
    first = run_name(spec)
    train(spec, results / "runs" / first, results, CPU)
    run(prepared, tmp_path, init=first, optimizer={"lr": 1e-12})
    before, after = (load_model(p / "model.safetensors")[0] for p in (results / "runs" / first, tmp_path))
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight, atol=1e-6, rtol=0)
    with pytest.raises(SepflowError, match=r"another model than this run's: .*model|hidden"):
        run(prepared, tmp_path / "other", init=first, model={"hidden": 20})


@pytest.mark.parametrize("label", ["supervised_100", "supervised_10_dprnn"])
def test_from_a_model_of_one_output_all_is_taken_but_the_layer_of_the_masks(prepared, tmp_path, label):
    found, results = prepared
    spec = merge(found.find(label).spec, {"model": {"sources": 1}})
    torch.manual_seed(5)
    alone = models.build(spec["model"])
    name = run_name(spec)
    save_model(results / "runs" / name / "model.safetensors", alone.state_dict(), spec)
    run(prepared, tmp_path, label, init=name, optimizer={"lr": 1e-12})
    after = load_model(tmp_path / "model.safetensors")[0]
    assert {name for name in after if "to_sources" in name} == {
        f"separator.to_sources.{part}" for part in ("weight", "bias")
    }
    for name, weight in alone.state_dict().items():
        if "to_sources" in name:
            assert after[name].shape[0] == 2 * weight.shape[0]
        else:
            torch.testing.assert_close(after[name], weight, atol=1e-6, rtol=0)


def test_a_loss_that_is_not_a_number_ends_with_the_step_and_keeps_the_checkpoint(prepared, tmp_path):
    with pytest.raises(SepflowError, match=r"loss is not a number at step \d+ of 40: .*lower optimizer.lr"):
        run(prepared, tmp_path, steps=40, optimizer={"lr": 1e30, "clip": None})
    with pytest.raises(SepflowError, match="validation loss is not a number at step 1 of 1"):
        run(prepared, tmp_path, steps=1, validate_every=1, optimizer={"lr": 1e30, "clip": None})
    assert not (tmp_path / "model.safetensors").exists()
    assert not (tmp_path / "checkpoint/last.ckpt").exists()


def test_a_truncated_checkpoint_is_named_and_kept(prepared, tmp_path):
    path = tmp_path / "checkpoint/last.ckpt"
    write_bytes(path, b"PK\x03\x04 half a checkpoint")
    with pytest.raises(SepflowError, match=r"last.ckpt: the checkpoint is truncated .*Delete it to begin"):
        run(prepared, tmp_path)
    assert path.exists()


def test_a_truncated_model_is_named(prepared, tmp_path):
    save_model(tmp_path / "model.safetensors", {"a": torch.zeros(100)}, {"task": "x"})
    whole = (tmp_path / "model.safetensors").read_bytes()
    for size in (0, 7, len(whole) - 10):
        (tmp_path / "model.safetensors").write_bytes(whole[:size])
        with pytest.raises(SepflowError, match=r"model.safetensors: not a whole model file"):
            Estimator(tmp_path / "model.safetensors")
    with pytest.raises(SepflowError, match="nothing.safetensors: no such model"):
        Estimator(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("broken", [False, True])
def test_every_example_is_seen_once_in_its_order(prepared, tmp_path, monkeypatch, broken):
    seen, read, save = [], Examples.__getitem__, RunningCheckpoint.on_train_epoch_end

    def noted(self, index):
        if not isinstance(self, FixedExamples):
            seen.append(index)
        return read(self, index)

    def save_and_break(self, *arguments):
        save(self, *arguments)
        raise ConnectionError("the power went")

    monkeypatch.setattr(Examples, "__getitem__", noted)
    for _ in range(2 if broken else 0):
        with monkeypatch.context() as patch, pytest.raises(ConnectionError):
            patch.setattr(RunningCheckpoint, "on_train_epoch_end", save_and_break)
            run(prepared, tmp_path, steps=12, validate_every=3)
    run(prepared, tmp_path, steps=12, validate_every=3)
    assert seen == list(range(12 * 2))


# A learning rate that soon stops helping: it is halved, and then the run stops early.
NO_PROGRESS = {
    "steps": 400,
    "validate_every": 10,
    "patience": 3,
    "optimizer": {"plateau": {"factor": 0.5, "patience": 0}, "lr": 0.2},
}


@pytest.mark.parametrize(
    "changes", [NO_PROGRESS, {"steps": 40, "optimizer": {"warmup": 5, "decay": "linear"}}]
)
def test_a_run_broken_off_after_any_checkpoint_goes_on_to_the_same_end(
    prepared, tmp_path, monkeypatch, changes
):
    run(prepared, tmp_path / "whole", **changes)
    checkpoints = len(pd.read_csv(tmp_path / "whole/history.csv"))
    save = RunningCheckpoint.on_train_epoch_end

    def save_and_break(self, *arguments):
        save(self, *arguments)
        raise ConnectionError("the power went")

    for _ in range(checkpoints):
        with monkeypatch.context() as patch, pytest.raises(ConnectionError):
            patch.setattr(RunningCheckpoint, "on_train_epoch_end", save_and_break)
            run(prepared, tmp_path / "broken", **changes)
    run(prepared, tmp_path / "broken", **changes)
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "broken")]
    assert models[0] == models[1]
    histories = [pd.read_csv(tmp_path / name / "history.csv") for name in ("whole", "broken")]
    pd.testing.assert_frame_equal(*(history.drop(columns="seconds") for history in histories))
    assert histories[1]["seconds"].is_monotonic_increasing


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


def test_no_pickle_is_ever_executed(prepared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(SepflowError, match="not a whole model file"):
        Estimator(tmp_path / "model.safetensors")
    (tmp_path / "checkpoint").mkdir()
    torch.save({"state_dict": Bomb()}, tmp_path / "checkpoint/last.ckpt")
    with pytest.raises(SepflowError, match="truncated or damaged"):
        run(prepared, tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_a_full_disk_leaves_what_was_there(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, {"a": torch.ones(10)}, {})
    before = path.read_bytes()
    script = (
        "import resource, torch; from sepflow.models.artefact import save_model\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        f"save_model({str(path)!r}, {{'a': torch.ones(100_000)}}, {{}})"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True)
    assert f"{path}: no space left to write it" in done.stderr
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_run_killed_at_any_moment_ends_with_the_same_weights(tmp_path, voices):
    """SIGKILL to Snakemake and all its children, several times; then the run is let to its end."""
    (tmp_path / "checkout").mkdir()
    checkout = Checkout(tmp_path / "checkout", voices)
    checkout.edit("config/scales/tiny.yaml", "steps: 20", "steps: 400")
    checkout.edit("config/scales/tiny.yaml", "validate_every: 10", "validate_every: 20")
    target = checkout.planned_here().find("teacher_1or2src")
    folder = checkout.root / "results/runs" / target.name
    for _ in range(3):
        kill_after_next_checkpoint(checkout, folder)
        checkout.snakemake("--unlock")
    done = checkout.snakemake(f"results/runs/{target.name}/model.safetensors")
    assert done.returncode == 0, done.stderr
    assert "going on from" in (checkout.root / f"results/logs/train/{target.name}.log").read_text()
    train(target.spec, whole := tmp_path / "whole", checkout.root / "results", CPU)
    for run in (folder, whole):
        assert pd.read_csv(run / "history.csv")["step"].tolist() == list(range(20, 401, 20))
    assert (folder / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def kill_after_next_checkpoint(checkout: Checkout, folder: Path) -> None:
    path = folder / "checkpoint/last.ckpt"
    before = path.stat().st_mtime_ns if path.exists() else 0
    target = f"results/runs/{folder.name}/model.safetensors"
    process = subprocess.Popen(
        checkout.command(target), cwd=checkout.root, env=environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(1200):
        if path.exists() and path.stat().st_mtime_ns > before:
            break
        assert process.poll() is None, "the workflow ended before it could be killed"
        time.sleep(0.05)
    time.sleep(0.13)  # into the next steps
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "model.safetensors").exists()


def test_subnormal_numbers_are_zero_in_a_training_alone():
    least = torch.tensor(1e-40)
    with pytest.raises(ZeroDivisionError), subnormals_as_zero():
        assert float(least * 1) == 0
        raise ZeroDivisionError
    assert float(least * 1) > 0
