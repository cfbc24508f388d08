"""Tables: intervals, verdicts, what is undefined, and what LaTeX makes of it."""

import hashlib
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from sepflow.errors import SepflowError
from sepflow.mixes.mix import write_plan
from sepflow.planning.layout import blocks
from sepflow.reporting.statistics import interval
from sepflow.reporting.tables import compare, write_table
from sepflow.reporting.text import latex


def scores(*seeds) -> pd.DataFrame:
    return pd.DataFrame(dict(enumerate(seeds))).rename_axis("mixture")


def test_the_interval_of_one_seed_is_scipys():
    values = np.random.default_rng(0).exponential(2.0, 60)
    low, high = interval(values[None], "x")
    theirs = scipy.stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(1))
    assert (low, high) == pytest.approx(theirs.confidence_interval, abs=0.03)
    assert interval(values[None], "x") == (low, high)
    assert np.isnan(interval(values[None, :1], "x")).all()


def test_the_interval_of_many_seeds_is_that_of_both_factors():
    rng = np.random.default_rng(0)
    seeds, mixtures = rng.normal(0, 1.0, (40, 1)), rng.normal(0, 2.0, (1, 300))
    low, high = interval(3 + seeds + mixtures, "x")
    half = 1.96 * np.sqrt(seeds.var() / 40 + mixtures.var() / 300)
    assert (high - low) / 2 == pytest.approx(half, rel=0.05)
    assert (high + low) / 2 == pytest.approx(3 + seeds.mean() + mixtures.mean(), abs=0.03)


def test_what_all_seeds_share_takes_no_part_in_a_comparison():
    rng = np.random.default_rng(2)
    luck, hard = rng.normal(0, 3, (3, 1)), rng.normal(0, 10, (1, 50))  # of a seed, of a mixture
    a, b = luck + hard + 0.5, luck + hard
    found = compare({"claim": "", "better": "a", "than": "b"}, {"a": scores(*a), "b": scores(*b)}, "si_snri")
    assert found["verdict"] == "holds" and found["ci_low"] == pytest.approx(0.5)
    a[1] -= 5.0  # one seed of three turned out badly: then nothing is decided
    found = compare({"claim": "", "better": "a", "than": "b"}, {"a": scores(*a), "b": scores(*b)}, "si_snri")
    assert found["verdict"] == "undecided"


@pytest.mark.parametrize(("shift", "verdict"), [(0.5, "holds"), (-0.5, "fails"), (0.0, "undecided")])
def test_a_verdict_is_that_of_the_paired_difference(shift, verdict):
    rng = np.random.default_rng(1)
    hard = rng.normal(0, 10, 100)  # how hard a mixture is, for both: an unpaired interval would be +-2.8
    a, b = hard + shift + rng.normal(0, 0.5, 100), hard + rng.normal(0, 0.5, 100)
    b += (a - b).mean() - shift  # exactly `shift` apart
    found = compare({"claim": "", "better": "a", "than": "b"}, {"a": scores(a), "b": scores(b)}, "si_snri")
    assert found["verdict"] == verdict
    assert found["difference"] == pytest.approx(shift)


def test_an_undefined_mixture_is_not_counted_as_zero(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0, float("nan")])
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    cell = pd.read_csv(tmp_path / "table.csv").iloc[0]
    assert (cell["ours"], cell["n"]) == (5.0, 2)


def test_a_table_has_its_columns_in_order_and_names_its_origin(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0, 5.0])
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    header = "System,M,metric,published,ours,delta,n,ci_low,ci_high,run,scale,untrained"
    assert (tmp_path / "table.csv").read_text().splitlines()[0] == header
    text = (tmp_path / "table.md").read_text()
    for word in (
        "`tiny`",
        "abc",
        "voices",
        "numpy 2",
        "commit `def`",
        "fast_bss_eval 0.1",
        "percentile bootstrap",
        "12 s",
        "Untrained",
        "`cafe`",
    ):
        assert word in text
    assert "| claim" not in text  # an untrained model proves none
    assert (tmp_path / "table.svg").read_text().startswith("<?xml")


def test_a_mean_is_rounded_once_wherever_it_stands(tmp_path):
    table = write_scores(tmp_path, [1.8251, 1.8251])  # by way of 1.825 it would be 1.82
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert [line.count("1.83") for line in lines if "1.8" in line] == [3, 2]


