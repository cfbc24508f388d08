"""What is said of a training: the lines of its log, and `sepflow status`, also while it runs."""

import logging
import os
import re
import shutil
import subprocess
import sys
import time

from conftest import ROOT, environment
from sepflow.jobs import lease
from sepflow.networks.places import Places
from sepflow.planning import plan, status
from sepflow.planning.messages import Messages
from sepflow.training import progress
from test_lease import leave, prepared, run, start, wait_for

__all__ = ["prepared"]  # fixture
LOSS = r"loss -?\d+\.\d\d, "
LINE = rf"step (\d+) of 24: training {LOSS}(validation {LOSS})?[\d.e+]+ examples/s, \d+:\d\d:\d\d left"


def test_a_log_has_a_line_for_each_validation_and_as_time_passes(prepared, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    run(prepared, tmp_path / "seldom", steps=24, validate_every=8)
    found = [re.fullmatch(LINE, text) for text in caplog.messages if text.startswith("step ")]
    assert [(int(line[1]), bool(line[2])) for line in found] == [(8, True), (16, True), (24, True)]
    caplog.clear()
    monkeypatch.setattr(progress, "EVERY", 0.0)
    run(prepared, tmp_path / "often", steps=24, validate_every=8)
    found = [re.fullmatch(LINE, text) for text in caplog.messages if text.startswith("step ")]
    assert [int(line[1]) for line in found] == list(range(1, 25))
    assert [int(line[1]) for line in found if line[2]] == [8, 16, 24]
    assert found[-1][0].endswith("0:00:00 left")


def test_what_is_no_terminal_gets_no_bar(prepared, tmp_path):
    said = start(prepared, tmp_path / "run", steps=20, validate_every=10).communicate(timeout=120)[1]
    assert "\r" not in said and "step/s" not in said and "v_num" not in said
    assert re.findall(r"^\S+ \S+ (step \d+ of 20): ", said, re.MULTILINE) == [
        "step 10 of 20",
        "step 20 of 20",
    ]


def test_all_states_are_told_with_rows_and_the_last_line_of_what_failed(
    prepared, tmp_path, monkeypatch, caplog
):
    found, results = prepared
    monkeypatch.setattr(status, "WATCHED", 0.6)
    monkeypatch.setattr(lease, "POLL", 0.1)
    monkeypatch.setattr(status, "POLL", 0.1)
    names = {label: found.find(label).name for label in ("teacher_2src", "teacher_1or2src", "student_2src",
             "finetuned", "distilled", "supervised_10", "supervised_100", "teacher_dprnn")}  # fmt: skip
    runs, logs = tmp_path / "runs", tmp_path / "logs/train"
    logs.mkdir(parents=True)
    run(prepared, runs / names["supervised_100"])
    shutil.copytree(runs / names["supervised_100"], runs / names["supervised_10"])
    (runs / names["supervised_10"] / "adopted.json").write_text("{}")
    far = {"step": 300, "steps": 2000, "train_loss": -3.2, "left": "0:12:03"}
    leave(runs / names["teacher_2src"], **far)  # another machine, silent
    leave(runs / names["student_2src"], ended="stopped", **far)
    leave(runs / names["distilled"], ended="failed")
    (logs / f"{names['distilled']}.log").write_text(
        "2026-01-01 12:00:00,1 going on\n  1 problem\nthe last line\n\n"
    )
    (logs / f"{names['finetuned']}.log").write_text("2026-01-01 12:00:00,1 error: no corpus\n")
    (logs / f"{names['teacher_dprnn']}.log").write_text("2026-01-01 12:00:00,1 waiting for 1 of the GPUs\n")
    with lease.held(runs / names["teacher_1or2src"], names["teacher_1or2src"]) as own:
        own.note(**far, validation_loss=-2.5)
        own._renew()
        told = {one.run: one for one in status.statuses(found, tmp_path, Places())}
    said = {label: (told[name].state, told[name].detail) for label, name in names.items()}
    here = f"by process {os.getpid()} on {os.uname().nodename}"
    assert said["supervised_10"] == ("adopted", "")
    assert said["supervised_100"][0] == "done"
    assert re.fullmatch(r"20 steps, validation loss -\d\.\d\d", said["supervised_100"][1])
    assert said["teacher_1or2src"] == (
        "training", "step 300 of 2000, training loss -3.20, validation loss -2.50, 0:12:03 left, " + here
    )  # fmt: skip
    assert said["teacher_2src"] == (
        "stale",
        "step 300 of 2000, training loss -3.20, 0:12:03 left, by process 99 on n17 (SLURM job 4242), "
        "which is no more: start it again",
    )
    assert said["student_2src"] == (
        "waiting",
        "saved, step 300 of 2000, training loss -3.20, to be started again",
    )
    assert said["distilled"] == ("failed", "the last line")
    assert said["finetuned"][0] == "failed" and said["finetuned"][1].endswith("error: no corpus")
    assert said["teacher_dprnn"][0] == "waiting" and "waiting for 1 of the GPUs" in said["teacher_dprnn"][1]
    text = status.describe(found.scale, list(told.values()))
    assert text.startswith(
        "scale tiny: 11 runs: 1 training, 1 stale, 2 failed, 5 waiting, 1 done, 1 adopted\n"
    )
    assert f"failed    {names['distilled']}  distilled of ts_mixit: Table 2 row 2 - the last line" in text
    assert Messages(found).run(names["distilled"]) == f"train {told[names['distilled']].named}"


def test_a_lease_that_another_machine_renews_is_no_stale_one(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(status, "WATCHED", 30.0)
    monkeypatch.setattr(status, "POLL", 0.05)
    found, _ = prepared
    name = found.find("teacher_2src").name
    renewals = iter(range(1, 100))
    monkeypatch.setattr(
        status.time, "sleep", lambda _: leave(tmp_path / "runs" / name, renewals=next(renewals))
    )
    leave(tmp_path / "runs" / name)
    begun = time.monotonic()
    assert {x.run: x.state for x in status.statuses(found, tmp_path, Places())}[name] == "training"
    assert time.monotonic() - begun < 5


def test_a_damaged_record_is_said_and_the_rest_told(prepared, tmp_path):
    found, _ = prepared
    name = found.find("supervised_100").name
    run(prepared, tmp_path / "runs" / name)
    (tmp_path / "runs" / name / "run.json").write_text('{"steps": 2')
    (told,) = (one for one in status.statuses(found, tmp_path, Places()) if one.run == name)
    assert told.state == "done" and told.detail.endswith(f"run.json is damaged: sepflow verify {name}")


def test_the_command_needs_no_torch_and_tells_of_a_training_at_work(prepared, tmp_path):
    found, results = prepared
    run_of = found.find("supervised_100")
    out = results / "runs" / run_of.name
    out.parent.mkdir(exist_ok=True)
    process = start(prepared, out, steps=100_000, validate_every=50)
    try:
        wait_for(lambda: (there := lease.seen(out)) and "validation_loss" in there.said)
        script = (
            "import sys; from sepflow.cli import main\n"
            f"main(['status', 'ts_mixit', '--directory', {str(results.parent)!r}])\n"
            "print([name for name in ('torch', 'numpy', 'pandas', 'lightning') if name in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment(), capture_output=True, text=True
        )
    finally:
        process.kill()
        process.communicate()
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("[]\n")
    told = (
        rf"training  {run_of.name}  supervised_100 of ts_mixit: Table 2 row 8 - step \d+ of 100000, training"
    )
    assert re.search(told, done.stdout), done.stdout
    shutil.rmtree(out)


def test_a_papers_name_and_a_scale_choose_the_plan(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sepflow", "status", "ssl_pretraining", "--scale", "smoke"],
        cwd=ROOT, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    config = {"scale": "smoke", "papers": ["ssl_pretraining"]}
    assert f"{len(plan.load(config, ROOT).runs)} runs" in done.stdout, done.stderr
    assert "of ts_mixit" not in done.stdout
