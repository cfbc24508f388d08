"""The whole workflow of ssl_pretraining at a tiny scale, and what starts its jobs again."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from conftest import ROOT, Checkout, environment
from sepflow.metrics.declared import metric_of
from sepflow.planning import plan
from sepflow.planning.workflow import CURVES, FORMATS, PICTURES

NAME = "ssl_pretraining"
PAPER = f"config/papers/{NAME}.yaml"
TRAINED = {"pretrain": 5, "supervised": 5, "finetune": 7, "multi_task": 2}
SMALL = {"voices": {"variants": 12, "utterances": 2}, "hisses": {"recordings": 6, "seconds": 2.0}}


def ssl_checkout(root: Path, papers: tuple[str, ...] = (NAME,)) -> Checkout:
    """A checkout whose scale `tiny` is smoke with fewer voices and mixtures."""
    root.mkdir()
    checkout = Checkout(root, root)
    tiny = yaml.safe_load((ROOT / "config/scales/smoke.yaml").read_text())
    for corpus, less in SMALL.items():
        tiny["corpora"][corpus] |= less
    for name, mix in tiny["papers"][NAME]["mixes"].items():
        mix["mixtures"] = 8 if name.endswith("train") else 4
    checkout.write("config/scales/tiny.yaml", yaml.safe_dump(tiny))
    config = {"scale": "tiny", "papers": list(papers), "corpora": {}, "device": "cpu", "workers": 0}
    checkout.write("config/config.yaml", yaml.safe_dump(config))
    return checkout


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Checkout:
    """A checkout in which every job of ssl_pretraining has run."""
    checkout = ssl_checkout(tmp_path_factory.mktemp("ssl") / "checkout")
    done = checkout.snakemake()
    assert done.returncode == 0, done.stderr
    return checkout


@pytest.fixture
def touched(finished, tmp_path) -> Checkout:
    """A copy of the finished checkout, mtimes and all, to change things in."""
    copy = object.__new__(Checkout)
    copy.root = Path(shutil.copytree(finished.root, tmp_path / "copy", symlinks=True))
    return copy


@pytest.fixture
def fresh(tmp_path) -> Checkout:
    """A checkout in which nothing has run."""
    return ssl_checkout(tmp_path / "checkout")


def planned(checkout: Checkout) -> plan.Plan:
    return plan.load(yaml.safe_load((checkout.root / "config/config.yaml").read_text()), checkout.root)


def cells(checkout: Checkout, table: str) -> pd.DataFrame:
    return pd.read_csv(checkout.root / f"results/tiny/tables/{NAME}/{table}.csv")


def history(checkout: Checkout, label: str) -> pd.DataFrame:
    return pd.read_csv(checkout.root / f"results/runs/{planned(checkout).find(label).name}/history.csv")


@pytest.mark.parametrize(("table", "rows"), [("table1", 4), ("table2", 6), ("table3", 8)])
def test_every_trained_row_is_filled_in_both_metrics(finished, table, rows):
    found = cells(finished, table)
    ours = found[found["run"] != "reported"]
    assert ours["metric"].tolist() == ["si_snri", "sdri"] * rows
    assert ours["n"].eq(4).all() and ours[["published", "ours", "delta"]].notna().all(axis=None)
    assert (ours["ci_low"] <= ours["ours"]).all() and (ours["ours"] <= ours["ci_high"]).all()


def test_reported_rows_have_the_papers_numbers_alone(finished):
    found = cells(finished, "table3")
    reported = found[found["run"] == "reported"]
    assert reported["Model"].tolist() == [
        x for x in ("Conv-TasNet", "DPRNN", "DPTNet", "Sandglasnet") for _ in range(2)
    ]
    assert reported[["ours", "delta", "n", "ci_low", "ci_high"]].isna().all(axis=None)
    assert reported["published"].notna().all()
    assert reported["metric"].tolist()[4:6] == ["si_snr", "sdr"]


def test_every_pre_training_is_scored_in_its_own_metrics(finished):
    found = cells(finished, "pretext")
    assert found.groupby("Task", sort=False)["metric"].agg(list).to_dict() == {
        "SE": ["si_snri", "sdri"],
        "MAMA": ["masked_snr", "masked_snri"],
        "CC": ["accuracy", "chance", "majority", "accuracy_over_chance"],
    }
    assert found["ours"].notna().all() and found["n"].eq(4).all() and found["published"].isna().all()
    assert found.loc[found["metric"] == "accuracy", "ours"].between(0, 100).all()


def test_all_files_of_the_paper_are_there(finished):
    root = finished.root / "results/tiny"
    for table in ("table1", "table2", "table3", "pretext"):
        assert all((root / f"tables/{NAME}/{table}{end}").stat().st_size > 200 for end in FORMATS)
        drawn = [(root / f"figures/{NAME}/{table}{end}").exists() for end in PICTURES]
        assert set(drawn) == {table != "pretext"}
    assert all((root / f"figures/{NAME}/figure2{end}").stat().st_size > 1000 for end in CURVES)
    text = (root / f"tables/{NAME}/pretext.md").read_text()
    assert all(metric_of(x).name in text for x in ("si_snri", "masked_snri", "accuracy_over_chance"))


def test_figure_2_has_our_points_and_the_published_ones(finished):
    found = pd.read_csv(finished.root / f"results/tiny/figures/{NAME}/figure2.csv")
    assert set(found["panel"]) == {"libri2mix", "wsj0_2mix"}
    published = found[found["source"] == "published"]
    said = [
        ("libri2mix", "PT-FT (SE)", "reaches_baseline", 37.0, None, None, None),
        ("libri2mix", "from scratch", "label_switches", None, None, 15.0, 35.0),
        ("libri2mix", "multi-task (SE)", "label_switches", None, None, 15.0, 35.0),
        ("wsj0_2mix", "PT-FT (SE)", "reaches_baseline", 66.0, None, None, None),
        ("wsj0_2mix", "multi-task (SE)", "label_switches", 40.0, 89.0, None, None),
    ]
    columns = ["panel", "strategy", "quantity", "epoch", "value", "low", "high"]
    rows = [tuple(None if x != x else x for x in row) for row in published[columns].itertuples(index=False)]
    assert rows == said
    ours = found[(found["source"] == "ours") & (found["quantity"] == "validation_si_snr")]
    labels = {"from scratch": "scratch", "PT-FT (SE)": "pt_ft", "multi-task (SE)": "multi_task"}
    for (panel, strategy), points in ours.groupby(["panel", "strategy"]):
        run = history(finished, labels[strategy] + ("_libri" if panel == "libri2mix" else ""))
        assert points["epoch"].tolist() == [1, 2]
        assert points["value"].tolist() == pytest.approx((-run["validation_loss"]).tolist(), abs=1e-3)
    switches = found[(found["source"] == "ours") & (found["quantity"] == "label_switches")]
    assert len(switches) == 6 and switches["value"].between(0, 100).all()


def test_switches_are_counted_where_crops_stay(finished):
    for run in planned(finished).runs.values():
        columns = pd.read_csv(finished.root / f"results/runs/{run.name}/history.csv").columns
        separation = run.stage != "pretrain" and run.spec["model"]["name"] == "conv_tasnet"
        assert ("label_switches" in columns) == separation, run.label


def test_what_two_tables_share_is_trained_once(finished):
    found = planned(finished)
    runs = {path.parent.name for path in finished.root.glob("results/runs/*/model.safetensors")}
    assert runs == set(found.runs) and len(runs) == sum(TRAINED.values())
    assert {stage: len(found.staged(stage)) for stage in TRAINED} == TRAINED
    one = cells(finished, "table1").set_index("Pre-training task")
    two = cells(finished, "table2").set_index(["Corpus", "Training strategy"])
    three = cells(finished, "table3").set_index("Unnamed: 0")
    columns = ["metric", "ours", "n", "run"]
    for a, b, c in (("-", "from scratch", "(b)"), ("SE", "PT-FT (SE)", "(c)")):
        numbers = [
            table[columns].values.tolist()
            for table in (one.loc[[a]], two.loc[[("WSJ0-2mix", b)]], three.loc[[c]])
        ]
        assert numbers[0] == numbers[1] == numbers[2]


def test_rows_are_scored_on_their_own_test_mixes(finished):
    found, tests = planned(finished), {}
    for row in found.tables[NAME, "table2"]["rows"]:
        assert all((finished.root / file).exists() for file in row["scores"])
        tests.setdefault("libri" if row["id"].endswith("libri") else "wsj", set()).add(row["mix"])
    # At this scale the voices play both corpora, and the two test mixes are one.
    assert all(len(mixes) == 1 for mixes in tests.values())
    scored = {path.stem for path in finished.root.glob("results/runs/*/scores/*.csv")}
    assert scored == {row["mix"] for table in found.tables.values() for row in table["rows"]}


def test_no_training_heard_the_speakers_of_its_pre_training_or_of_a_test(finished):
    found = planned(finished)

    def speakers(mix: str) -> set[str]:
        table = pd.read_csv(finished.root / f"results/mixes/{mix}/mix.csv")
        return set(table.filter(like="speaker_").to_numpy().ravel())

    heard = {}
    for name, recipe in found.mixes.items():
        heard.setdefault((recipe["split"], tuple(recipe.get("among", ()))), set()).update(speakers(name))
    train = [who for (split, _), who in heard.items() if split == "train"]
    test = set().union(*(who for (split, _), who in heard.items() if split == "test"))
    assert len(train) == 3 and all(train) and test
    assert len(set().union(*train)) == sum(map(len, train)) and not test & set().union(*train)


@pytest.mark.parametrize("words", [[], [NAME], [f"results/tiny/figures/{NAME}/figure2.svg"]])
def test_a_second_run_does_nothing(finished, words):
    done = finished.snakemake(*words)
    assert done.returncode == 0 and "Nothing to be done" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new", "jobs"),
    [
        ("published: [16.2, 16.5]", "published: [16.2, 16.6]", {"table": 1, "figure": 1}),
        ("caption: Training strategies", "caption: Strategies", {"table": 1, "figure": 1}),
        ("note: >-\n      No table", "note: >-\n      It is no table", {"table": 1}),
        ("reaches_baseline, epoch: 37", "reaches_baseline, epoch: 38", {"training_figure": 1}),
        ("caption: Validation SI-SNR and", "caption: SI-SNR and", {"training_figure": 1}),
        ("title: Stabilizing", "# a comment\ntitle: Stabilizing", {}),
    ],
)
def test_words_and_published_numbers_train_nothing(touched, old, new, jobs):
    touched.edit(PAPER, old, new)
    assert touched.planned() == (jobs | {"all": 1} if jobs else {})


def test_a_changed_pre_training_trains_its_descendants_and_nothing_else(touched):
    touched.edit(PAPER, "  se: {stage: pretrain}", "  se: {stage: pretrain, optimizer: {lr: 2.0e-3}}")
    jobs = touched.planned()
    # pt_ft, pt_ft_libri; of the others neither DPRNN's, nor MAMA's, nor the multi-task runs.
    assert {stage: jobs.get(stage, 0) for stage in TRAINED} == {
        **dict.fromkeys(TRAINED, 0),
        "pretrain": 1,
        "finetune": 2,
    }
    assert jobs["evaluate"] == 3 and jobs["table"] == 4 and jobs["figure"] == 3
    assert jobs["training_figure"] == 1 and not {"mix", "corpus"} & set(jobs)


def test_another_paper_beside_it_makes_none_of_it_again(touched):
    touched.edit("config/config.yaml", f"- {NAME}", f"- {NAME}\n- ts_mixit")
    assert touched.planned(NAME) == {}


def test_lost_curves_are_drawn_again_from_what_is_there(touched):
    (touched.root / f"results/tiny/figures/{NAME}/figure2.png").unlink()
    assert touched.planned() == {"training_figure": 1, "all": 1}


def test_the_stages_and_targets_are_there_by_name(fresh):
    jobs = fresh.planned(NAME)
    assert {stage: jobs[stage] for stage in TRAINED} == TRAINED
    assert (jobs["table"], jobs["figure"], jobs["training_figure"], jobs["evaluate"]) == (4, 3, 1, 17)
    assert jobs["corpus"] == 2
    one = fresh.planned(f"results/tiny/figures/{NAME}/figure2.csv")
    assert (one["pretrain"], one["supervised"], one["finetune"], one["multi_task"]) == (1, 2, 2, 2)
    assert not {"evaluate", "table", "figure"} & set(one)


@pytest.mark.parametrize(("papers", "target"), [(("ts_mixit",), NAME), ((NAME,), "ts_mixit")])
def test_the_target_of_a_paper_that_is_not_planned_says_so(tmp_path, papers, target):
    done = ssl_checkout(tmp_path / "checkout", papers).snakemake("-n", target)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"config/config.yaml: papers: {target} is not among them; add it" in said
    assert "Traceback" not in said and "Nothing to be done" not in said


@pytest.mark.parametrize(
    "part", ["tables/ts_mixit/table3.csv", "figures/ssl_pretraining/pretext_learning.svg"]
)
def test_what_another_paper_has_is_no_output_of_a_paper(tmp_path, part):
    checkout = ssl_checkout(tmp_path / "checkout", ("ts_mixit", NAME))
    done = checkout.snakemake("-n", f"results/tiny/{part}")
    assert done.returncode != 0 and "Traceback" not in done.stdout + done.stderr
    assert "MissingRuleException" in done.stdout + done.stderr


def test_scale_paper_resolves_without_its_corpora(fresh):
    jobs = fresh.planned("--config", "scale=paper", "corpora={}")
    assert {stage: jobs[stage] for stage in TRAINED} == TRAINED | {"supervised": 6, "finetune": 8}
    # se, mama, cc on one list; three lists of training, three of validation, three of test.
    assert jobs["mix"] == 9 and jobs["corpus"] == 3


def sepflow(checkout: Checkout, *words: str) -> str:
    command = [sys.executable, "-m", "sepflow", *words, "--directory", str(checkout.root)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_plan_can_be_asked(fresh):
    text = sepflow(fresh, "plan")
    found = planned(fresh)
    assert all(re.search(rf"^{run.label} +{name} ", text, re.M) for name, run in found.runs.items())
    assert "trained once for several rows: scratch, pt_ft\n" in text + "\n"
    assert sepflow(fresh, "why", "cc").count("temperature: 0.1") == 1
    spec = yaml.safe_load(sepflow(fresh, "why", "se"))
    assert spec["data"]["mix"]["noise"]["kind"] == "noise" and spec["steps"] == 4


def test_two_strategies_differ_in_what_they_begin_with(fresh):
    lines = sepflow(fresh, "why", "pt_ft", "scratch").splitlines()[2:]
    keys = {line.split()[0] for line in lines}
    assert {key.split(".")[0] for key in keys} == {"disjoint_speakers", "init"}
    assert "init.data.mix.noise_difference" in keys