def test_scores_without_the_wanted_selection_are_refused(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0, 5.0])
    table["rows"][0]["selection"] = "energy"
    with pytest.raises(SepflowError, match="no si_snri of selection 'energy'"):
        write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    assert not (tmp_path / "table.csv").exists()


def test_a_cell_of_two_seeds_is_their_mean_and_both_are_shown(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0, float("nan")])
    other = pd.read_csv(tmp_path / "scores.csv")
    put(tmp_path / "other.csv", other.assign(value=[9.0, 9.0, 1.0, 1.0, 2.0, 2.0]), run="babe")
    shutil.copytree(tmp_path / "runs/cafe", tmp_path / "runs/babe")
    table["rows"][0]["runs"]["babe"] = "x@7"
    table["rows"][0]["scores"].append(str(tmp_path / "other.csv"))
    write_table(table | {"seeds": [1, 7]}, CONTEXT, tmp_path, tmp_path / "table")
    cell = pd.read_csv(tmp_path / "table.csv").iloc[0]
    assert (cell["ours"], cell["n"], cell["run"]) == (5.0, 2, "cafe babe")
    text = (tmp_path / "table.md").read_text()
    for word in ("mixtures and 2 seeds", "| seed 1", "| seed 7", "x@7", "`babe`"):
        assert word in text


def test_latex_escapes_what_it_must():
    row = {"id": "r", "cells": ["Supervised (10%) a_b & c"], "metrics": ["sdr"], "reported": False}
    table = {"columns": ["System"], "metrics": ["sdr"], "rows": [row]}
    numbers = {
        "published": [3.0],
        "ours": [2.0],
        "ci_low": [-0.04],
        "ci_high": [3.0],
        "delta": [-1.0],
        "n": [3],
    }
    cells = pd.DataFrame(numbers, pd.MultiIndex.from_tuples([("r", "sdr")]))
    found = latex(table, CONTEXT, cells)
    assert r"Supervised (10\%) a\_b \& c & 3.0 & 2.0 [0.0, 3.0] & $-$1.0 & 3 \\" in found


def test_a_row_is_a_cell_in_each_of_its_metrics(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0, 5.0])
    two_metrics(tmp_path, table)
    write_table(table, CONTEXT | {"untrained": False}, tmp_path, tmp_path / "table")
    cells = pd.read_csv(tmp_path / "table.csv").set_index("metric")
    assert list(cells.index) == ["si_snri", "sdri"]
    assert list(cells["published"]) == [9.0, 9.5] and list(cells["n"]) == [3, 3]
    assert list(cells["ours"]) == [5.0, 6.0] and list(cells["delta"]) == [-4.0, -3.5]
    lines = markdown_lines(tmp_path)
    assert lines[0] == [
        *("System", "M", "published SI-SNRi", "ours (SI-SNRi, dB)", "delta SI-SNRi"),
        *("published SDRi", "ours (SDRi, dB)", "delta SDRi", "n"),
    ]
    assert [lines[2][i] for i in (2, 4, 5, 7, 8)] == ["9.0", "-4.0", "9.5", "-3.5", "3"]
    assert lines[2][3].startswith("5.00 [") and lines[2][6].startswith("6.00 [")
    tex = (tmp_path / "table.tex").read_text()
    assert re.search(r"A & 2 & 9\.0 & 5\.0 \[.*\] & \$-\$4\.0 & 9\.5 & 6\.0 \[.*\] & \$-\$3\.5 & 3 ", tex)
    text = (tmp_path / "table.md").read_text()
    for heading in ("## What the paper compares (SI-SNRi)", "## By pair of speakers (SI-SNRi)"):
        assert heading in text
    picture = (tmp_path / "table.svg").read_text()
    assert ">SI-SNRi (dB)<" in picture and ">SDRi (dB)<" in picture


