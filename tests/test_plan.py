"""The plan: names that stay, specs that say everything, the paper's numbers."""

import copy
from types import SimpleNamespace

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ROOT
from sepflow.errors import SepflowError
from sepflow.identity import NEUTRAL, RECIPES, difference, digest, merge, run_name
from sepflow.mixes.recipes import rate_of
from sepflow.planning import plan
from sepflow.planning.tables import resolve
from sepflow.planning.workflow import FORMATS, PICTURES, Jobs
from sepflow.tasks.built import build
from steps import loss_of

# Names that users have on disk. They change when what determines a run changes, and then on purpose.
FROZEN = {
    "teacher_2src": "1aba9e1323e9",
    "teacher_1or2src": "6bf801ca134b",
    "student_2src": "396eb4281b0f",
    "student_1or2src": "cba7e7964117",
    "finetuned": "922d77839a6d",
    "distilled": "3c588ff22779",
    "distilled_finetuned": "f18ba7ffb342",
    "teacher_dprnn": "2fa619e6c63c",
    "supervised_10": "c9cb5c661183",
    "supervised_10_dprnn": "62051786a0e4",
    "supervised_100": "4e553c65281e",
}

# Section 3 of the paper, and what its first author's code adds (segments, epochs, clipping).
PAPER_FILE = "papers/ts_mixit.yaml"

PAPER = {
    "batch": 8,
    "segment": 4.0,
    "steps": 30 * 20000 // 8,
    "optimizer.name": "adam",
    "optimizer.lr": 1e-3,
    "optimizer.clip": 5.0,
    "objective.max_snr": 30.0,
    "objective.consistency": True,
    "data.rate": 8000,
    "data.mixtures": 20000,
    "data.level_difference": [-5.0, 5.0],
}
CONV_TASNET = {
    "filters": 256,
    "kernel": 20,
    "bottleneck": 128,
    "hidden": 256,
    "repeats": 4,
    "blocks": 7,
    "skip": 128,
}
DPRNN = {"filters": 64, "kernel": 2, "stride": 1, "bottleneck": 64, "hidden": 128, "chunk": 250, "repeats": 6}
RUNS = {  # outputs M, model, parameters, objective, first mixtures, dynamic, share of single-speaker mixtures
    "teacher_2src": (4, "conv_tasnet", 2_999_993, "mixit", None, True, 0.0),
    "teacher_1or2src": (4, "conv_tasnet", 2_999_993, "mixit", None, True, 0.1),
    "student_2src": (2, "conv_tasnet", 2_933_945, "pit", None, False, 0.0),
    "student_1or2src": (2, "conv_tasnet", 2_933_945, "pit", None, False, 0.0),
    "finetuned": (2, "conv_tasnet", 2_933_945, "pit", 2000, False, 0.0),
    "distilled": (2, "dprnn", 2_608_065, "pit", None, False, 0.0),
    "distilled_finetuned": (2, "dprnn", 2_608_065, "pit", None, False, 0.0),
    "teacher_dprnn": (4, "dprnn", 2_616_385, "mixit", None, True, 0.1),
    "supervised_10": (2, "conv_tasnet", 2_933_945, "pit", 2000, False, 0.0),
    "supervised_10_dprnn": (2, "dprnn", 2_608_065, "pit", 2000, False, 0.0),
    "supervised_100": (2, "conv_tasnet", 2_933_945, "pit", None, False, 0.0),
}


def load(scale: str, **config) -> plan.Plan:
    return plan.load({"scale": scale, "papers": ["ts_mixit"]} | config, ROOT)


def test_names_at_scale_paper_are_frozen():
    found = load("paper")
    assert {run.aliases[0].split("/")[1]: run.name for run in found.runs.values()} == FROZEN


@pytest.mark.parametrize("scale", ["smoke", "demo", "paper"])
def test_every_scale_resolves_all_rows_of_both_tables(scale):
    found = load(scale)
    assert [len(found.tables["ts_mixit", f"table{n}"]["rows"]) for n in (1, 2)] == [6, 8]
    assert len(found.runs) == 11


@pytest.mark.parametrize("label", RUNS)
def test_scale_paper_is_the_paper(label):
    spec = load("paper").find(label).spec
    mix = spec["data"]["mix"].get("mix", spec["data"]["mix"])
    flat = {key: spec[key] for key in ("batch", "segment", "steps")}
    flat |= {f"optimizer.{key}": spec["optimizer"][key] for key in ("name", "lr", "clip")}
    flat |= {f"objective.{key}": spec["objective"][key] for key in ("max_snr", "consistency")}
    flat |= {"data.rate": rate_of(mix), "data.mixtures": mix["mixtures"]}
    flat |= {"data.level_difference": mix["level_difference"]}
    assert flat == PAPER
    model, outputs = spec["model"], RUNS[label][:2]
    assert (model["sources"], model["name"]) == outputs
    wanted = CONV_TASNET if model["name"] == "conv_tasnet" else DPRNN
    assert {key: model[key] for key in wanted} == wanted
    data = spec["data"]
    assert (spec["objective"]["name"], data["first"], data["dynamic"], data["single_speaker"]) == RUNS[label][
        3:
    ]


