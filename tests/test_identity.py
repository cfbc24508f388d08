"""Whatever is damaged, cut, replaced by another's or put in another order: each of its users refuses it."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load, save

from conftest import Checkout
from sepflow import cli, corpora
from sepflow.applying.estimates import write_estimates
from sepflow.applying.evaluation import evaluate
from sepflow.applying.recordings import Options
from sepflow.applying.separate import separate
from sepflow.audit.adoption import adopt
from sepflow.audit.verify import find, verify
from sepflow.commands.prepare import prepare
from sepflow.errors import SepflowError
from sepflow.files.contracts import read_history
from sepflow.identity import digest, merge
from sepflow.mixes.export import export
from sepflow.mixes.mix import open_mix
from sepflow.planning import plan
from sepflow.reporting.tables import write_table
from sepflow.training.machine import Machine
from sepflow.training.train import train

RESULTS, CPU = Path("results"), Machine(device="cpu")
TEACHER, STUDENT = "teacher_1or2src", "student_1or2src"


class Finished:
    """A directory with a teacher, a student of its labels and the student's scores, and all who use them."""

    def __init__(self, root: Path, voices: Path):
        self.root, self.voices = root, voices
        config = {"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": str(voices)}}
        self.plan = plan.load(config, root)
        self.specs = {label: self.plan.find(label).spec for label in (TEACHER, STUDENT)}
        self.runs = {label: RESULTS / "runs" / self.plan.find(label).name for label in self.specs}
        table = self.plan.tables["ts_mixit", "table1"]
        rows = [row for row in table["rows"] if list(row["runs"]) == [self.runs[STUDENT].name]]
        self.table = table | {"rows": rows, "comparisons": []}
        self.labels = self.specs[STUDENT]["data"]["mix"]
        self.test = self.plan.mixes[table["mix"]]
        (corpus,) = self.plan.corpora
        mixes = {"plan": self.labels["mix"], "labelled": self.labels, "test": self.test}
        self.files = {name: RESULTS / "mixes" / digest(mix) / "mix.csv" for name, mix in mixes.items()}
        self.files |= {
            "manifest": RESULTS / "corpora" / corpus / "manifest.csv",
            "audio": RESULTS / "corpora" / corpus / "audio.i16",
            "labels": self.files["labelled"].with_name("labels.f32"),
            "model": self.runs[TEACHER] / "model.safetensors",
            "checkpoint": self.runs[TEACHER] / "checkpoint/last.ckpt",
            "spec": self.runs[TEACHER] / "spec.json",
            "record": self.runs[STUDENT] / "run.json",
            "history": self.runs[STUDENT] / "history.csv",
            "scores": Path(rows[0]["scores"][0]),
        }

    def make(self) -> None:
        for name, recipe in self.plan.corpora.items():
            corpora.build(recipe, RESULTS / "corpora" / name, self.voices, 1)
        for label in (TEACHER, STUDENT):
            prepare(self.specs[label], RESULTS, "cpu")
            train(self.specs[label], self.runs[label], RESULTS, CPU)
        prepare(merge(self.specs[TEACHER], {"data": {"mix": self.test}}), RESULTS)
        self.evaluate()

    def train(self, label: str = TEACHER) -> None:
        train(self.specs[label], Path("out"), RESULTS, CPU)

    def learn(self) -> None:
        self.train(STUDENT)

    def resume(self) -> None:
        train(self.specs[TEACHER], self.runs[TEACHER], RESULTS, CPU)

    def begin(self) -> None:
        spec = self.specs[TEACHER] | {"init": self.runs[TEACHER].name}
        train(spec, Path("out"), RESULTS, CPU)

    def label(self) -> None:
        mix = open_mix(self.labels["mix"], RESULTS)
        write_estimates(self.labels, mix, self.files["model"], Path("out"), "cpu")

    def evaluate(self) -> None:
        model, run = self.runs[STUDENT] / "model.safetensors", self.runs[STUDENT].name
        evaluate(model, open_mix(self.test, RESULTS), self.files["scores"], "cpu", run, STAMP)

    def tabulate(self) -> None:
        write_table(self.table, {}, RESULTS, Path("out/table"))

    def draw(self) -> None:
        read_history(self.files["history"], self.runs[STUDENT].name)

    def adopt(self) -> None:
        for run in self.runs.values():
            adopt(run, self.plan, Path("out"))

    def separate(self) -> None:
        list(separate(self.files["model"], [self.voices / "s0/u0.wav"], Path("out"), Options(device="cpu")))

    def verify(self) -> None:
        if problems := list(verify(find(RESULTS, []))):
            raise SepflowError("\n".join(map(str, problems)))


STAMP = {"commit": "", "dirty": "", "scorers": {}}
READERS = {
    "manifest": "train label evaluate verify",
    "audio": "train label evaluate verify",
    "plan": "train label verify",
    "labelled": "learn verify",
    "labels": "learn verify",
    "test": "evaluate tabulate verify",
    "model": "label begin adopt separate verify",
    "checkpoint": "resume verify",
    "spec": "adopt verify",
    "record": "tabulate adopt verify",
    "history": "draw adopt verify",
    "scores": "tabulate verify",
}
TABLES, RECORDS = ("manifest", "plan", "labelled", "test", "history", "scores"), ("spec", "record")


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3 + 1]