def test_a_reported_row_has_the_papers_numbers_and_no_others(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0, 5.0])
    two_metrics(tmp_path, table)
    table["rows"].append(reported("g", {"si_snr": 20.2, "sdr": 20.6}))
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines[1].endswith(",cafe,tiny,True") and ",3," in lines[1]  # n is still a whole number
    assert lines[3:] == [f"g,2,{x},,,,,,reported,tiny,True" for x in ("si_snr,20.2", "sdr,20.6")]
    cells = ["g", "2", "20.2 (SI-SNR)", "reported", "-", "20.6 (SDR)", "reported", "-", "-"]
    assert markdown_lines(tmp_path)[3] == cells
    assert (
        "g & 2 & 20.2 (SI-SNR) & reported & - & 20.6 (SDR) & reported & - & -"
        in (tmp_path / "table.tex").read_text()
    )
    text = (tmp_path / "table.md").read_text()
    assert "Reported: quoted by the paper" in text
    assert text.split("## By pair of speakers")[1].count("| g ") == 0  # there is no score to show
    assert ">g, M = 2 (SI-SNR, SDR)<" in (tmp_path / "table.svg").read_text()


def test_rows_in_other_units_stand_in_a_table_of_their_own(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0, 5.0])
    two_metrics(tmp_path, table)
    other = table["rows"][0] | {"id": "c", "cells": ["C", 1], "metrics": ["accuracy"], "published": {}}
    table["rows"].append(other)
    assert [[row["id"] for row in block.rows] for block in blocks(table)] == [["r"], ["c"]]
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    text = (tmp_path / "table.md").read_text()
    heads = [line for line in text.splitlines() if line.startswith("| System")]
    assert heads[1].replace(" ", "") == "|System|M|ours(accuracy,%)|n|"  # no column without a number
    assert pd.read_csv(tmp_path / "table.csv").iloc[2]["ours"] == 50.0
    assert ">accuracy (%)<" in (tmp_path / "table.svg").read_text()
    by_pair = text.split("## By pair of speakers (SI-SNRi)")[1]
    assert "| A " in by_pair and "| C " not in by_pair  # an accuracy is no SI-SNRi


def test_a_note_stands_under_the_caption(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0]) | {"note": "Row (g) is another matter."}
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    before = (tmp_path / "table.md").read_text().split("| System")[0]
    assert before.startswith("# A table") and "Row (g) is another matter." in before


@pytest.mark.parametrize("speakers", [1, 2])
def test_pairs_are_those_of_two_speakers(tmp_path, speakers):
    table = write_scores(tmp_path, [4.0, 6.0])
    if speakers == 1:
        plan = pd.read_csv(tmp_path / "mixes/beef/mix.csv")
        write_plan(tmp_path / "mixes/beef", plan.drop(columns=plan.filter(regex="_2$")))
        scores = pd.read_csv(tmp_path / "scores.csv")
        put(tmp_path / "scores.csv", scores[scores["source"] == 1].assign(pair=""))
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    assert ("By pair of speakers" in (tmp_path / "table.md").read_text()) == (speakers == 2)


def test_rows_may_be_of_another_test_mix(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0])
    other = pd.read_csv(tmp_path / "scores.csv").assign(pair="different", value=3.0)
    put(tmp_path / "other.csv", other, mix="babe")
    write_plan(tmp_path / "mixes/babe", pd.read_csv(tmp_path / "mixes/beef/mix.csv"))
    own = {"id": "s", "cells": ["B", 2], "mix": "babe", "scores": [str(tmp_path / "other.csv")]}
    table["rows"].append(table["rows"][0] | own)
    write_table(table, CONTEXT | {"heard": {"beef": {}, "babe": {}}}, tmp_path, tmp_path / "table")
    text = (tmp_path / "table.md").read_text()
    assert "Test mix `beef`" in text and "Test mix `babe`" in text
    pairs = text.split("## By pair of speakers")[1].splitlines()
    assert [[cell.strip() for cell in line.split("|")[3:6]] for line in pairs[4:6]] == [
        ["5.00", "-", "5.00"],
        ["3.00", "3.00", "-"],
    ]


def test_pairs_of_unknown_sex_are_not_shown(tmp_path):
    table = write_scores(tmp_path, [4.0, 6.0])
    put(tmp_path / "scores.csv", pd.read_csv(tmp_path / "scores.csv").assign(pair=""))
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    assert "By pair of speakers" not in (tmp_path / "table.md").read_text()