@pytest.mark.parametrize("label", RUNS)
def test_every_model_of_scale_paper_takes_a_step(label):
    spec = load("paper").find(label).spec
    torch.manual_seed(0)
    task = build(spec)
    assert sum(weight.numel() for weight in task.parameters()) == RUNS[label][2]
    references = torch.randn(1, 2, 4000) * 0.05
    optimizer = torch.optim.Adam(task.parameters(), lr=spec["optimizer"]["lr"])
    before = [weight.detach().clone() for weight in task.parameters()]
    loss = loss_of(task, (references.sum(1), references)).mean()
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    moved = [not torch.equal(old, new) for old, new in zip(before, task.parameters(), strict=True)]
    assert sum(moved) > 0.9 * len(moved)


def test_a_baseline_of_two_tables_is_trained_once():
    found = load("demo")
    rows = {(table, row["id"]): row["runs"] for (_, table), x in found.tables.items() for row in x["rows"]}
    assert rows["table1", "supervised_10"] == rows["table2", "supervised_10"]
    assert rows["table1", "ts_mixit_1or2src"] == rows["table2", "student"]


def test_seeds_make_a_cell_of_several_runs_each_on_its_own_teacher(checkout, voices):
    config = {"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": str(voices)}}
    before = plan.load(config, checkout.root)
    checkout.edit("config/scales/tiny.yaml", "    base:", "    seeds: [1, 5]\n    base:")
    after = plan.load(config, checkout.root)
    assert set(before.runs) < set(after.runs) and len(after.runs) == 2 * len(before.runs)
    row = after.tables["ts_mixit", "table1"]["rows"][2]
    assert row["runs"] == {after.find(label).name: label for label in ("student_2src", "student_2src@5")}
    assert next(iter(row["runs"])) == before.find("student_2src").name
    assert [file.split("/")[2] for file in row["scores"]] == list(row["runs"])
    student = after.find("student_2src@5").spec
    assert student["seed"] == 5 and student["data"]["mix"]["run"] == after.find("teacher_2src@5").name
    assert after.find("finetuned@5").spec["init"] == after.find("student_1or2src@5").name
    checkout.edit("config/papers/ts_mixit.yaml", "student_2src: {", "student_2src: {seed: 3, ")
    with pytest.raises(SepflowError, match=r"runs.student_2src: seed: 3, beside seeds: \[1, 5\]"):
        plan.load(config, checkout.root)


@pytest.mark.parametrize("path", NEUTRAL)
def test_a_neutral_key_renames_nothing(path):
    said = copy.deepcopy(load("demo").find("supervised_100").spec)
    *parents, key = path.split(".")
    (said[parents[0]] if parents else said)[key] = NEUTRAL[path]
    unsaid = copy.deepcopy(said)
    del (unsaid[parents[0]] if parents else unsaid)[key]
    assert run_name(unsaid) == run_name(said)


@settings(deadline=None)
@given(st.floats(1e-6, 1.0), st.integers(1, 10_000))
def test_any_other_change_renames(lr, seed):
    spec = load("demo").find("supervised_100").spec
    changed = merge(spec, {"optimizer": {"lr": lr}, "seed": seed})
    same = lr == spec["optimizer"]["lr"] and seed == spec["seed"]
    assert (run_name(changed) == run_name(spec)) == same


def test_how_a_number_is_written_does_not_rename():
    assert digest({"a": 30.0, "b": [5.0]}) == digest({"b": [5], "a": 30})
    assert digest({"a": 0.5}) != digest({"a": 5})


@pytest.mark.parametrize("stage", sorted(RECIPES))
def test_new_code_of_a_stage_renames_what_is_made_by_it(stage, monkeypatch):
    scale = "paper" if stage in ("folder", "wsj0mix", "librimix") else "demo"
    noisy = stage in ("librimix", "noise")
    paper, label = ("ssl_pretraining", "se") if noisy else ("ts_mixit", "student_2src")
    before = load(scale, papers=[paper]).find(label).name
    monkeypatch.setitem(RECIPES, stage, RECIPES[stage] + 1)
    assert load(scale, papers=[paper]).find(label).name != before


