"""Columns that are more than a metric, rows that no run is behind, and dashes: in the plan and in a table."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sepflow.applying.systems import ESTIMATES, evaluate_system
from sepflow.audit import verify
from sepflow.errors import SepflowError
from sepflow.mixes.mix import write_plan
from sepflow.planning import plan
from sepflow.planning.layout import SYSTEMS, compared, files_of, mixes_of, stamp_of
from sepflow.planning.messages import Messages
from sepflow.planning.workflow import Jobs
from sepflow.reporting.tables import write_table
from test_figures import RATE, small_results
from test_tables import CONTEXT, markdown_lines, put, write_scores

PAPER = "config/papers/ts_mixit.yaml"
FIRST, CLAIMS = "metrics: [si_snri]\n", "    comparisons: []"
LAST = '      supervised_10: {cells: [Supervised (10%), "-", 2], published: 11.0, run: supervised_10}\n'


def mixture(more: str = "", name: str = "mixture", what: str = "system: mixture") -> str:
    """A row of table1 that no run is behind."""
    return f'      {name}: {{cells: [Mixture, "-", "-"], {what}{more}}}\n'


@pytest.fixture
def cut(checkout):
    """A checkout whose table1 has but one row, that says no published number."""
    text = (checkout.root / PAPER).read_text()
    before, rest = text.split("    rows:\n      mixit_2src", 1)
    claims = rest.index("    comparisons:\n")
    after = rest[claims:].split("  table2:", 1)[1]
    kept = LAST.replace("published: 11.0, ", "")
    (checkout.root / PAPER).write_text(f"{before}    rows:\n{kept}    comparisons: []\n  table2:{after}")
    return checkout


def cut_plan(cut, columns: str, rows: str = "", comparisons: str = "[]") -> plan.Plan:
    """The plan of `cut` with these columns of numbers, further rows and comparisons in table1."""
    row = LAST.replace("published: 11.0, ", "")
    for old, new in (
        (FIRST, f"metrics: {columns}\n"),
        (row, row + rows),
        (CLAIMS, CLAIMS[:-2] + comparisons),
    ):
        cut.edit(PAPER, old, new)
    return plan.load({"scale": "smoke", "papers": ["ts_mixit"]}, cut.root)


WIDE = "[si_snri, {metric: si_snr, test: validation, head: 5 dB}, {metric: parameters}]"


def test_a_column_is_of_its_own_test_mix_and_a_fact_of_none(cut):
    found = cut_plan(cut, WIDE)
    table, jobs = found.tables["ts_mixit", "table1"], Jobs(found)
    assert table["metrics"] == ["si_snri", "si_snr:validation", "parameters"]
    assert table["heads"] == {"si_snr:validation": {"metric": "si_snr", "head": "5 dB"}}
    (row,) = table["rows"]
    own, other = mixes_of(table)
    assert [found.mixes[mix]["split"] for mix in (own, other)] == ["test", "validation"]
    (run,) = row["runs"]
    assert [files_of(row, key) for key in row["metrics"]] == [
        [f"results/runs/{run}/scores/{own}.csv"], [f"results/runs/{run}/scores/{other}.csv"], []
    ]  # fmt: skip
    names = SimpleNamespace(paper="ts_mixit", table="table1")
    files = jobs.table_inputs(names)
    for file in (f"results/runs/{run}/scores/{other}.csv", f"results/mixes/{other}/mix.csv"):
        assert file in files
    assert set(jobs.context(names)["heard"]) == {own, other} and table["pictures"]
    assert "Table 1 row 1" in Messages(found).scores(run, other)
    assert jobs.table_code(names) != jobs.table_code(SimpleNamespace(paper="ts_mixit", table="table2"))


def test_a_table_may_be_of_columns_on_their_own_mixes_alone(cut):
    found = cut_plan(cut, "[{metric: si_snr, test: validation}, {metric: si_snr, test: train}]")
    table = found.tables["ts_mixit", "table1"]
    assert [head["head"] for head in table["heads"].values()] == ["validation", "train"]
    assert table["rows"][0]["scores"] == [] and len(compared(table)) == 1 and not table["pictures"]


def test_a_row_without_a_run_has_scores_of_its_own(cut):
    rows = mixture() + mixture(name="references", what="system: references")
    found = cut_plan(cut, WIDE, rows, "[{claim: c, better: supervised_10, than: mixture}]")
    table, jobs = found.tables["ts_mixit", "table1"], Jobs(found)
    _, first, references = table["rows"]
    own, other = mixes_of(table)
    assert first["runs"] == {} and not first["reported"] and len(compared(table)) == 3
    for row, system in ((first, "mixture"), (references, "references")):
        assert [files_of(row, key) for key in row["metrics"]] == [
            [f"results/systems/{system}/separation/{mix}.csv"] for mix in (own, other)
        ] + [[]]
    names = SimpleNamespace(paper="ts_mixit", table="table1")
    files = jobs.table_inputs(names)
    assert {stamp_of(file) for file in files_of(first, "si_snri")} <= set(files) and table["pictures"]
    system = SimpleNamespace(system="mixture", group="separation", mix=own)
    assert list(jobs.system_scorers(system)) == ["fast_bss_eval", "numpy", "scipy"]
    run = SimpleNamespace(run=next(iter(table["rows"][0]["runs"])), mix=own)
    assert jobs.system_code(system) != jobs.scoring_code(run)
    said = Messages(found).system("mixture", "separation", own)
    assert said == "score the mixture in place of estimates (separation): Table 1 row 2 of ts_mixit"


TRIED = "[{claim: c, better: supervised_10, than: mixture}]"
ALIKE = TRIED.replace("}", ", alike: [steps]}")
TWICE = "[{metric: si_snr, test: train, head: x}, {metric: si_snr, test: test, head: x}]"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("[{metric: si_sn}]", "table1.metrics: there is no metric 'si_sn'; did you mean 'si_snr'"),
        ("[{metric: si_snr, hed: x}]", "table1.metrics.0: unknown key 'hed'; did you mean 'head'"),
        ("[{test: validation}]", "table1.metrics.0: not set: 'metric'"),
        ("[3]", "table1.metrics.0: 3 is not of type"),
        ("[si_snr, {metric: si_snr, head: x}]", "table1.metrics: si_snr twice"),
        (TWICE, "table1.metrics: si_snr:test twice, or under one head"),
        ("[{metric: si_snr, test: nowhere}]", "table1.test: mix: there is no mix 'nowhere'"),
        ("[{metric: si_snr, with: {recogniser: am1}}]", "si_snr: with: recogniser: no other run computes it"),
        ("[{metric: parameters, test: train}]", "parameters: test: it is a fact of a run"),
        ("[{metric: accuracy}]", "supervised_10: metrics: accuracy: a run of the task separation has si_snr"),
    ],
)
def test_what_is_wrong_in_a_column_is_one_message(cut, columns, said):
    with pytest.raises(SepflowError, match=said):
        cut_plan(cut, columns)


QUOTED = mixture(what="reported: true, published: [null, null]")


@pytest.mark.parametrize(
    ("columns", "row", "comparisons", "said"),
    [
        ("[sdr]", mixture(what="system: mixtures"), "[]", "no system 'mixtures'; did you mean 'mixture'"),
        ("[sdr]", mixture(", run: supervised_10"), "[]", "rows.mixture: one of these is needed"),
        ("[sdr]", mixture(", selection: oracle"), "[]", "rows.mixture: selection: nothing is selected"),
        ("[sdr]", mixture(", metrics: [chance]"), "[]", "rows.mixture: metrics: chance: no score of signals"),
        ("[sdr, sdri]", QUOTED, "[]", "rows.mixture: published: a row that is reported has a number"),
        ("[sdr, sdri]", mixture(", published: [1.0]"), "[]", "published: 1 given for sdr, sdri"),
        ("[sdr]", mixture(", published: [one]"), "[]", "published.0: 'one' is not of"),
        ("[sdr]", mixture(), ALIKE, "comparisons.0: alike: row 'mixture' has no run that could be alike"),
        ("[parameters]", mixture(), TRIED, "better: .*no scores of parameters.*a fact of the runs"),
        (
            "[sdr]",
            mixture(", test: validation"),
            TRIED,
            "rows supervised_10 and mixture are of different test",
        ),
    ],
)
def test_what_is_wrong_in_a_row_is_one_message(cut, columns, row, comparisons, said):
    with pytest.raises(SepflowError, match=said):
        cut_plan(cut, columns, row, comparisons)


def test_a_test_mix_at_another_rate_is_refused(cut):
    cut.edit(
        PAPER, "\n  validation: {<<: *mix,", "\n  wide: {<<: *mix, rate: 16000}\n  validation: {<<: *mix,"
    )
    with pytest.raises(
        SepflowError, match="rows.supervised_10: the run hears 8000 Hz, and is tested at 16000"
    ):
        cut_plan(cut, "[{metric: si_snr, test: wide}]")


def test_a_dash_is_a_number_that_is_not_there(cut):
    rows = mixture(", published: [null, 2.5, null]") + mixture(", published: null", "other")
    rows += mixture(name="quoted", what="published: [3, null, 1.5], reported: true")
    table = cut_plan(cut, WIDE, rows).tables["ts_mixit", "table1"]
    assert [row["published"] for row in table["rows"]] == [
        {}, {"si_snr:validation": 2.5}, {}, {"si_snri": 3, "parameters": 1.5}
    ]  # fmt: skip


def test_every_system_of_the_plan_is_one_that_can_be_scored():
    assert set(SYSTEMS) == set(ESTIMATES)


def test_systems_are_scored_as_they_are(tmp_path):
    _, _, mix = small_results(tmp_path)
    mix.directory = tmp_path / "mixes/m"
    origin = {"commit": "abc", "dirty": "", "scorers": {"fast_bss_eval": "0.1"}}
    for system in SYSTEMS:
        out = tmp_path / f"systems/{system}/separation/m.csv"
        out.parent.mkdir(parents=True)
        evaluate_system(system, "separation", mix, RATE, out, origin)
        scores = pd.read_csv(out).pivot_table(index=["mixture", "source"], columns="metric", values="value")
        assert len(scores) == 6 and list(pd.read_csv(out)["selection"].unique()) == ["none"]
        if system == "mixture":
            np.testing.assert_array_equal(scores[["si_snri", "sdri"]], 0)
        else:
            np.testing.assert_allclose(scores[["si_snr", "sdr"]], 100)
        stamp = json.loads(out.with_suffix(".json").read_text())
        assert stamp["system"] == system and stamp["group"] == "separation" and stamp["commit"] == "abc"
        assert "run" not in stamp and "model" not in stamp
    found = verify.find(tmp_path, ["mixture"])
    assert list(verify.verify(found)) == []
    scores = tmp_path / "systems/mixture/separation/m.csv"
    scores.write_text(scores.read_text().replace("test-0", "test-9"))
    (error,) = verify.verify(found)
    assert "m.csv: not the scores that m.json" in str(error)


def of_system(folder: Path, system: str, values: list[float], mix: str = "beef") -> str:
    """Scores of a system, both sources alike."""
    lines = [
        {
            "mixture": f"m{i}",
            "pair": "same",
            "selection": "none",
            "source": k,
            "metric": "si_snri",
            "value": v,
        }
        for i, v in enumerate(values)
        for k in (1, 2)
    ]
    put(folder / f"{system}.csv", pd.DataFrame(lines), mix=mix)
    stamp = json.loads((folder / f"{system}.json").read_text())
    del stamp["run"], stamp["model"]
    (folder / f"{system}.json").write_text(json.dumps(stamp | {"system": system, "group": "separation"}))
    return str(folder / f"{system}.csv")


def with_mixture(folder: Path, values: list[float] = (0.0, 0.5, 1.0)) -> dict:
    """A table of a run and the mixture, which are compared."""
    table = write_scores(folder, [4.0, 6.0, 5.0])
    row = {"id": "mixture", "cells": ["Mixture", "-"], "system": "mixture", "runs": {}, "published": {}}
    table["rows"].append(table["rows"][0] | row | {"scores": [of_system(folder, "mixture", list(values))]})
    table["comparisons"] = [{"claim": "better than nothing", "better": "r", "than": "mixture"}]
    return table


def test_a_row_without_a_run_stands_in_the_table_like_any_other(tmp_path):
    table = with_mixture(tmp_path)
    write_table(table, CONTEXT | {"untrained": False}, tmp_path, tmp_path / "table")
    line = (tmp_path / "table.csv").read_text().splitlines()[2]
    assert line.startswith("Mixture,-,si_snri,,0.5,,3,0.") and line.endswith(",mixture,tiny,False")
    text = (tmp_path / "table.md").read_text()
    assert "+4.50" in text.split("## What the paper compares")[1] and "| holds" in text
    assert "`mixture`: no run, the mixture as the estimate of every source." in text
    made = text.split("## Where it comes from")[1]
    assert "| none: the mixture as the estimate of every source | - " in made and "| x " in made
    assert ">Mixture<" in (tmp_path / "table.svg").read_text()


def test_a_row_without_a_run_is_the_same_under_every_seed(tmp_path):
    table = with_mixture(tmp_path) | {"seeds": [1, 7]}
    row = table["rows"][0]
    put(tmp_path / "other.csv", pd.read_csv(tmp_path / "scores.csv").assign(value=3.0), run="babe")
    shutil.copytree(tmp_path / "runs/cafe", tmp_path / "runs/babe")
    row["runs"]["babe"] = "x@7"
    row["scores"].append(str(tmp_path / "other.csv"))
    write_table(table, CONTEXT | {"untrained": False}, tmp_path, tmp_path / "table")
    text = (tmp_path / "table.md").read_text()
    assert "+3.50" in text.split("## What the paper compares")[1]  # (5 + 3) / 2 over 0.5
    by_seed = text.split("## By seed")[1].split("##")[0]
    assert "| A " in by_seed and "Mixture" not in by_seed


@pytest.mark.parametrize(
    ("key", "value"),
    [("system", "references"), ("group", "mama"), ("mix", "babe"), ("mixtures", 2), ("system", None)],
)
def test_scores_of_another_system_are_refused(tmp_path, key, value):
    table = with_mixture(tmp_path)
    file = tmp_path / "mixture.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(SepflowError, match=r"mixture\.json: .*" + key):
        write_table(table, CONTEXT, tmp_path, tmp_path / "table")


def test_scores_of_a_run_are_none_of_a_system(tmp_path):
    table = with_mixture(tmp_path)
    shutil.copy(tmp_path / "scores.json", tmp_path / "mixture.json")
    with pytest.raises(SepflowError, match=r"mixture\.json: no whole record \(no key 'system'"):
        write_table(table, CONTEXT, tmp_path, tmp_path / "table")


def wide(folder: Path) -> dict:
    """A table of a run, with a column on its own mix and a fact, and of a row quoted in two of the three."""
    table = write_scores(folder, [4.0, 6.0, 5.0])
    row = table["rows"][0]
    put(folder / "noisy.csv", pd.read_csv(folder / "scores.csv").assign(value=2.0), mix="babe")
    write_plan(folder / "mixes/babe", pd.read_csv(folder / "mixes/beef/mix.csv"))
    keys = ["si_snri", "si_snri:noisy", "parameters"]
    elsewhere = {
        "si_snri:noisy": {"mix": "babe", "scores": [str(folder / "noisy.csv")]},
        "parameters": {"mix": "beef", "scores": []},
    }
    row |= {"metrics": keys, "elsewhere": elsewhere, "published": {"si_snri": 9.0, "parameters": 5.1}}
    quoted = {
        "id": "q",
        "cells": ["Q", 3],
        "metrics": keys,
        "published": {"si_snri": 8.0, "parameters": 2.25},
    }
    quoted |= {"reported": True, "selection": "none", "runs": {}, "scores": [], "mix": "beef"}
    table["rows"].append(quoted)
    heads = {"si_snri:noisy": {"metric": "si_snri", "head": "5 dB"}}
    return table | {"metrics": keys, "heads": heads}


def test_a_table_shows_heads_facts_and_dashes(tmp_path):
    (tmp_path / "runs").mkdir()
    table = wide(tmp_path)
    run = tmp_path / "runs/cafe/run.json"
    run.write_text(json.dumps(json.loads(run.read_text()) | {"parameters": 5055554}))
    context = CONTEXT | {"heard": {"beef": {}, "babe": {}}}
    write_table(table, context, tmp_path, tmp_path / "table")
    lines = markdown_lines(tmp_path)
    assert lines[0] == [
        *("System", "M", "published SI-SNRi", "ours (SI-SNRi, dB)", "delta SI-SNRi"),
        *("ours (5 dB: SI-SNRi, dB)", "published parameters", "ours (parameters, M)", "n"),
    ]
    assert lines[2][5:] == ["2.00 [2.00, 2.00]", "5.10", "5.056", "3"]
    assert lines[3] == ["Q", "3", "8.0", "reported", "-", "-", "2.25", "reported", "-"]
    csv = (tmp_path / "table.csv").read_text().splitlines()
    assert csv[2:4] == [
        "A,2,si_snri:noisy,,2.0,,3,2.0,2.0,cafe,tiny,True", "A,2,parameters,5.1,5.056,,,,,cafe,tiny,True"
    ]  # fmt: skip
    assert csv[5] == "Q,3,si_snri:noisy,,,,,,,reported,tiny,True"
    tex = (tmp_path / "table.tex").read_text()
    assert "ours (5 dB: SI-SNRi, dB)" in tex and "& 5.10 & 5.06 & 3 " in tex
    picture = (tmp_path / "table.svg").read_text()
    assert ">5 dB: SI-SNRi (dB)<" in picture and ">parameters (M)<" in picture
    text = (tmp_path / "table.md").read_text()
    assert "Of a run itself, so without an interval: parameters." in text and "Test mix `babe`" in text


def test_columns_that_one_head_would_not_tell_apart_have_their_whole_names(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0])
    row = table["rows"][0]
    scores = pd.read_csv(tmp_path / "scores.csv")
    put(tmp_path / "scores.csv", pd.concat([scores, scores.assign(metric="sdri")]))
    keys = ["si_snri", "sdri"]
    table |= {"metrics": keys, "heads": {key: {"metric": key, "head": "5 dB"} for key in keys}}
    row |= {"metrics": keys, "published": {"si_snri": 1.0, "sdri": 2.0}}
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    assert markdown_lines(tmp_path)[0][2::3] == ["published 5 dB: SI-SNRi", "published 5 dB: SDRi", "n"]
