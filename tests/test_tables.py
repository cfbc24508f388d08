"""Tables: intervals, verdicts, what is undefined, and what LaTeX makes of it."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from sepflow.errors import SepflowError
from sepflow.statistics import interval
from sepflow.tables import compare, write_table
from sepflow.tables_text import latex


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
    found = compare({"claim": "", "better": "a", "than": "b"}, {"a": scores(*a), "b": scores(*b)})
    assert found["verdict"] == "holds" and found["ci_low"] == pytest.approx(0.5)
    a[1] -= 5.0  # one seed of three turned out badly: then nothing is decided
    found = compare({"claim": "", "better": "a", "than": "b"}, {"a": scores(*a), "b": scores(*b)})
    assert found["verdict"] == "undecided"


@pytest.mark.parametrize(("shift", "verdict"), [(0.5, "holds"), (-0.5, "fails"), (0.0, "undecided")])
def test_a_verdict_is_that_of_the_paired_difference(shift, verdict):
    rng = np.random.default_rng(1)
    hard = rng.normal(0, 10, 100)  # how hard a mixture is, for both: an unpaired interval would be +-2.8
    a, b = hard + shift + rng.normal(0, 0.5, 100), hard + rng.normal(0, 0.5, 100)
    b += (a - b).mean() - shift  # exactly `shift` apart
    found = compare({"claim": "", "better": "a", "than": "b"}, {"a": scores(a), "b": scores(b)})
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
    header = "System,M,metric,published,ours,delta,n,ci_low,ci_high,run"
    assert (tmp_path / "table.csv").read_text().splitlines()[0] == header
    text = (tmp_path / "table.md").read_text()
    for word in ("`tiny`", "abc", "voices", "torch 2", "percentile bootstrap", "12 s", "Untrained", "`cafe`"):
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
    other.assign(value=[9.0, 9.0, 1.0, 1.0, 2.0, 2.0]).to_csv(tmp_path / "other.csv", index=False)
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
    cells = pd.DataFrame({"published": [1.0], "ours": [2.0]}, pd.MultiIndex.from_tuples([("r", "sdr")]))
    assert r"Supervised (10\%) a\_b \& c & 1.0 & 2.0 \\" in latex(table, cells)


CONTEXT = {
    "scale": "tiny",
    "untrained": True,
    "corpora": ["voices (`0`)"],
    "sepflow": "0",
    "commit": "abc",
    "dirty": "",
    "versions": {"torch": "2"},
}


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
    pd.DataFrame(rows).to_csv(folder / "scores.csv", index=False)
    (folder / "runs/cafe").mkdir(parents=True)
    run = {"seconds": 12, "parameters": 10, "steps": 2, "selected_step": 1, "device": "cpu", "commit": "abc"}
    (folder / "runs/cafe/run.json").write_text(json.dumps(run | {"dirty": ""}))
    (folder / "mixes/beef").mkdir(parents=True)
    plan = {"id": "m0", "samples": 8}
    for k in (1, 2):
        plan |= {
            f"utterance_{k}": "u",
            f"speaker_{k}": f"s{k}",
            f"sex_{k}": "f",
            f"gain_db_{k}": 0,
            f"offset_{k}": 0,
        }
    pd.DataFrame([plan]).to_csv(folder / "mixes/beef/mix.csv", index=False)
    row = {"id": "r", "cells": ["A", 2], "metrics": ["si_snri"], "published": {"si_snri": 9.0}}
    row |= {
        "reported": False,
        "selection": "none",
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