def test_one_key_of_a_teacher_renames_its_students_only(tmp_path):
    before, after = load("demo"), load("demo")
    teacher = merge(after.find("teacher_2src").spec, {"seed": 5})
    student = copy.deepcopy(after.find("student_2src").spec)
    student["data"]["mix"]["run"] = run_name(teacher)
    assert run_name(student) != before.find("student_2src").name
    assert before.find("student_2src").spec["data"]["mix"]["run"] == before.find("teacher_2src").name


def test_difference_names_the_key_and_both_values():
    found = load("demo")
    a, b = found.find("teacher_2src"), found.find("teacher_1or2src")
    assert difference(a.spec, b.spec) == [("data.single_speaker", 0.0, 0.1)]


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (PAPER_FILE, "batch: 8", "bacth: 8", ["ts_mixit.yaml", "base", "did you mean 'batch'"]),
        (PAPER_FILE, "init: student_1or2src", "init: student_1or2", ["finetuned", "student_1or2src"]),
        (PAPER_FILE, "run: student_2src", "run: student_2", ["table1", "did you mean 'student_2src'"]),
        (PAPER_FILE, "  batch: 8", "  batch: 8\n  batch: 9", ["'batch' stands twice", "line"]),
        (PAPER_FILE, "batch: 8", "batch: eight", ["base.batch", "'eight'"]),
        (PAPER_FILE, "title:", "title: [", ["ts_mixit.yaml", "not valid YAML", "line"]),
        (PAPER_FILE, "init: student_1or2src", "init: finetuned", ["finetuned -> finetuned"]),
        (PAPER_FILE, "than: mixit_2src}", "than: mixit}", ["comparisons", "mixit"]),
        (PAPER_FILE, "validate_every: 2500", "validate_every: 2400", ["validate_every", "75000"]),
        (PAPER_FILE, "  teacher: {model", "  techer: {model", ["stages", "did you mean 'teacher'"]),
        (PAPER_FILE, "    role: clean_speech_pairs\n", "", ["mixes.train", "role: not set"]),
        (PAPER_FILE, "{name: conv_tasnet, sources: 2}", "{name: conv_tasnet, sorces: 2}", ["'sources'"]),
        ("scales/paper.yaml", "  ts_mixit:", "  ts_mixti:", ["papers.ts_mixti", "'ts_mixit'"]),
        ("scales/paper.yaml", "layout:", "layuot:", ["corpora.wsj0", "did you mean 'layout'"]),
        (PAPER_FILE, "selection: oracle", "selection: none", ["oracle_2src", "selection"]),
        ("scales/paper.yaml", "wsj0_mix: {kind", "wsj: {kind", ["paper.yaml", "clean_speech_pairs"]),
        ("scales/paper.yaml", "kind: folder", "kind: folders", ["corpora.wsj0"]),
        ("scales/paper.yaml", "    mixes:", "    runs: {x: {}}\n    mixes:", ["runs.x", "there is"]),
    ],
)  # fmt: skip
def test_a_wrong_key_is_named_with_its_file_and_what_was_meant(checkout, file, old, new, words):
    checkout.edit(f"config/{file}", old, new)
    with pytest.raises(SepflowError) as error:
        plan.load({"scale": "paper", "papers": ["ts_mixit"]}, checkout.root)
    assert [word for word in words if word not in str(error.value)] == []


ROW = "published: 9.8, run: teacher_2src, selection: oracle}"  # that comparisons name
FIRST = "metrics: [si_snri]\n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            FIRST,
            "metrics: [si_sdri]\n",
            ["table1.metrics: there is no metric 'si_sdri'; did you mean"],
        ),
        (FIRST, "metrics: []\n", ["table1.metrics"]),
        (FIRST, "metric: si_snri\n", ["table1", "metric"]),
        (FIRST, "metrics: [si_snri, sdri]\n", ["rows.mixit_2src", "published: 1 given for si_snri, sdri"]),
        (
            ROW,
            "published: 9.8, run: teacher_2src, reported: true}",
            ["rows.oracle_2src", "one of these is needed"],
        ),
        (ROW, "published: 9.8}", ["rows.oracle_2src", "run, system, or reported"]),
        (ROW, "reported: true}", ["rows.oracle_2src", "published: 0 given for si_snri"]),
        (ROW, "published: 9.8, reported: true}", ["comparisons.0.better", "'oracle_2src'", "is reported"]),
        (ROW, f"metrics: [sdri], {ROW}", ["comparisons.0.better", "no scores of si_snri", "of its own"]),
        (ROW, f"metrics: [accuracy], {ROW}", ["rows.oracle_2src", "metrics: accuracy", "task separation"]),
        ("[MixIT (Energy), 2-src, 4]", "[MixIT, 4]", ["rows.mixit_2src", "2 cells for 3 columns"]),
    ],
)
def test_what_is_wrong_in_a_table_is_named_with_its_row(checkout, old, new, words):
    checkout.edit(f"config/{PAPER_FILE}", old, new)
    with pytest.raises(SepflowError) as error:
        plan.load({"scale": "paper", "papers": ["ts_mixit"]}, checkout.root)
    assert [word for word in ("ts_mixit", *words) if word not in str(error.value)] == []