def flipped(data: bytes) -> bytes:
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]


def rows(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[:-1])


def reordered(data: bytes) -> bytes:
    head, *lines = data.splitlines(keepends=True)
    return b"".join([head, *reversed(lines)])


MANNERS = {
    "cut": cut,
    "flipped": flipped,
    "zeroed": lambda data: bytes(len(data)),
    "noise": lambda data: np.random.default_rng(0).bytes(len(data)),
    "emptied": lambda data: b"",
    "junk": lambda data: b"junk \xff\n" * 20,
    "deep": lambda data: b"[" * 100_000,
    "rows": rows,
    "reordered": reordered,
    "replaced": lambda data: data,  # by another's
}
CASES = [
    (file, manner)
    for file in READERS
    for manner in MANNERS
    if manner not in ("rows", "reordered") or file in TABLES
    if manner not in ("flipped",) or file not in RECORDS + ("checkpoint",)
    if manner not in ("deep",) or file in RECORDS
    if manner != "replaced" or file not in ("manifest", "audio", "labels")
]


@pytest.fixture(scope="module")
def made(voices, tmp_path_factory) -> Finished:
    (root := tmp_path_factory.mktemp("identity") / "checkout").mkdir()
    Checkout(root, voices)
    torch.set_num_threads(1)
    finished = Finished(root, voices)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        finished.make()
    return finished


