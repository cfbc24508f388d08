"""The whole workflow of ssl_pretraining at scale smoke, and what starts its jobs again."""

import pandas as pd
import pytest

from conftest import Checkout
from sepflow.metrics.declared import metric_of
from sepflow.planning.workflow import CURVES, FORMATS, PICTURES

NAME = "ssl_pretraining"
PAPER = f"config/papers/{NAME}.yaml"
TRAINED = {"pretrain": 5, "supervised": 5, "finetune": 7, "multi_task": 2}


def cells(checkout: Checkout, table: str) -> pd.DataFrame:
    return pd.read_csv(checkout.root / f"results/smoke/tables/{NAME}/{table}.csv")


def history(checkout: Checkout, label: str) -> pd.DataFrame:
    return pd.read_csv(checkout.root / f"results/runs/{checkout.planned_here().find(label).name}/history.csv")


@pytest.mark.parametrize(("table", "rows"), [("table1", 4), ("table2", 6), ("table3", 8)])
def test_every_trained_row_is_filled_in_both_metrics(finished, table, rows):
    found = cells(finished, table)
    ours = found[found["run"] != "reported"]
    assert ours["metric"].tolist() == ["si_snri", "sdri"] * rows
    assert ours["n"].eq(8).all() and ours[["published", "ours", "delta"]].notna().all(axis=None)
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
    assert found["ours"].notna().all() and found["n"].eq(8).all() and found["published"].isna().all()
    assert found.loc[found["metric"] == "accuracy", "ours"].between(0, 100).all()


def test_all_files_of_the_paper_are_there(finished):
    root = finished.root / "results/smoke"
    for table in ("table1", "table2", "table3", "pretext"):
        assert all((root / f"tables/{NAME}/{table}{end}").stat().st_size > 200 for end in FORMATS)
        drawn = [(root / f"figures/{NAME}/{table}{end}").exists() for end in PICTURES]
        assert set(drawn) == {table != "pretext"}
    assert all((root / f"figures/{NAME}/figure2{end}").stat().st_size > 1000 for end in CURVES)
    text = (root / f"tables/{NAME}/pretext.md").read_text()
    assert all(metric_of(x).name in text for x in ("si_snri", "masked_snri", "accuracy_over_chance"))


def test_figure_2_has_our_points_and_the_published_ones(finished):
    found = pd.read_csv(finished.root / f"results/smoke/figures/{NAME}/figure2.csv")
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
    for run in finished.planned_here().runs.values():
        columns = pd.read_csv(finished.root / f"results/runs/{run.name}/history.csv").columns
        separation = run.stage != "pretrain" and run.spec["model"]["name"] == "conv_tasnet"
        assert ("label_switches" in columns) == separation, run.label


def test_what_two_tables_share_is_trained_once(finished):
    found = finished.planned_here()
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
    found, tests = finished.planned_here(), {}
    for row in found.tables[NAME, "table2"]["rows"]:
        assert all((finished.root / file).exists() for file in row["scores"])
        tests.setdefault("libri" if row["id"].endswith("libri") else "wsj", set()).add(row["mix"])
    # At this scale the voices play both corpora, and the two test mixes are one.
    assert all(len(mixes) == 1 for mixes in tests.values())
    scored = {path.stem for path in finished.root.glob("results/runs/*/scores/*.csv")}
    assert scored == {row["mix"] for table in found.tables.values() for row in table["rows"]}


def test_no_training_heard_the_speakers_of_its_pre_training_or_of_a_test(finished):
    found = finished.planned_here()

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


@pytest.mark.parametrize("words", [[], [NAME], [f"results/smoke/figures/{NAME}/figure2.svg"]])
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
    (touched.root / f"results/smoke/figures/{NAME}/figure2.png").unlink()
    assert touched.planned() == {"training_figure": 1, "all": 1}