def test_a_row_has_its_own_metrics_its_runs_and_the_papers_numbers(checkout):
    last = '      supervised_10: {cells: [Supervised (10%), "-", 2], published: 11.0, run: supervised_10}\n'
    rows = (
        "      own: {cells: [a, b, 2], metrics: [si_snr, sdr], published: [1, 2.5], run: supervised_10}\n"
        "      quoted: {cells: [a, b, 2], published: 20.2, reported: true}\n"
        "      new: {cells: [a, b, 2], run: supervised_10}\n"
    )
    checkout.edit(f"config/{PAPER_FILE}", last, last + rows)
    found = plan.load({"scale": "paper", "papers": ["ts_mixit"]}, checkout.root)
    table = found.tables["ts_mixit", "table1"]
    own, quoted, new = table["rows"][-3:]
    assert own["metrics"] == ["si_snr", "sdr"] and own["published"] == {"si_snr": 1, "sdr": 2.5}
    assert quoted["reported"] and quoted["published"] == {"si_snri": 20.2}
    assert quoted["runs"] == {} and quoted["scores"] == []
    assert new["published"] == {} and new["metrics"] == ["si_snri"] and not new["reported"]
    assert own["runs"] == new["runs"] == {FROZEN["supervised_10"]: "supervised_10"}
    assert table["metrics"] == ["si_snri"] and table["pictures"]
    jobs = Jobs(found)
    files = jobs.table_inputs(SimpleNamespace(paper="ts_mixit", table="table1"))
    assert len(files) == len(set(files))
    for end in (".csv", ".json"):
        assert sum("/scores/" in file and file.endswith(end) for file in files) == 5


@pytest.mark.parametrize(
    ("metric", "speakers", "task", "pictures"),
    [
        ("si_snri", 2, "separation", True),
        ("si_snri", 1, "separation", False),  # an enhancement: one reference, one estimate
        ("masked_snri", 1, "mama", False),
        ("accuracy", 1, "contrastive", False),
    ],
)
def test_pictures_are_of_separations(metric, speakers, task, pictures):
    table = {"columns": ["a"], "metrics": [metric], "test": "t", "rows": {"r": {"cells": ["x"], "run": "y"}}}
    tests = {"t": {"speakers": speakers, "rate": 8000}}
    spec = {"task": task, "model": {"sources": speakers}, "data": {"mix": {"rate": 8000}}}
    found = resolve(table, tests, lambda *_: ({"cafe": "y"}, spec), "")
    assert found["pictures"] == pictures
    quoted = table | {"rows": {"r": {"cells": ["x"], "published": 1.0, "reported": True}}}
    assert not resolve(quoted, tests, None, "")["pictures"]


def test_a_table_without_pictures_asks_for_none():
    found = load("smoke")
    found.tables["ts_mixit", "table2"]["pictures"] = False
    files = Jobs(found).results("ts_mixit")
    assert sum("figures/ts_mixit/table1" in file for file in files) == len(PICTURES)
    assert sum("table2" in file for file in files) == len(FORMATS)


def test_a_wrong_key_of_config_and_a_wrong_scale():
    with pytest.raises(SepflowError, match="did you mean 'corpora'"):
        load("demo", corpra={})
    with pytest.raises(
        SepflowError, match=r"domo.yaml: no such file. There are: demo, gpu_day, mini, paper, smoke"
    ):
        load("domo")
    with pytest.raises(
        SepflowError, match=r"corpora.speech is not set.*give its directory(.|\n)*openslr.org/101"
    ):
        load("mini")
    with pytest.raises(SepflowError, match=r"corpora.speech: .*nowhere"):
        load("mini", corpora={"speech": "/nowhere"})
    with pytest.raises(
        SepflowError, match="corpora.spech: there is no corpus 'spech'; did you mean 'speech'"
    ):
        load("mini", corpora={"spech": "/nowhere"})


def test_where_a_folder_lies_is_no_part_of_a_name(voices, tmp_path):
    (tmp_path / "elsewhere").symlink_to(voices)
    first = load("mini", corpora={"speech": str(voices)})
    second = load("mini", corpora={"speech": str(tmp_path / "elsewhere")})
    assert list(first.runs) == list(second.runs)
    assert yaml.safe_dump(first.corpora) == yaml.safe_dump(second.corpora)
