"""Pre-training, fine-tuning and multi-task training, from mixes to scores, at a scale of its own."""

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from conftest import RATE, Checkout, write_voices
from pretraining import si_snr
from sepflow import corpora
from sepflow.applying.evaluation import evaluate
from sepflow.commands.prepare import prepare
from sepflow.corpora.folder import split_speakers
from sepflow.corpora.splits import place
from sepflow.errors import SepflowError
from sepflow.identity import digest, merge, run_name
from sepflow.mixes.examples import Examples
from sepflow.mixes.mix import open_mix
from sepflow.models.artefact import load_model, save_model
from sepflow.planning import plan
from sepflow.tasks.built import build
from sepflow.tasks.task import HEAD
from sepflow.training.checkpoint import RunningCheckpoint
from sepflow.training.data import train_loader
from sepflow.training.machine import Machine
from sepflow.training.train import train
from test_switches import PASSES, offline, rates
from test_training import one_thread

__all__ = ["one_thread"]  # fixture

SHARES = {"validation": 0.25, "test": 0.25}
HISS = {"kind": "noise", "recordings": 9, "seconds": 2.0, "splits": {"validation": 3, "test": 3}}
LOUDER = PASSES | {"optimizer": {"lr": 0.1, "plateau": None}}
LABELS = ("se", "mama", "cc", "multi_task")
SHORT = {"steps": 9, "validate_every": 3}  # three checkpoints
# As in test_training.py: the losses of 20 steps in float64 on one thread.
GOLDEN = {
    "se": [
    6.919504949229, 6.759413217636, 6.82919476107, 8.227973223487, 6.843472556852, 9.107554503348,
    8.300403875266, 4.01705994786, 4.491633961072, 4.518038548533, 5.05745125855, 5.719229681456,
    3.495807061797, 4.118813754371, 6.353620441784, 4.487057119925, 5.333860884755, 6.183349818448,
    5.211888541488, 2.613805293778],
    "mama": [
    0.1223735966897, -0.4845971412134, -0.521651956441, 0.1897869543594, -0.5259184991042,
    0.1383369856492, 0.1204525742806, -0.7588767209112, -0.4946909501299, -0.8351641145492,
    -0.6281476697884, -0.489120705218, -0.8757841108987, -0.6442232445889, -0.5265711541103,
    -0.7718767633673, -0.7719684101132, 0.7852812101937, 0.2619606961697, -0.9272689087579],
    "cc": [
    2.608564991366, 2.573219310048, 2.581485799765, 2.588008598459, 2.575980405973, 2.569951180024,
    2.567720253729, 2.569847684595, 2.557952699504, 2.566954019405, 2.562336365481, 2.552788628836,
    2.56273677014, 2.558628330822, 2.561883074423, 2.555464431757, 2.567192498816, 2.551170997952,
    2.548616456906, 2.562589359767],
    "multi_task": [
    15.14752862276, 13.05082412296, 13.68332439649, 14.40784082925, 12.63757554047, 15.02408129891,
    13.95402381936, 12.27082176071, 12.19614340753, 11.42762847195, 11.02716343924, 11.08012548802,
    10.63495737249, 10.14238961186, 11.97927763085, 10.86322995544, 11.23085610402, 11.60143574197,
    11.85305825853, 8.461800380988],
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The plan of scale `tiny`, and its results directory with corpora, mixes and the runs of LABELS."""
    (root := tmp_path_factory.mktemp("pretraining") / "checkout").mkdir()
    voices = write_voices(root.parent / "speech", speakers=16, utterances=2)
    checkout = Checkout(root, voices)
    tiny = yaml.safe_load((root / "config/scales/smoke.yaml").read_text())
    tiny["corpora"] = {"speech": {"kind": "folder", "splits": SHARES}, "hiss": HISS}
    tiny["roles"] = dict.fromkeys(("clean_speech_pairs", "read_speech_pairs", "noisy_speech"), "speech")
    tiny["roles"]["room_noise"] = "hiss"
    for name, mix in tiny["papers"]["ssl_pretraining"]["mixes"].items():
        if "among" in mix:
            mix["among"] = among("noisy" in name)
    checkout.write("config/scales/tiny.yaml", yaml.safe_dump(tiny))
    config = {"scale": "tiny", "papers": ["ssl_pretraining"], "corpora": {"speech": str(voices)}}
    found, results = plan.load(config, root), root / "results"
    for name, recipe in found.corpora.items():
        corpora.build(recipe, results / "corpora" / name, voices if recipe["kind"] == "folder" else None, 1)
    for label in LABELS:
        run = found.find(label)
        prepare(run.spec, results, "cpu")
        train(run.spec, results / "runs" / run.name, results, Machine(device="cpu"))
    return found, results


def among(noisy: bool) -> list[float]:
    """A share of the speakers in which half of the training's are."""
    speakers = [f"s{number}" for number in range(16)]
    split = split_speakers(speakers, SHARES)
    middle = float(np.median([place(speaker) for speaker in speakers if split[speaker] == "train"]))
    return [0.0, middle] if noisy else [middle, 1.0]


def run(prepared, out, label, workers=0, **changes) -> dict:
    found, results = prepared
    spec = merge(found.find(label).spec, changes)
    train(spec, out, results, Machine(device="cpu", workers=workers))
    return spec


def mix_of(prepared, split: str, speakers: int, **changes) -> dict:
    """The recipe of one of the paper's mixes, changed, with the mix made."""
    found, results = prepared
    mixes = found.mixes.values()
    recipe = next(one for one in mixes if (one["split"], one["speakers"]) == (split, speakers)) | changes
    spec = found.find("scratch").spec
    prepare(spec | {"data": spec["data"] | {"mix": recipe}}, results)
    return recipe


@pytest.mark.parametrize("label", GOLDEN)
def test_golden_trace(prepared, tmp_path, label):
    run(prepared, tmp_path, label, precision="64", steps=20, validate_every=1)
    np.testing.assert_allclose(history(tmp_path)["train_loss"], GOLDEN[label], rtol=1e-9)


@pytest.mark.parametrize("label", LABELS)
def test_a_run_broken_off_anywhere_or_read_by_workers_ends_the_same(prepared, tmp_path, monkeypatch, label):
    run(prepared, tmp_path / "whole", label, **SHORT)
    run(prepared, tmp_path / "workers", label, workers=2, **SHORT)
    save = RunningCheckpoint.on_train_epoch_end

    def save_and_break(self, *arguments):
        save(self, *arguments)
        raise ConnectionError("the power went")

    for _ in range(3):
        with monkeypatch.context() as patch, pytest.raises(ConnectionError):
            patch.setattr(RunningCheckpoint, "on_train_epoch_end", save_and_break)
            run(prepared, tmp_path / "broken", label, **SHORT)
    run(prepared, tmp_path / "broken", label, **SHORT)
    whole, *others = (
        ((folder / "model.safetensors").read_bytes(), history(folder).drop(columns="seconds"))
        for folder in (tmp_path / name for name in ("whole", "workers", "broken"))
    )
    for other in others:
        assert other[0] == whole[0]
        pd.testing.assert_frame_equal(other[1], whole[1])
    assert np.isfinite(whole[1][["train_loss", "validation_loss"]]).all(axis=None)
    assert ("label_switches" in whole[1]) == (label == "multi_task")


def history(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "history.csv")


@pytest.mark.parametrize("label", LABELS)
def test_it_learns(prepared, tmp_path, label):
    run(prepared, tmp_path, label, steps=120, validate_every=30, optimizer={"lr": 3e-3})
    losses = history(tmp_path)["validation_loss"]
    assert losses.iloc[-1] < losses.iloc[0] - (0.01 if label == "cc" else 0.1)  # nats, dB


@pytest.mark.parametrize("label", LABELS)
def test_in_bfloat16_the_first_losses_are_about_the_same(prepared, tmp_path, label):
    found = []
    for precision in ("32", "bf16"):
        run(prepared, tmp_path / precision, label, steps=4, validate_every=1, precision=precision)
        found.append(history(tmp_path / precision)["train_loss"])
    np.testing.assert_allclose(found[1], found[0], rtol=0.05, atol=0.1)


@pytest.mark.parametrize("label", LABELS)
def test_a_separation_begins_with_all_but_the_layer_of_the_masks(prepared, tmp_path, label):
    found, results = prepared
    name = found.find(label).name
    before, _ = load_model(results / "runs" / name / "model.safetensors")
    shared = {} if label != "multi_task" else {"disjoint_speakers": False}  # it heard these very mixtures
    run(prepared, tmp_path, "pt_ft", init=name, optimizer={"lr": 1e-12}, **SHORT, **shared)
    after, _ = load_model(tmp_path / "model.safetensors")
    assert {key for key in before if key.startswith(HEAD)} == before.keys() - after.keys()
    assert (label == "cc") == (len(before) > len(after))
    anew = {f"separator.to_sources.{part}" for part in ("weight", "bias")}
    assert anew < after.keys() <= before.keys()
    for key, weight in after.items():
        if key in anew:
            outputs = 3 if label == "multi_task" else 1
            assert weight.shape[0] * outputs == before[key].shape[0] * 2
        else:
            torch.testing.assert_close(weight, before[key], atol=1e-6, rtol=0)


def test_a_multi_task_network_may_begin_with_a_separations(prepared, tmp_path):
    found, results = prepared
    name = run_name(merge(found.find("scratch").spec, SHORT))
    run(prepared, results / "runs" / name, "scratch", **SHORT)
    run(prepared, tmp_path, "multi_task", init=name, disjoint_speakers=False, **SHORT)
    assert load_model(tmp_path / "model.safetensors")[0]["separator.to_sources.weight"].shape[0] == 3 * 16


def test_the_switches_of_a_multi_task_run_are_those_of_its_separation(prepared, tmp_path, monkeypatch):
    weights, save = [], RunningCheckpoint.on_train_epoch_end

    def kept(self, trainer, module):
        save(self, trainer, module)
        weights.append({name: weight.clone() for name, weight in module.state_dict().items()})

    monkeypatch.setattr(RunningCheckpoint, "on_train_epoch_end", kept)
    spec = run(prepared, tmp_path, "multi_task", **LOUDER)
    codes = offline(spec, prepared[1], weights[:-1])
    expected = (codes[1:] != codes[:-1]).mean(axis=1)
    np.testing.assert_array_equal(rates(tmp_path)[2:], expected)
    assert 0 < expected.mean() < 1


def test_a_multi_task_batch_is_one_of_each_training(prepared):
    found, results = prepared
    spec = found.find("multi_task").spec
    mixes = {part: open_mix(spec[part]["mix"], results) for part in ("data", "joint")}
    batches = [x for _, x in zip(range(7), train_loader(build(spec), mixes, 0, lambda: 5), strict=False)]
    samples, batch = int(spec["segment"] * RATE), spec["batch"]
    for part in ("data", "joint"):
        alone = Examples(mixes[part], spec[part], samples, spec["seed"], False)
        for step, both in enumerate(batches, 5):
            for spot, number in enumerate(range(step * batch, (step + 1) * batch)):
                assert both[part].keys() == alone[number].keys()
                for name, value in alone[number].items():
                    assert torch.equal(both[part][name][spot], torch.as_tensor(value))
    heard = batches[0]["joint"]
    assert heard["mixture"].shape == (batch, samples) and heard["references"].shape == (batch, 1, samples)


@pytest.mark.parametrize("label", ["mama", "cc"])
def test_a_pretext_has_no_labels_to_switch(prepared, tmp_path, label):
    run(prepared, tmp_path, label, data={"crop": "fixed"}, **SHORT)
    assert "label_switches" not in history(tmp_path)


# Disjoint speakers


def pretrained(prepared, mix: dict) -> str:
    """The name of a run of one output that says it was trained on `mix`."""
    found, results = prepared
    spec = merge(found.find("se").spec, {})
    spec["data"]["mix"] = mix
    name = run_name(spec)
    save_model(results / "runs" / name / "model.safetensors", build(spec).weights(), spec)
    return name


@pytest.mark.parametrize("part", ["init", "joint"])
def test_shared_speakers_are_refused_with_their_names(prepared, tmp_path, part):
    found, results = prepared
    wide = mix_of(prepared, "train", 1, among=[0.0, 1.0])
    spec = merge(found.find("pt_ft" if part == "init" else "multi_task").spec, SHORT)
    if part == "init":
        spec["init"] = pretrained(prepared, wide)
    else:
        spec["joint"]["mix"] = wide
    with pytest.raises(SepflowError) as error:
        train(spec, tmp_path, results, Machine(device="cpu"))
    columns = ["speaker_1", "speaker_2"]
    own = set(open_mix(spec["data"]["mix"], results).table[columns].to_numpy().ravel())
    both = own & set(open_mix(wide, results).table["speaker_1"])
    assert len(both) > 1
    for speaker in both:
        assert f"speaker {speaker!r} is in both mixes" in str(error.value)
    assert f"{len(both)} problems" in str(error.value) and "`among`" in str(error.value)
    train(spec | {"disjoint_speakers": False}, tmp_path, results, Machine(device="cpu"))


def test_speakers_of_another_corpus_are_not_compared(prepared, tmp_path):
    found, results = prepared
    speech = next(one for one in found.corpora.values() if one["kind"] == "folder")
    other = speech | {"min_seconds": 0.4}
    corpora.build(other, results / "corpora" / digest(other), results.parent.parent / "speech", 1)
    mix = mix_of(prepared, "train", 1, among=[0.0, 1.0], corpus=other)
    run(prepared, tmp_path / "init", "pt_ft", init=pretrained(prepared, mix), **SHORT)
    run(prepared, tmp_path / "joint", "multi_task", joint={"mix": mix}, **SHORT)


# Scores


@pytest.mark.parametrize(
    ("label", "metrics"),
    [
        ("se", {"si_snr", "si_snri", "sdr", "sdri"}),
        ("mama", {"masked_snr", "masked_snri"}),
        ("cc", {"accuracy", "chance", "majority", "accuracy_over_chance"}),
    ],
)
def test_noisy_speech_is_scored_by_each_tasks_own_metrics(prepared, tmp_path, label, metrics):
    found, results = prepared
    mix = open_mix(mix_of(prepared, "test", 1), results)
    model = results / "runs" / found.find(label).name / "model.safetensors"
    for name in ("one", "two"):
        evaluate(model, mix, tmp_path / name, "cpu")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    scores = pd.read_csv(tmp_path / "one")
    assert metrics <= set(scores["metric"])
    assert len(scores) == len(mix) * scores["metric"].nunique() and set(scores["mixture"]) == set(mix.ids)
    assert set(scores["selection"]) == {"none"} and set(scores["source"]) == {1}
    wide = scores.pivot(index="mixture", columns="metric", values="value")
    assert np.isfinite(wide).all(axis=None)
    if label == "cc":
        ratio = wide["accuracy"] / wide["chance"]
        np.testing.assert_allclose(wide["accuracy_over_chance"], ratio, rtol=1e-4, atol=1e-5)
        assert wide["accuracy"].between(0, 100).all() and wide["chance"].between(0, 100).all()
    if label == "se":
        noisy = [si_snr(mix.references(row)[0], mix.mixture(row)) for row in range(len(mix))]
        np.testing.assert_allclose((wide["si_snr"] - wide["si_snri"]).loc[mix.ids], noisy, atol=1e-2)
