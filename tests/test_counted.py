"""Metrics of counted columns, from what is computed of a mixture to a table: an error rate, an F1, an EER."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sepflow.applying.scoring import write_scores
from sepflow.errors import SepflowError
from sepflow.planning.layout import Column
from sepflow.reporting.figures.dots import dot_plot
from sepflow.reporting.scores import checked, stacked, values_by_seed
from sepflow.reporting.tables import write_table
from test_aggregates import eer_of, macro_f1_of
from test_scores import DAMAGES
from test_tables import CONTEXT, markdown_lines, put
from test_tables import write_scores as plain_table

METRICS = {
    "recognition": '"wer": Metric("WER", "%", True, ("errors", "words"), "source", "ratio", 100)',
    "events": '"event_f1": Metric("F1", "%", False, ("tp", "fp", "fn"), "class", "macro_f1", 100)',
    "trials": '"trial_eer": Metric("EER", "%", True, ("score", "same"), "mixture", "eer", 100)',
}
GROUPS = {name: f"GROUP = Group({{{metric}}})\n" for name, metric in METRICS.items()}
COUNT, CLASSES = 12, ("Cat", "Dog", "1")
KEYS = {"recognition": "wer", "events": "event_f1", "trials": "trial_eer"}


@pytest.fixture(params=GROUPS)
def group(request, declare) -> str:
    declare(request.param, GROUPS[request.param])
    return request.param


def computed(group: str, row: int, seed: int = 0) -> dict:
    """What a group computes of a mixture of two sources."""
    rng = np.random.default_rng([seed, row])
    if group == "recognition":
        words = rng.integers(1, 20, 2)
        return {"wer.errors": list(rng.integers(0, words + 1)), "wer.words": list(words)}
    if group == "events":
        return {
            f"event_f1.{x}": dict(zip(CLASSES, rng.integers(0, 3, 3), strict=True))
            for x in ("tp", "fp", "fn")
        }
    same = row % 2
    return {"trial_eer.score": [rng.normal(0.5 * same)], "trial_eer.same": [same]}


def a_mix(count: int = COUNT) -> SimpleNamespace:
    class Mix(SimpleNamespace):
        def __len__(self) -> int:
            return count

    ids = [f"m{i}" for i in range(count)]
    return Mix(ids=ids, directory=Path("mixes/beef"), pair=lambda row: "same" if row % 2 else "different")


def written(
    folder: Path, group: str, run: str = "cafe", seed: int = 0, change=lambda row, values: values
) -> str:
    scored = [(row, "none", change(row, computed(group, row, seed))) for row in range(COUNT)]
    of = {"run": run, "model": "0", "commit": "def", "dirty": "", "scorers": {"toys": "1"}}
    write_scores(scored, [group], a_mix(), folder / f"{run}.csv", of)
    return str(folder / f"{run}.csv")


def a_table(folder: Path, group: str) -> dict:
    """A table of one row in the metric of `group`."""
    table = plain_table(folder, [0.0] * COUNT)
    key = KEYS[group]
    table["metrics"] = [key]
    table["rows"][0] |= {"metrics": [key], "published": {key: 30.0}, "scores": [written(folder, group)]}
    return table


def expected(group: str, seed: int = 0) -> float:
    """The value in %, of the mixtures one by one."""
    rows = [computed(group, row, seed) for row in range(COUNT)]
    if group == "recognition":
        errors, words = (sum(sum(row[f"wer.{x}"]) for row in rows) for x in ("errors", "words"))
        return 100 * errors / words
    if group == "events":
        counts = [[[row[f"event_f1.{x}"][k] for x in ("tp", "fp", "fn")] for k in CLASSES] for row in rows]
        return 100 * macro_f1_of(counts)
    return 100 * eer_of([[round(row["trial_eer.score"][0], 6), row["trial_eer.same"][0]] for row in rows])


def test_the_rows_of_a_file_are_those_that_its_description_has(tmp_path, group):
    text = Path(written(tmp_path, group)).read_text().splitlines()
    assert text[0] == "mixture,pair,selection,source,metric,value"
    scores = pd.read_csv(tmp_path / "cafe.csv", dtype={"source": str})
    columns = {
        "recognition": ("errors", "words"),
        "events": ("tp", "fp", "fn"),
        "trials": ("score", "same"),
    }
    sources = {"recognition": ["1", "2"], "events": list(CLASSES), "trials": ["1"]}[group]
    wanted = [(f"{KEYS[group]}.{column}", source) for column in columns[group] for source in sources]
    for _, rows in scores.groupby("mixture"):
        assert list(zip(rows["metric"], rows["source"], strict=True)) == wanted
    assert scores.groupby("mixture", sort=False).ngroups == COUNT and scores["value"].notna().all()


def test_a_cell_is_what_the_aggregate_makes_of_all_mixtures(tmp_path, group):
    table = a_table(tmp_path, group)
    write_table(table, CONTEXT | {"untrained": False}, tmp_path, tmp_path / "table")
    cell = pd.read_csv(tmp_path / "table.csv").iloc[0]
    assert cell["ours"] == pytest.approx(expected(group), abs=1e-3) and cell["n"] == COUNT
    assert cell["ci_low"] < cell["ours"] < cell["ci_high"]
    assert cell["delta"] == pytest.approx(cell["ours"] - 30, abs=1e-3)
    text = (tmp_path / "table.md").read_text()
    assert "Ours: value over all mixtures and 95 % percentile bootstrap" in text


def test_a_cell_of_two_seeds_is_the_mean_of_their_values(tmp_path, group):
    table = a_table(tmp_path, group) | {"seeds": [1, 7]}
    row = table["rows"][0]
    row["runs"]["babe"] = "x@7"
    row["scores"].append(written(tmp_path, group, "babe", 1))
    (tmp_path / "runs/babe").mkdir()
    (tmp_path / "runs/babe/run.json").write_text((tmp_path / "runs/cafe/run.json").read_text())
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    values = [expected(group, seed) for seed in (0, 1)]
    assert pd.read_csv(tmp_path / "table.csv")["ours"][0] == pytest.approx(np.mean(values), abs=1e-3)
    by_seed = (tmp_path / "table.md").read_text().split("## By seed")[1].splitlines()[4]
    assert [float(x) for x in by_seed.split("|")[3:5]] == pytest.approx(values, abs=0.006)


def test_parts_of_the_mixtures_have_the_value_of_their_own(tmp_path, declare):
    declare("recognition", GROUPS["recognition"])
    table = a_table(tmp_path, "recognition")
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    line = (tmp_path / "table.md").read_text().split("## By pair of speakers")[1].splitlines()[4]
    rows = [computed("recognition", row) for row in range(COUNT)]
    wanted = [
        100 * sum(sum(x["wer.errors"]) for x in part) / sum(sum(x["wer.words"]) for x in part)
        for part in (rows, rows[::2], rows[1::2])
    ]
    assert [float(x) for x in line.split("|")[3:6]] == pytest.approx(wanted, abs=0.006)


@pytest.mark.parametrize("kind", ["events", "trials"])
def test_trials_are_of_pairs_of_speakers_and_classes_are_not(tmp_path, declare, kind):
    declare(kind, GROUPS[kind])
    write_table(a_table(tmp_path, kind), CONTEXT, tmp_path, tmp_path / "table")
    assert ("By pair of speakers" in (tmp_path / "table.md").read_text()) == (kind == "trials")


def test_a_mixture_with_an_undefined_column_is_not_counted(tmp_path, group):
    def lost(row, values):
        if row == 3:
            first = next(iter(values.values()))
            first[next(iter(first)) if isinstance(first, dict) else 0] = np.nan
        return values

    table = a_table(tmp_path, group)
    written(tmp_path, group, change=lost)
    write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    cell = pd.read_csv(tmp_path / "table.csv").iloc[0]
    assert cell["n"] == COUNT - 1 and not np.isnan(cell["ours"])


def shifted(folder: Path, group: str, by: int) -> dict:
    """A table of two rows: the second makes `by` more errors of every word counted."""
    table = a_table(folder, group)

    def worse(row, values):
        errors = [min(w, e + by) for e, w in zip(values["wer.errors"], values["wer.words"], strict=True)]
        return values | {"wer.errors": errors}

    other = table["rows"][0] | {"id": "s", "cells": ["B", 2], "runs": {"babe": "y"}, "published": {}}
    table["rows"].append(other | {"scores": [written(folder, group, "babe", change=worse)]})
    (folder / "runs/babe").mkdir()
    (folder / "runs/babe/run.json").write_text((folder / "runs/cafe/run.json").read_text())
    table["comparisons"] = [
        {"claim": "fewer errors", "better": "r", "than": "s"},
        {"claim": "more errors", "better": "s", "than": "r"},
        {"claim": "as many", "better": "r", "than": "r"},
    ]
    return table


def test_where_lower_is_better_a_claim_holds_below_nought_and_all_say_so(tmp_path, declare):
    declare("recognition", GROUPS["recognition"])
    table = shifted(tmp_path, "recognition", 2)
    write_table(table, CONTEXT | {"untrained": False}, tmp_path, tmp_path / "table")
    text = (tmp_path / "table.md").read_text()
    claims = text.split("## What the paper compares")[1].splitlines()[2:7]
    assert "difference (%, lower is better)" in claims[0]
    assert [line.split("|")[-2].strip() for line in claims[2:]] == ["holds", "fails", "undecided"]
    assert [line.split("|")[2].strip()[0] for line in claims[2:]] == ["-", "+", "+"]
    assert "lies below (above) 0, as lower is better" in text
    assert markdown_lines(tmp_path)[0][3] == "ours (WER, %, lower is better)"
    assert r"ours (WER, \%, lower is better)" in (tmp_path / "table.tex").read_text()
    assert ">WER (%, lower is better)<" in (tmp_path / "table.svg").read_text()


def edited(scores: pd.DataFrame, change: str) -> pd.DataFrame:
    """Scores, changed as somebody could who writes a stamp too."""
    first, source = scores["metric"].iloc[0], scores["source"].iloc[-1]
    return {
        "a column lost": scores[scores["metric"] != first],
        "a column of a mixture lost": scores[~((scores["metric"] == first) & (scores["mixture"] == "m3"))],
        "a mixture lost": scores[scores["mixture"] != "m3"],
        "a source of a mixture lost": scores[~((scores["source"] == source) & (scores["mixture"] == "m3"))],
        "of a mixture more": pd.concat([scores, scores.tail(6).assign(mixture="m99")]),
        "of a source more": pd.concat([scores, scores[scores["mixture"] == "m3"].assign(source="9")]),
        "twice": pd.concat([scores, scores]),
        "text": scores.assign(value=["five", *scores["value"].astype(str)[1:]]),
        "infinite": scores.assign(value=[np.inf, *scores["value"][1:]]),
    }[change]


CHANGES = ("a column lost", "a column of a mixture lost", "a mixture lost", "a source of a mixture lost",
           "of a mixture more", "of a source more", "twice", "text", "infinite")  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stamped", [False, True])
def test_scores_that_are_not_whole_are_refused(tmp_path, group, change, stamped):
    table, file = a_table(tmp_path, group), tmp_path / "cafe.csv"
    scores = edited(pd.read_csv(file, dtype={"source": str}), change)
    if stamped:
        put(file, scores, mixtures=COUNT)
    else:
        scores.to_csv(file, index=False)
    with pytest.raises(SepflowError, match=r"cafe\.csv"):
        write_table(table, CONTEXT, tmp_path, tmp_path / "table")
    assert not list(tmp_path.glob("table.*"))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_one_message(tmp_path, declare, damage):
    declare("events", GROUPS["events"])
    table, file = a_table(tmp_path, "events"), tmp_path / "cafe.csv"
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    with pytest.raises(SepflowError, match=r"cafe\.csv"):
        write_table(table, CONTEXT, tmp_path, tmp_path / "table")


def test_seeds_of_other_classes_are_refused(tmp_path, declare):
    declare("events", GROUPS["events"])
    table = a_table(tmp_path, "events") | {"seeds": [1, 7]}

    def fewer(row, values):
        return {key: {"Cat": one["Cat"], "Cow": one["Dog"]} for key, one in values.items()}

    table["rows"][0]["runs"]["babe"] = "x@7"
    table["rows"][0]["scores"].append(written(tmp_path, "events", "babe", change=fewer))
    (tmp_path / "runs/babe").mkdir()
    (tmp_path / "runs/babe/run.json").write_text((tmp_path / "runs/cafe/run.json").read_text())
    with pytest.raises(SepflowError, match=r"babe\.csv: of other classes than .*cafe\.csv"):
        write_table(table, CONTEXT, tmp_path, tmp_path / "table")


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("recognition", lambda row, values: {"wer.errors": [1, 2]}, "no wer.words was computed"),
        ("recognition", lambda row, values: dict.fromkeys(values, {"Cat": 1}), "wer.errors: .* by source"),
        ("events", lambda row, values: dict.fromkeys(values, [1, 2]), "event_f1.tp: .* by class"),
        ("trials", lambda row, values: dict.fromkeys(values, [1, 2]), "trial_eer.score: .* by mixture"),
    ],
)
def test_what_is_computed_otherwise_than_declared_is_said(tmp_path, declare, kind, change, said):
    declare(kind, GROUPS[kind])
    with pytest.raises(SepflowError, match=said):
        written(tmp_path, kind, change=change)
    assert not list(tmp_path.glob("cafe.*"))


def test_columns_lie_in_the_order_that_they_are_declared_in(tmp_path, declare):
    declare("events", GROUPS["events"])
    table = a_table(tmp_path, "events")
    assert checked(table, {"beef": pd.read_csv(tmp_path / "mixes/beef/mix.csv")})
    values = values_by_seed(table["rows"][0], Column("event_f1", "event_f1"))
    found = stacked(values)
    assert found.shape == (1, COUNT, len(CLASSES), 3)
    for i, name in enumerate(values.index):
        counts = computed("events", int(name[1:]))
        for k, one in enumerate(sorted(CLASSES)):
            assert found[0, i, k].tolist() == [counts[f"event_f1.{x}"][one] for x in ("tp", "fp", "fn")]


def test_a_picture_of_a_metric_without_a_unit_has_its_name_alone(tmp_path, declare):
    declare("heard", 'GROUP = Group({"pesq": Metric("PESQ", decimals=2)})\n')
    row = {"id": "r", "cells": ["A"], "metrics": ["pesq"], "published": {"pesq": 2.5}}
    table = {"columns": ["System"], "metrics": ["pesq"], "rows": [row]}
    numbers = {"published": [2.5], "ours": [2.4], "ci_low": [2.3], "ci_high": [2.5]}
    dot_plot(table, pd.DataFrame(numbers, [("r", "pesq")]), "A table", tmp_path / "table.svg")
    assert ">PESQ<" in (tmp_path / "table.svg").read_text()


def test_the_names_of_many_panels_do_not_run_into_each_other(tmp_path):
    keys = [f"si_snri:{k}" for k in range(6)]
    heads = {key: {"metric": "si_snri", "head": f"babble at {key[-1]} dB"} for key in keys}
    row = {"id": "r", "cells": ["A"], "metrics": keys, "published": {}}
    table = {"columns": ["System"], "metrics": keys, "rows": [row], "heads": heads}
    numbers = dict.fromkeys(("published", "ours", "ci_low", "ci_high"), [2.5] * 6)
    cells = pd.DataFrame(numbers, pd.MultiIndex.from_tuples([("r", key) for key in keys]))
    dot_plot(table, cells, "A table", tmp_path / "table.svg")
    words = re.findall(r">([^<>]*(?:babble|dB|SI-SNRi)[^<>]*)<", (tmp_path / "table.svg").read_text())
    assert any("babble" in line for line in words) and max(map(len, words)) <= 112 // 6
