"""The whole workflow at a tiny scale, and what starts its jobs again."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from conftest import ROOT, Checkout, environment, write_voices
from sepflow.planning import plan
from sepflow.planning.workflow import PICTURES
from sepflow.reporting.figures.style import row_name, wrapped

STAGES = {"teacher", "student", "finetune", "distill", "supervised"}


@pytest.fixture(scope="module")
def finished(voices, tmp_path_factory) -> Checkout:
    """A checkout in which every job of scale `tiny` has run."""
    (root := tmp_path_factory.mktemp("finished") / "checkout").mkdir()
    checkout = Checkout(root, voices)
    done = checkout.snakemake()
    assert done.returncode == 0, done.stderr
    return checkout


@pytest.fixture
def touched(finished, tmp_path) -> Checkout:
    """A copy of the finished checkout, mtimes and all, to change things in."""
    copy = object.__new__(Checkout)
    copy.root = Path(shutil.copytree(finished.root, tmp_path / "copy", symlinks=True))
    return copy


def test_every_row_of_both_tables_is_filled(finished):
    for name, rows in (("table1", 6), ("table2", 8)):
        table = pd.read_csv(finished.root / f"results/tiny/tables/ts_mixit/{name}.csv")
        assert len(table) == rows
        assert table["n"].eq(8).all() and table[["ours", "ci_low", "ci_high"]].notna().all(axis=None)
        for end in ("md", "tex", "svg"):
            assert (finished.root / f"results/tiny/tables/ts_mixit/{name}.{end}").stat().st_size > 200


def test_every_table_has_its_pictures(finished):
    for table, label in (("table1", "(Energy) / MixIT"), ("table2", "Architecture = DPRNN")):
        stem = finished.root / f"results/tiny/figures/ts_mixit/{table}"
        for end in PICTURES:
            assert Path(f"{stem}{end}").stat().st_size > 1000
        assert label in Path(f"{stem}_learning.svg").read_text()


def test_the_pictures_say_what_the_scores_say(finished):
    plot = (finished.root / "results/tiny/figures/ts_mixit/table1_spectrograms.svg").read_text()
    name = re.search(r"Test mixture (test-\d+):", plot)[1]
    found = plan.load(yaml.safe_load((finished.root / "config/config.yaml").read_text()), finished.root)
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


@pytest.mark.parametrize("words", [[], ["ts_mixit"], ["results/tiny/tables/ts_mixit/table1.csv"]])
def test_a_second_run_does_nothing_also_without_a_number_of_cores(finished, words):
    command = [sys.executable, "-m", "snakemake", *words]
    done = subprocess.run(command, cwd=finished.root, env=environment(), capture_output=True, text=True)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_the_stages_and_targets_are_there_by_name(checkout):
    jobs = checkout.planned("ts_mixit")
    assert set(jobs) >= STAGES | {"corpus", "mix", "pseudo_labels", "evaluate", "table"}
    assert jobs["figure"] == jobs["table"] == 2
    assert (jobs["teacher"], jobs["student"], jobs["pseudo_labels"], jobs["evaluate"]) == (3, 2, 8, 11)
    one = checkout.planned("results/tiny/tables/ts_mixit/table1.csv")
    assert one["teacher"] == 2 and one["table"] == 1 and not {"distill", "figure"} & set(one)


@pytest.mark.parametrize(
    "where", ["workflow/scripts/train.py", "rules/train.smk", "config/papers/ts_mixit.yaml"]
)
def test_a_touched_file_starts_nothing(touched, where):
    time.sleep(0.01)
    (touched.root / where).touch()
    for words in ([], ["ts_mixit"], ["results/tiny/tables/ts_mixit/table2.md"]):
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
        text = (finished.root / f"results/tiny/tables/ts_mixit/{name}.md").read_text()
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
    tiny = touched.root / "config/scales/tiny.yaml"
    tiny.write_text(tiny.read_text().replace("speech:", "voices:").replace("pairs: speech", "pairs: voices"))
    touched.edit("config/config.yaml", "speech: ", "voices: ")
    assert not set(touched.planned()) - {"table", "all"}


ROW = '      supervised_10: {cells: [Supervised (10%), "-", 2], published: 11.0, run: supervised_10}\n'
TABLE = "results/tiny/tables/ts_mixit/table1.csv"


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
    shutil.rmtree(touched.root / "results/tiny/figures")
    assert touched.planned() == {"figure": 2, "all": 1}


def test_a_table_that_is_not_planned_is_said(checkout):
    done = checkout.snakemake("-n", "results/tiny/tables/ts_mixit/table9.csv")
    assert done.returncode != 0 and "Traceback" not in done.stdout + done.stderr


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


def test_scale_paper_resolves_without_its_corpora(checkout):
    jobs = checkout.planned("--config", "scale=paper", "corpora={}")
    assert sum(jobs[stage] for stage in STAGES) == 11


def test_a_bad_recording_ends_the_workflow_with_its_name_and_nothing_half_written(tmp_path):
    voices = write_voices(tmp_path / "speech")
    (voices / "s1/u1.wav").write_bytes(b"RIFF, or so it says")
    soundfile.write(voices / "s2/u2.wav", np.zeros(8000), 8000)
    soundfile.write(voices / "s3/u3.wav", np.full((8000, 2), 0.1), 8000)
    (tmp_path / "checkout").mkdir()
    checkout = Checkout(tmp_path / "checkout", voices)
    done = checkout.snakemake()
    assert done.returncode != 0
    for words in ("s1/u1.wav", "s2/u2.wav", "s3/u3.wav", "silent", "channel"):
        assert done.stderr.count(words) >= 1, words
    assert "Traceback" not in done.stderr
    assert not list((checkout.root / "results").rglob("manifest.csv"))


def test_too_few_speakers_are_said_by_the_workflow(tmp_path):
    (tmp_path / "checkout").mkdir()
    checkout = Checkout(tmp_path / "checkout", write_voices(tmp_path / "speech", speakers=4))
    done = checkout.snakemake()
    assert done.returncode != 0
    assert "a mixture needs 2" in done.stderr and "Traceback" not in done.stderr


def test_a_wrong_key_is_one_message(checkout):
    checkout.edit("config/papers/ts_mixit.yaml", "batch: 8", "bacth: 8")
    done = checkout.snakemake("-n")
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "did you mean 'batch'?" in said and "Traceback" not in said


def test_another_checkout_imports_its_own_package(finished):
    log = next((finished.root / "results/runs").glob("*/run.json"))
    assert json.loads(log.read_text())["sepflow"]
    done = finished.snakemake("--lint")
    assert "good condition" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "words", [["plan"], ["why", "teacher_2src"], ["why", "student_2src", "student_1or2src"]]
)
def test_the_plan_can_be_asked(checkout, words):
    command = [sys.executable, "-m", "sepflow", *words, "--directory", str(checkout.root)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = (
        {"plan": "teacher_1or2src", "why": "thresholded_snr"}[words[0]]
        if len(words) < 3
        else "single_speaker"
    )
    assert wanted in done.stdout


def test_why_names_the_nearest_run(checkout):
    command = [sys.executable, "-m", "sepflow", "why", "techer_2src", "--directory", str(checkout.root)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == "error: there is no run 'techer_2src'; did you mean 'teacher_2src'?"


def test_real_speech_is_a_folder_corpus(tmp_path):
    speech = ROOT.parent / "shared/data/speech"
    if not speech.is_dir():
        pytest.skip("no real speech beside the checkout (../shared/data/speech)")
    config = {"scale": "mini", "papers": ["ts_mixit"], "corpora": {"speech": str(speech)}}
    found = plan.load(config, ROOT)
    assert len(found.runs) == 3 * 11
    assert next(iter(found.corpora.values()))["digest"]
