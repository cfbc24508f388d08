"""The whole workflow of ts_mixit at scale smoke, and what starts its jobs again."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from conftest import ROOT, Checkout, environment
from sepflow.planning.workflow import PICTURES
from sepflow.reporting.figures.style import row_name, wrapped

NAME = "ts_mixit"
STAGES = {"teacher", "student", "finetune", "distill", "supervised"}


def test_every_row_of_both_tables_is_filled(finished):
    for name, rows in (("table1", 6), ("table2", 8)):
        table = pd.read_csv(finished.root / f"results/smoke/tables/ts_mixit/{name}.csv")
        assert len(table) == rows
        assert table["n"].eq(8).all() and table[["ours", "ci_low", "ci_high"]].notna().all(axis=None)
        for end in ("md", "tex", "svg"):
            assert (finished.root / f"results/smoke/tables/ts_mixit/{name}.{end}").stat().st_size > 200


def test_every_table_has_its_pictures(finished):
    for table, label in (("table1", "(Energy) / MixIT"), ("table2", "Architecture = DPRNN")):
        stem = finished.root / f"results/smoke/figures/ts_mixit/{table}"
        for end in PICTURES:
            assert Path(f"{stem}{end}").stat().st_size > 1000
        assert label in Path(f"{stem}_learning.svg").read_text()


def test_the_pictures_say_what_the_scores_say(finished):
    plot = (finished.root / "results/smoke/figures/ts_mixit/table1_spectrograms.svg").read_text()
    name = re.search(r"Test mixture (test-\d+):", plot)[1]
    found = finished.planned_here()
    table = found.tables["ts_mixit", "table1"]
    for row in table["rows"]:
        scores = pd.read_csv(finished.root / row["scores"][0])
        chosen = scores["mixture"].eq(name) & scores["selection"].eq(row["selection"])
        for value in scores.loc[chosen & scores["metric"].eq("si_snri"), "value"]:
            said = f"{value:+.1f} dB".replace("-", "\N{MINUS SIGN}")
            lines = wrapped(f"{row_name(table, row)}: SI-SNRi {said}", 52).split("\n")
            assert all(f">{line}<" in plot for line in lines)


def test_the_oracle_is_no_worse_than_energy_on_any_utterance(finished):
    compared = 0
    for path in finished.root.glob("results/runs/*/scores/*.csv"):
        scores = pd.read_csv(path).query("metric == 'si_snr'")
        means = scores.groupby(["selection", "mixture"])["value"].mean().unstack(0)
        if "oracle" in means:
            compared += len(means)
            assert (means["oracle"] >= means["energy"] - 1e-6).all()
    assert compared == 3 * 8


def test_all_runs_are_scored_on_the_same_mixtures(finished):
    mixtures = [
        tuple(pd.read_csv(path)["mixture"].unique())
        for path in finished.root.glob("results/runs/*/scores/*.csv")
    ]
    assert len(mixtures) == 11 and len(set(mixtures)) == 1


def test_training_has_heard_no_speaker_of_the_test(finished):
    speakers = {"train": set(), "validation": set(), "test": set()}
    for path in finished.root.glob("results/mixes/*/mix.csv"):
        table = pd.read_csv(path)
        split = table["id"][0].split("-")[0]
        speakers[split] |= set(table.filter(like="speaker_").to_numpy().ravel())
    assert all(speakers.values())
    assert not speakers["test"] & (speakers["train"] | speakers["validation"])


@pytest.mark.parametrize("words", [[], ["ts_mixit"], ["results/smoke/tables/ts_mixit/table1.csv"]])
def test_a_second_run_does_nothing_also_without_a_number_of_cores(finished, words):
    command = [sys.executable, "-m", "snakemake", *words]
    done = subprocess.run(command, cwd=finished.root, env=environment(), capture_output=True, text=True)
    assert "Nothing to be done" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "where", ["workflow/scripts/train.py", "rules/train.smk", "config/papers/ts_mixit.yaml"]
)
def test_a_touched_file_starts_nothing(touched, where):
    time.sleep(0.01)
    (touched.root / where).touch()
    for words in ([], ["ts_mixit"], ["results/smoke/tables/ts_mixit/table2.md"]):
        assert touched.planned(*words) == {}


@pytest.mark.parametrize(
    ("old", "new", "tables"),
    [
        ("caption: Anechoic", "caption: Not anechoic", 1),
        ("published: 9.0", "published: 9.1", 1),
        ("claim: the student beats its teacher (2-src)", "claim: better than its teacher", 1),
        ("title: Teacher", "# a comment\ntitle: Teacher", 0),
    ],
)
def test_words_and_published_numbers_train_nothing(touched, old, new, tables):
    touched.edit("config/papers/ts_mixit.yaml", old, new)
    jobs = touched.planned()
    assert jobs.get("table", 0) == jobs.get("figure", 0) == tables
    assert not set(jobs) - {"table", "figure", "all"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_snr: 30.0", "max_snr: 30"),
        ("level_difference: [-5.0, 5.0]", "level_difference: [-5, 5]"),
        ("batch: 8", "precision: '32'\n  batch: 8"),
        ("{name: adam, lr: 1.0e-3, clip: 5.0,", "{clip: 5.0, lr: 0.001, name: adam,"),
    ],
)
def test_how_yaml_is_written_starts_nothing(touched, old, new):
    touched.edit("config/papers/ts_mixit.yaml", old, new)
    assert touched.planned() == {}


@pytest.mark.parametrize(
    ("module", "old", "new", "scores"),
    [
        ("simulation/resampling.py", "import", "# a comment\nimport", 0),
        ("corpora/packed.py", "    def read(", "    wider = 1\n\n    def read(", 11),
        ("models/dprnn.py", "@checked(", "CHANGED = 1\n\n\n@checked(", 4),
        ("reporting/text.py", "import", "import json\nimport", 0),
    ],
)
def test_code_that_decides_a_score_scores_again(touched, module, old, new, scores):
    own_package(touched)
    touched.edit(f"src/sepflow/{module}", old, new)
    assert {
        rule: count for rule, count in touched.planned().items() if rule not in ("table", "figure", "all")
    } == ({"evaluate": scores} if scores else {})


def test_another_version_of_the_scorer_scores_again(touched):
    own_package(touched)
    info = touched.root / "src/fast_bss_eval-99.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fast_bss_eval\nVersion: 99.0\n")
    assert touched.planned() == {"evaluate": 11, "table": 2, "figure": 2, "all": 1}


def own_package(checkout: Checkout) -> None:
    """A copy of the package in the place of the link to ours."""
    (checkout.root / "src").unlink()
    shutil.copytree(ROOT / "src", checkout.root / "src", ignore=shutil.ignore_patterns("__pycache__"))


def test_scores_say_what_made_them_and_the_table_says_it_after_them(finished):
    stamps = [json.loads(path.read_text()) for path in finished.root.glob("results/runs/*/scores/*.json")]
    assert len(stamps) == 11 and {len(stamp["code"]) for stamp in stamps} == {12}
    for name in ("table1", "table2"):
        text = (finished.root / f"results/smoke/tables/ts_mixit/{name}.md").read_text()
        for package, version in stamps[0]["scorers"].items():
            assert re.search(rf"^- Scores: commit .*{package} {re.escape(version)}", text, re.M)
        assert not re.search(r"^- Table: .*torch", text, re.M)
        assert "none of them is in a mix that these runs, or those they build on" in text


def test_a_model_of_another_run_is_not_scored_under_this_ones_name(touched):
    runs = sorted(touched.root.glob("results/runs/*/model.safetensors"))
    specs = [json.loads((run.parent / "spec.json").read_text()) for run in runs]
    alike = [run for run, spec in zip(runs, specs, strict=True) if spec["model"] == specs[0]["model"]]
    shutil.copyfile(alike[0], alike[1])
    done = touched.snakemake()
    assert done.returncode != 0
    assert f"{alike[1].parent.name}/model.safetensors: the model of another run" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_scale_calls_a_corpus_starts_nothing(touched):
    smoke = touched.root / "config/scales/smoke.yaml"
    smoke.write_text(smoke.read_text().replace("voices:", "people:").replace(": voices", ": people"))
    assert not set(touched.planned()) - {"table", "all"}


ROW = '      supervised_10: {cells: [Supervised (10%), "-", 2], published: 11.0, run: supervised_10}\n'
TABLE = "results/smoke/tables/ts_mixit/table1.csv"


def test_a_row_without_a_run_is_scored_and_shown(touched):
    row = '      mixture: {cells: [Mixture, "-", "-"], published: 0.0, system: mixture}\n'
    touched.edit("config/papers/ts_mixit.yaml", ROW, ROW + row)
    assert touched.planned(TABLE) == {"evaluate_system": 1, "table": 1}
    done = touched.snakemake(TABLE)
    assert done.returncode == 0, done.stderr
    before, found = pd.read_csv(touched.root / TABLE), pd.read_csv(touched.root / TABLE).iloc[-1]
    assert len(before) == 7 and tuple(found[["System", "ours", "delta", "n", "run"]]) == (
        "Mixture", 0, 0, 8, "mixture"
    )  # fmt: skip
    stamps = list(touched.root.glob("results/systems/mixture/separation/*.json"))
    assert [json.loads(x.read_text())["system"] for x in stamps] == ["mixture"]


def test_a_column_on_a_test_mix_of_its_own_scores_every_run_there(touched):
    wide = "metrics: [si_snri, {metric: sdri, test: validation}, parameters]\n"
    paper = touched.root / "config/papers/ts_mixit.yaml"
    numbers = re.sub(
        r"(?<=published: )([\d.]+)", r"[\1, null, null]", paper.read_text().split("  table2:")[0]
    )
    paper.write_text(numbers + "  table2:" + paper.read_text().split("  table2:")[1])
    touched.edit("config/papers/ts_mixit.yaml", "metrics: [si_snri]\n", wide)
    assert touched.planned(TABLE) == {"evaluate": 5, "table": 1}


def test_lost_pictures_are_drawn_again_from_what_is_there(touched):
    shutil.rmtree(touched.root / "results/smoke/figures")
    assert touched.planned() == {"figure": 2, "all": 1}


def test_a_new_run_trains_itself_only(touched):
    touched.edit(
        "config/papers/ts_mixit.yaml",
        "  supervised_100: {stage: supervised}",
        "  supervised_100: {stage: supervised}\n  other: {stage: supervised, seed: 2}",
    )
    touched.edit(
        "config/papers/ts_mixit.yaml", "published: 15.3, run: supervised_100", "published: 15.3, run: other"
    )
    jobs = touched.planned()
    assert {stage: jobs[stage] for stage in STAGES & set(jobs)} == {"supervised": 1}
    assert jobs["evaluate"] == 1


def test_a_changed_teacher_trains_its_descendants_and_nothing_else(touched):
    touched.edit(
        "config/papers/ts_mixit.yaml",
        "teacher_2src: {stage: teacher}",
        "teacher_2src: {stage: teacher, seed: 2}",
    )
    jobs = touched.planned()
    assert {stage: jobs[stage] for stage in STAGES & set(jobs)} == {"teacher": 1, "student": 1}


def test_another_checkout_imports_its_own_package(finished):
    log = next((finished.root / "results/runs").glob("*/run.json"))
    assert json.loads(log.read_text())["sepflow"]
    done = finished.snakemake("--lint")
    assert "good condition" in done.stdout + done.stderr