def test_scores_that_are_all_undefined_are_said(tmp_path):
    table = write_scores(tmp_path, [float("nan")] * 3)
    write_table(table, CONTEXT | {"untrained": False}, tmp_path, tmp_path / "table")
    assert (tmp_path / "table.csv").read_text().splitlines()[1] == "A,2,si_snri,9.0,,,0,,,cafe,tiny,False"
    assert markdown_lines(tmp_path)[2] == ["A", "2", "9.0", "undefined", "0"]
    assert "| undecided" in (tmp_path / "table.md").read_text()
    assert "nan" not in "".join((tmp_path / f"table.{end}").read_text() for end in ("md", "tex"))


def test_a_table_of_reported_rows_alone_has_the_papers_numbers(tmp_path):
    table = write_scores(tmp_path, [4.0]) | {"comparisons": [], "seeds": [1, 2]}
    table["rows"] = [reported("g", {"si_snri": 20.2})]
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    assert (tmp_path / "table.csv").read_text().splitlines()[1:] == [
        "g,2,si_snri,20.2,,,,,,reported,tiny,True"
    ]
    assert "ours, 95 % interval" not in (tmp_path / "table.svg").read_text()


def two_metrics(folder, table) -> None:
    """Give the row of `table` SDRs of 1 dB more than its SI-SNRs, and accuracies of ten times these."""
    scores = pd.read_csv(folder / "scores.csv")
    sdr = scores.assign(metric="sdri", value=scores["value"] + 1)
    accuracy = scores.assign(metric="accuracy", value=scores["value"] * 10)
    put(folder / "scores.csv", pd.concat([scores, sdr, accuracy]))
    table["metrics"] = ["si_snri", "sdri"]
    table["rows"][0] |= {"metrics": table["metrics"], "published": {"si_snri": 9.0, "sdri": 9.5}}


def reported(name, published) -> dict:
    row = {"id": name, "cells": [name, 2], "metrics": list(published), "published": published}
    return row | {"reported": True, "selection": "none", "runs": {}, "scores": [], "mix": "beef"}


def markdown_lines(folder) -> list[list[str]]:
    """The cells of the first table of table.md, line by line."""
    lines = (folder / "table.md").read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|"))
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines[first:] if line[:1] == "|"
    ]


CONTEXT = {
    "scale": "tiny",
    "untrained": True,
    "corpora": ["voices (`0`)"],
    "sepflow": "0",
    "commit": "abc",
    "dirty": "",
    "versions": {"numpy": "2"},
    "heard": {"beef": {}},
}


def put(file, scores, run="cafe", mix="beef", **changes) -> None:
    """Write `scores` to `file`, and beside it what they are of."""
    scores.to_csv(file, index=False)
    stamp = {"run": run, "mix": mix, "mixtures": scores["mixture"].nunique(), "model": "0", "commit": "def"}
    stamp |= {"scores": hashlib.sha256(file.read_bytes()).hexdigest(), "dirty": ""}
    stamp |= {"scorers": {"fast_bss_eval": "0.1"}}
    file.with_suffix(".json").write_text(json.dumps(stamp | changes, indent=2))


def write_scores(folder, values) -> dict:
    rows = [
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
    put(folder / "scores.csv", pd.DataFrame(rows))
    (folder / "runs/cafe").mkdir(parents=True)
    run = {"seconds": 12, "parameters": 10, "steps": 2, "selected_step": 1, "device": "cpu", "commit": "abc"}
    (folder / "runs/cafe/run.json").write_text(json.dumps(run | {"dirty": ""}, indent=2))
    plan = {"samples": 8}
    for k in (1, 2):
        plan |= {
            f"utterance_{k}": "u",
            f"speaker_{k}": f"s{k}",
            f"sex_{k}": "f",
            f"gain_db_{k}": 0,
            f"offset_{k}": 0,
        }
    plans = [plan | {"id": f"m{i}"} for i in range(len(values))]
    write_plan(folder / "mixes/beef", pd.DataFrame(plans))
    row = {"id": "r", "cells": ["A", 2], "metrics": ["si_snri"], "published": {"si_snri": 9.0}}
    row |= {
        "reported": False,
        "selection": "none",
        "mix": "beef",
        "runs": {"cafe": "x"},
        "scores": [str(folder / "scores.csv")],
    }
    return {
        "seeds": [1],
        "caption": "A table",
        "title": "A paper",
        "columns": ["System", "M"],
        "metrics": ["si_snri"],
        "mix": "beef",
        "rows": [row],
        "comparisons": [{"claim": "c", "better": "r", "than": "r"}],
    }
