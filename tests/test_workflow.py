"""What the workflow of ts_mixit plans and refuses; what it made: tests/smoke."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

from conftest import ROOT, Checkout, environment, write_voices
from sepflow.planning import plan

STAGES = {"teacher", "student", "finetune", "distill", "supervised"}


def test_the_stages_and_targets_are_there_by_name(checkout):
    jobs = checkout.planned("ts_mixit")
    assert set(jobs) >= STAGES | {"corpus", "mix", "pseudo_labels", "evaluate", "table"}
    assert jobs["figure"] == jobs["table"] == 2
    assert (jobs["teacher"], jobs["student"], jobs["pseudo_labels"], jobs["evaluate"]) == (3, 2, 8, 11)
    one = checkout.planned("results/tiny/tables/ts_mixit/table1.csv")
    assert one["teacher"] == 2 and one["table"] == 1 and not {"distill", "figure"} & set(one)


def test_a_table_that_is_not_planned_is_said(checkout):
    done = checkout.snakemake("-n", "results/tiny/tables/ts_mixit/table9.csv")
    assert done.returncode != 0 and "Traceback" not in done.stdout + done.stderr


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