@pytest.fixture
def finished(made, tmp_path, monkeypatch) -> Finished:
    """A copy to damage, in the current directory."""
    shutil.copytree(made.root / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    return made


def others(finished: Finished, file: str) -> Path:
    """The file of the same kind of another run, mix or training."""
    path = finished.files[file]
    if path.name == "mix.csv":
        return finished.files["plan" if file == "test" else "test"]
    run = finished.runs[TEACHER if finished.runs[STUDENT] in path.parents else STUDENT]
    if file != "scores":
        return run / path.relative_to(path.parents[1 if file == "checkpoint" else 0])
    scores = pd.read_csv(path)
    scores.assign(value=scores["value"] + 1).to_csv("other.csv", index=False)
    return Path("other.csv")


def refused(finished: Finished, users: str, path: Path) -> None:
    for user in users.split():
        with pytest.raises(SepflowError) as error:
            getattr(finished, user)()
        assert str(path) in str(error.value) or str(path.parent) in str(error.value), user
        assert "Traceback" not in str(error.value) and len(str(error.value)) < 2000


def test_what_is_whole_is_used(finished):
    finished.verify()
    finished.adopt()
    finished.label()
    finished.separate()


@pytest.mark.parametrize(("file", "manner"), CASES)
def test_every_user_refuses_what_is_damaged(finished, file, manner):
    path = finished.files[file]
    before = path.read_bytes()
    source = others(finished, file) if manner == "replaced" else path
    path.write_bytes(MANNERS[manner](source.read_bytes()))
    assert path.read_bytes() != before
    users = READERS[file].replace(" separate", "" if manner == "replaced" else " separate")
    refused(finished, users, path)


@pytest.mark.parametrize("at", [0.2, 0.4, 0.6, 0.8])
def test_a_flipped_byte_of_a_checkpoint_is_found_wherever_it_is(finished, at):
    path = finished.files["checkpoint"]
    with zipfile.ZipFile(path) as archive:
        tensors = [x for x in archive.infolist() if "/data/" in x.filename and x.file_size > 100]
    part = tensors[int(at * len(tensors))]
    data = bytearray(path.read_bytes())
    data[part.header_offset + 30 + len(part.filename) + 100 + part.file_size // 2] ^= 4
    path.write_bytes(data)
    refused(finished, READERS["checkpoint"], path)


def without(state: dict, part: str) -> None:
    if part == "history":
        state["callbacks"]["RunningCheckpoint"]["history"] = []
    elif part == "a weight":
        state["state_dict"].popitem()
    else:
        del state[part]


PARTS = ("callbacks", "state_dict", "plateau", "optimizer_states", "loops", "history", "a weight")


@pytest.mark.parametrize("part", PARTS)
def test_a_checkpoint_without_a_part_is_refused(finished, part):
    path = finished.files["checkpoint"]
    state = torch.load(path, weights_only=True)
    without(state, part)
    torch.save(state, path)
    refused(finished, "resume", path)


def headed(spec: object, weights: dict) -> bytes:
    return save(weights, metadata={"spec": spec if isinstance(spec, str) else json.dumps(spec)})


@pytest.mark.parametrize("header", ["[]", "{}", "null", "1", "[" * 100_000, "task", "network", "nan", "keys"])
def test_a_model_whose_header_or_weights_are_no_runs_is_refused(finished, header):
    path, weights = finished.files["model"], load(finished.files["model"].read_bytes())
    spec = json.loads(finished.files["spec"].read_text())
    if header == "task":
        spec["task"] = "cooking"
    elif header == "network":
        spec["model"]["filters"] += 1
    elif header == "nan":
        next(iter(weights.values())).fill_(torch.nan)
    elif header == "keys":
        weights.popitem()
    else:
        spec = header
    path.write_bytes(headed(spec, weights))
    refused(finished, READERS["model"], path)


@pytest.mark.parametrize(
    ("kind", "readers"), [("corpora", "train label"), ("mixes", "label train evaluate"), ("runs", "begin")]
)
def test_a_directory_of_another_name_is_refused(finished, kind, readers):
    """With its seal and all: a copy of one mix, corpus or run under the name of another."""
    file = {"corpora": "audio", "mixes": "test", "runs": "model"}[kind]
    path = finished.files[file].parent
    if kind == "corpora":
        (seal := path / "seal.json").write_text(seal.read_text().replace(path.name, "0123456789ab"))
    elif kind == "mixes":
        readers, other = "evaluate tabulate", finished.files["plan"].parent
        shutil.rmtree(path)
        shutil.copytree(other, path)
    else:
        shutil.rmtree(path)
        shutil.copytree(finished.runs[STUDENT], path)
    refused(finished, readers + " verify", path / "any")


def test_results_of_an_older_version_are_sealed_and_then_verified(finished, capsys):
    seals = list(RESULTS.glob("*/*/seal.json"))
    times = {path: path.stat().st_mtime_ns for path in RESULTS.rglob("*") if path.is_file()}
    for seal in seals:
        seal.unlink()
    for run in finished.runs.values():
        record = json.loads((run / "run.json").read_text())
        for key in ("run", "model", "history"):
            del record[key]
        (run / "run.json").write_text(json.dumps(record))
    refused(finished, "adopt", finished.runs[TEACHER] / "run.json")
    with pytest.raises(SepflowError, match="sepflow verify --seal results/mixes/"):
        finished.train()
    assert cli.main(["verify"]) == 0
    assert capsys.readouterr().out.count("unknown: ") == len(seals) + len(finished.runs)
    assert cli.main(["verify", "--seal"]) == 0
    assert "0 damaged, 0 unknown" in capsys.readouterr().out
    finished.adopt()
    records = {run / "run.json" for run in finished.runs.values()}
    made = {path: path.stat().st_mtime_ns for path in times if path not in records | set(seals)}
    assert made == {path: times[path] for path in made}


def test_verify_names_each_damaged_thing_and_the_command_that_makes_it_again(finished, capsys):
    for file in ("audio", "labels", "scores"):
        path = finished.files[file]
        path.write_bytes(flipped(path.read_bytes()))
    assert cli.main(["verify"]) == 1
    said = capsys.readouterr()
    assert said.out.count("damaged: ") == 3 and "error: 3 damaged" in said.err
    for file in ("audio", "labels", "scores"):
        assert str(finished.files[file]) in said.out
    assert f"snakemake {finished.files['manifest']}" in said.out
    assert f"snakemake {finished.files['labelled']}" in said.out
    assert cli.main(["verify", finished.files["test"].parent.name]) == 0
    assert cli.main(["verify", "nothing"]) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"parameters": 1},
        {"validation_loss": -50.0},
        {"seconds": -5},
        {"selected_step": 3},
        {"steps": 99},
    ],
    ids=str,
)
def test_a_record_that_says_other_than_the_run_is_refused(finished, said):
    path = finished.files["record"]
    path.write_text(json.dumps(json.loads(path.read_text()) | said))
    refused(finished, "adopt verify", path)


def test_a_run_that_was_not_trained_to_its_end_is_refused(finished):
    path, record = finished.files["history"], finished.files["record"]
    history = pd.read_csv(path, float_precision="round_trip").iloc[:1]
    history.to_csv(path, index=False)
    said = {"steps": 10, "selected_step": 10, "validation_loss": history["validation_loss"][0]}
    said["history"] = hashlib.sha256(path.read_bytes()).hexdigest()
    record.write_text(json.dumps(json.loads(record.read_text()) | said))
    refused(finished, "adopt verify", path)


@pytest.mark.parametrize("damage", ["cut", "gone", "journal", "complete", "another"])
def test_verify_reads_the_mixes_that_were_rendered(finished, damage):
    name = finished.files["test"].parent.name
    out = RESULTS / "rendered" / name
    export(finished.test, RESULTS, out, 1)
    finished.verify()
    wav = min((out / "s1").iterdir())
    path = {"journal": min(out.glob(".sepflow/mix/*/[0-9]*.json")), "cut": wav, "gone": wav}.get(damage)
    if damage == "another":
        out = out.rename(out.with_name("0123456789ab"))
    elif damage == "gone":
        path.unlink()
    else:
        path = path or out / "complete.json"
        path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(SepflowError, match=f"snakemake {out}/complete.json") as error:
        finished.verify()
    assert damage not in ("cut", "gone") or f"s1/{wav.name}: damaged" in str(error.value)
