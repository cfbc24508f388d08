"""Scores are held against what a table wants, and a table says who has heard its speakers."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from conftest import ROOT
from sepflow.applying.evaluation import evaluate
from sepflow.errors import SepflowError
from sepflow.files.contracts import read_history
from sepflow.mixes.mix import write_plan
from sepflow.models.artefact import save_model
from sepflow.planning import plan
from sepflow.planning.workflow import Jobs
from sepflow.reporting.scores import check_models, checked, read_runs
from sepflow.reporting.tables import write_table
from sepflow.tasks.built import build
from test_figures import PIT, small_results
from test_tables import CONTEXT, put, write_scores

HEAD = "mixture,pair,selection,source,metric,value\n"


def written(folder: Path) -> dict:
    """A table of three mixtures, all that it joins as it should be."""
    table = write_scores(folder, [4.0, 6.0, 5.0])
    write_table(table, CONTEXT, folder, folder / "table")
    for file in folder.glob("table.*"):
        file.unlink()
    return table


def refused(folder: Path, table: dict, name: str) -> str:
    """What is said where `table` is refused: one message, which names the file, and nothing is written."""
    with pytest.raises(SepflowError) as caught:
        write_table(table, CONTEXT, folder, folder / "table")
    assert name in str(caught.value) and not list(folder.glob("table.*"))
    return str(caught.value)


DAMAGES = {
    "empty": lambda data: b"",
    "junk": lambda data: b"\xff\xfe\x00\x80 junk \xc3(" * 20,
    "a picture": lambda data: b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "zeros": lambda data: bytes(len(data)),
    "cut within a row": lambda data: data[: len(data) * 2 // 3],
    "cut by its last byte": lambda data: data[:-1],
    "a quote": lambda data: data.replace(b",", b',"', 1),
    "of the first line only": lambda data: data.splitlines(keepends=True)[0],
    "no table": lambda data: b"<html>\n<p>not found</p>\n</html>\n",
}


@pytest.mark.parametrize("name", ["scores.csv", "scores.json", "runs/cafe/run.json"])
@pytest.mark.parametrize("damage", [*DAMAGES, "missing", "directory", "pipe"])
def test_a_damaged_file_is_one_message(tmp_path, name, damage):
    table, file = written(tmp_path), tmp_path / name
    data = file.read_bytes()
    file.unlink()
    if damage == "directory":
        file.mkdir()
    elif damage == "pipe":
        os.mkfifo(file)
    elif damage != "missing":
        file.write_bytes(DAMAGES[damage](data))
    refused(tmp_path, table, name)


@pytest.mark.parametrize("name", ["scores.json", "runs/cafe/run.json"])
@pytest.mark.parametrize("text", ["[]", "{}", "null", "3", '"text"', "[" * 100000, '{"run": NaN}'])
def test_a_record_of_something_else_is_one_message(tmp_path, name, text):
    table = written(tmp_path)
    (tmp_path / name).write_text(text)
    assert "no whole record" in refused(tmp_path, table, name)


@pytest.mark.parametrize(
    "key", ["seconds", "parameters", "steps", "selected_step", "device", "commit", "dirty"]
)
@pytest.mark.parametrize("value", [None, [1], {}, "text"])
def test_a_run_that_does_not_say_what_it_should_is_one_message(tmp_path, key, value):
    table, file = written(tmp_path), tmp_path / "runs/cafe/run.json"
    if value == "text" and key in ("device", "commit", "dirty"):
        value = 3
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    assert key in refused(tmp_path, table, "run.json")


def edited(scores: pd.DataFrame, change: str) -> pd.DataFrame:
    """The `scores`, changed as somebody could who writes a stamp too."""
    return {
        "cut at a row": scores.iloc[:3],
        "cut at a mixture": scores.iloc[:4],
        "a source lost": scores[scores["source"] == 1],
        "of other mixtures": scores.assign(mixture=scores["mixture"].str.replace("m", "validation-")),
        "of one mixture more": pd.concat([scores, scores.tail(2).assign(mixture="m3")]),
        "of a third source": pd.concat([scores, scores.assign(source=3)]),
        "of another metric": scores.assign(metric="sdri"),
        "of another selection": scores.assign(selection="oracle"),
        "twice": pd.concat([scores, scores]),
        "text": scores.assign(value=["5.0"] * 5 + ["five"]),
        "infinite": scores.assign(value=[5.0] * 5 + [float("inf")]),
        "no column": scores.drop(columns="pair"),
    }[change]


CHANGES = ("cut at a row", "cut at a mixture", "a source lost", "of other mixtures", "of one mixture more",
           "of a third source", "of another metric", "of another selection", "twice", "text", "infinite",
           "no column")  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stamped", [False, True])
def test_scores_that_are_not_those_of_the_mix_are_refused(tmp_path, change, stamped):
    table, file = written(tmp_path), tmp_path / "scores.csv"
    scores = edited(pd.read_csv(file), change)
    if stamped:  # by its digest the file is whole: only what it holds tells
        put(file, scores, mixtures=3)
    else:
        scores.to_csv(file, index=False)
    refused(tmp_path, table, "scores.csv")


def test_a_number_that_was_changed_is_seen(tmp_path):
    table, file = written(tmp_path), tmp_path / "scores.csv"
    file.write_text(file.read_text().replace("4.0", "5.0"))
    assert "not the scores that scores.json" in refused(tmp_path, table, "scores.csv")


@pytest.mark.parametrize(("key", "value"), [("run", "babe"), ("mix", "0123"), ("mixtures", 2)])
def test_the_scores_of_something_else_are_refused(tmp_path, key, value):
    table = written(tmp_path)
    put(tmp_path / "scores.csv", pd.read_csv(tmp_path / "scores.csv"), **{key: value})
    assert f"of the {key} {value}, not" in refused(tmp_path, table, "scores.json")


def test_a_test_mix_that_was_cut_is_seen(tmp_path):
    table, file = written(tmp_path), tmp_path / "mixes/beef/mix.csv"
    rows = pd.read_csv(file)
    rows.iloc[:2].to_csv(file, index=False)
    refused(tmp_path, table, "mix.csv")
    write_plan(file.parent, rows.iloc[:2])  # whole, but not what the scores are of
    refused(tmp_path, table, "scores.json")


@pytest.mark.parametrize(("key", "value"), [("run", "babe"), ("model", "f" * 64)])
def test_what_is_said_of_another_run_is_refused(tmp_path, key, value):
    table, file = written(tmp_path), tmp_path / "runs/cafe/run.json"
    stamp = json.loads((tmp_path / "scores.json").read_text())
    said = json.loads(file.read_text()) | {"run": "cafe", "model": stamp["model"]}
    file.write_text(json.dumps(said))
    write_table(table, CONTEXT, tmp_path, tmp_path / "good")
    file.write_text(json.dumps(said | {key: value}))
    refused(tmp_path, table, "run.json")


@pytest.mark.parametrize("damage", [*DAMAGES, "missing"])
def test_a_damaged_history_is_one_message(tmp_path, damage):
    data = b"step,validation_loss,seconds,label_switches\n10,-1.5,2.0,\n20,-2.5,4.0,0.5\n"
    if damage != "missing":
        (tmp_path / "history.csv").write_bytes(DAMAGES[damage](data))
    with pytest.raises(SepflowError, match="history.csv"):
        read_history(tmp_path / "history.csv", "a")


@pytest.mark.parametrize("column", ["step", "validation_loss", "seconds", "label_switches"])
@pytest.mark.parametrize("text", ["five", "inf", "1e", "<b>"])
def test_text_in_a_history_is_named_by_its_line(tmp_path, column, text):
    row = {"step": "10", "validation_loss": "-1.5", "seconds": "2.0", "label_switches": "0.5"}
    pd.DataFrame([row, row | {column: text}]).to_csv(tmp_path / "history.csv", index=False)
    with pytest.raises(SepflowError, match=f"line 3: {column}"):
        read_history(tmp_path / "history.csv", "a")


def test_scores_are_stamped_where_they_are_made_and_read_as_they_were(tmp_path):
    table, _, mix = small_results(tmp_path)
    mix.directory = tmp_path / "mixes/m"
    run = tmp_path / "runs/a"
    origin = {"commit": "abc", "dirty": "", "scorers": {"fast_bss_eval": "0.1"}, "code": "def"}
    evaluate(run / "model.safetensors", mix, run / "scores.csv", "cpu", origin=origin)
    stamp = json.loads((run / "scores.json").read_text())
    digests = [
        hashlib.sha256((run / x).read_bytes()).hexdigest() for x in ("model.safetensors", "scores.csv")
    ]
    assert stamp == origin | {
        "run": None,
        "mix": "m",
        "mixtures": 3,
        "model": digests[0],
        "scores": digests[1],
    }
    (run / "scores.json").write_text(json.dumps(stamp | {"run": "a"}))
    stamps = checked(table | {"rows": table["rows"][:1]}, {"m": mix.table})
    check_models(stamps.values(), tmp_path)
    torch.manual_seed(7)
    save_model(run / "model.safetensors", build(PIT).model.state_dict(), PIT)
    with pytest.raises(SepflowError, match="not the model that was scored"):
        check_models(stamps.values(), tmp_path)


def test_a_model_of_another_run_is_not_scored(tmp_path):
    found = plan.load({"scale": "smoke", "papers": ["ts_mixit"]}, ROOT)
    spec = found.find("supervised_100").spec
    save_model(tmp_path / "model.safetensors", build(spec).weights(), spec)
    name, other = found.find("supervised_100").name, found.find("supervised_10").name
    _, _, mix = small_results(tmp_path)
    evaluate(tmp_path / "model.safetensors", mix, tmp_path / "scores.csv", "cpu", name)
    with pytest.raises(SepflowError, match=f"{name}, not of {other}"):
        evaluate(tmp_path / "model.safetensors", mix, tmp_path / "others.csv", "cpu", other)
    assert not (tmp_path / "others.csv").exists() and not (tmp_path / "others.json").exists()


def test_the_versions_of_a_table_are_its_own_and_those_of_its_scores_theirs(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0])
    scores = pd.read_csv(tmp_path / "scores.csv")
    put(tmp_path / "other.csv", scores, "babe", commit="fed", dirty="123", scorers={"fast_bss_eval": "0.2"})
    shutil.copytree(tmp_path / "runs/cafe", tmp_path / "runs/babe")
    again = {"id": "s", "runs": {"babe": "y"}, "scores": [str(tmp_path / "other.csv")]}
    table["rows"].append(table["rows"][0] | again)
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    lines = [line for line in (tmp_path / "table.md").read_text().splitlines() if line.startswith("- ")]
    assert "- Table: sepflow 0, commit `abc`; numpy 2." in lines
    assert [line for line in lines if line.startswith("- Scores")] == [
        "- Scores: commit `def`; fast_bss_eval 0.1.",
        "- Scores: commit `fed` with uncommitted changes (`123`); fast_bss_eval 0.2.",
    ]
    assert (
        len(
            read_runs(table, checked(table, {"beef": pd.read_csv(tmp_path / "mixes/beef/mix.csv")}), tmp_path)
        )
        == 2
    )


class TestHeard:
    """The speakers of the tests are s1 and s2."""

    def said(self, folder, trained: dict[str, tuple[bool, str | None]]) -> str:
        """What is said of a test mix. Of a mix trained on: if it is of one corpus, and its first speaker."""
        table = write_scores(folder, [4.0, 6.0])
        for mix, (_, speaker) in trained.items():
            if speaker:
                own = pd.read_csv(folder / "mixes/beef/mix.csv").assign(speaker_1=speaker, speaker_2="t")
                write_plan(folder / "mixes" / mix, own)
        heard = {mix: {"comparable": same, "runs": [f"of_{mix}"]} for mix, (same, _) in trained.items()}
        write_table(table, CONTEXT | {"heard": {"beef": heard}}, folder, folder / "table")
        text = (folder / "table.md").read_text()
        return next(line for line in text.splitlines() if line.startswith("- Test mix"))

    def test_none(self, tmp_path):
        said = self.said(tmp_path, {"x": (True, "u"), "y": (True, "v")})
        assert "2 mixtures of 2 speakers; none of them is in a mix" in said and "over 2 mixes" in said

    def test_one_in_whatever_mix(self, tmp_path):
        said = self.said(tmp_path, {"x": (True, "u"), "y": (True, "s2")})
        assert "**1 of them were heard** in training or validation by of_y (mix `y`)" in said
        assert "none of them" not in said

    @pytest.mark.parametrize("there", [False, True])
    def test_what_cannot_be_checked(self, tmp_path, there):
        if there:  # but nothing says that it is what it is called
            (tmp_path / "mixes/x").mkdir(parents=True)
            (tmp_path / "mixes/x/mix.csv").write_text("id\n")
        said = self.said(tmp_path, {"x": (True, None), "y": (False, "s2")})
        assert "not checked: `x`" in said and "1 mix of other corpora not compared" in said
        assert "none of them" not in said and "heard" not in said

    def test_all_that_a_run_builds_on_has_trained(self):
        jobs = Jobs(plan.load({"scale": "smoke", "papers": ["ts_mixit"]}, ROOT))
        table = jobs.plan.tables["ts_mixit", "table2"]
        only = table | {"rows": [row for row in table["rows"] if row["id"] == "distilled_finetuned"]}
        jobs.plan.tables["ts_mixit", "only"] = only
        (heard,) = jobs.context(SimpleNamespace(paper="ts_mixit", table="only"))["heard"].values()
        runs = {run for mix in heard.values() for run in mix["runs"]}
        assert runs == {"distilled_finetuned", "finetuned", "student_1or2src", "teacher_1or2src"}
        assert {jobs.plan.mixes[mix]["split"] for mix in heard} == {"train", "validation"}

    def test_names_say_nothing_between_corpora(self):
        jobs = Jobs(plan.load({"scale": "paper", "papers": ["ssl_pretraining"]}, ROOT))
        context = jobs.context(SimpleNamespace(paper="ssl_pretraining", table="table2"))
        for test, heard in context["heard"].items():
            for mix, of in heard.items():
                same = jobs.plan.mixes[mix]["corpus"] == jobs.plan.mixes[test]["corpus"]
                assert of["comparable"] == same
        assert {of["comparable"] for heard in context["heard"].values() for of in heard.values()} == {
            True,
            False,
        }
