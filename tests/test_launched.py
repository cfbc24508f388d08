"""How many processes share a batch: counted, whoever started them; in a SLURM job as elsewhere."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from sepflow.errors import SepflowError
from sepflow.jobs.launched import launch
from sepflow.training.checkpoint import read_checkpoint
from sepflow.training.machine import Machine
from test_lease import prepared, start

__all__ = ["prepared"]  # fixture
# As srun of one task has it in a job of the workflow: cluster.md's first fault.
IN_A_JOB = {
    "SLURM_JOB_ID": "77",
    "SLURM_JOB_NAME": "train",
    "SLURM_NTASKS": "1",
    "SLURM_STEP_NUM_TASKS": "1",
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_NODELIST": "n1",
    "SLURM_NNODES": "1",
}
BY_SRUN = IN_A_JOB | {"SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1"}
BY_TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}
SPEC = {"batch": 4, "precision": "32"}


@pytest.fixture
def environ(monkeypatch):
    """A function that sets what whoever starts this process says."""

    def say(said: dict[str, str]) -> None:
        for name, value in said.items():
            monkeypatch.setenv(name, value)

    return say


@pytest.mark.parametrize(
    ("said", "by", "processes", "rank"),
    [
        ({}, "", 1, 0),
        (IN_A_JOB, "", 1, 0),
        # A batch script without srun is one process, whatever the job has.
        (IN_A_JOB | {"SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "1"}, "", 1, 0),
        (BY_SRUN, "srun", 2, 1),
        (BY_TORCHRUN, "torchrun", 2, 1),
        ({"LOCAL_RANK": "1"}, "", 1, 1),  # Lightning's own, beside the first one
    ],
)
def test_who_started_how_many(environ, said, by, processes, rank):
    environ(said)
    found = launch()
    assert (found.by, found.processes, found.rank) == (by, processes, rank)


@pytest.mark.parametrize(
    ("said", "machine", "message"),
    [
        (BY_SRUN, {}, r"devices: 1, nodes: 1: 1 processes .*srun started 2.*--ntasks-per-node=1"),
        (BY_SRUN, {"devices": 4}, r"4 processes .*srun started 2.*srun --nodes=1 --ntasks-per-node=4"),
        (BY_TORCHRUN, {"devices": 1}, r"torchrun started 2.*--nproc-per-node=1"),
        ({}, {"nodes": 2}, r"nodes: 2: 2 processes .*started 1.*srun --nodes=2 --ntasks-per-node=1"),
        (IN_A_JOB, {"nodes": 2, "devices": 2}, r"4 processes .*started 1.*--nodes=2 --ntasks-per-node=2"),
    ],
)
def test_another_number_than_was_started_is_refused(environ, said, machine, message):
    environ(said)
    with pytest.raises(SepflowError, match=message):
        Machine(device="cpu", **machine).check(SPEC)


@pytest.mark.parametrize(
    ("said", "machine"), [({}, 1), ({}, 2), (IN_A_JOB, 2), (BY_SRUN, 2), (BY_TORCHRUN, 2)]
)
def test_what_was_started_is_not(environ, said, machine):
    environ(said)
    Machine(device="cpu", devices=machine).check(SPEC)


@pytest.mark.parametrize(
    ("said", "begun"), [({}, False), ({"LOCAL_RANK": "0"}, False), ({"LOCAL_RANK": "1"}, True)]
)
def test_who_was_started_alone_starts_the_others_whatever_rank_0_a_stranger_left(environ, said, begun):
    environ(said)
    assert Machine(devices=2).environment().creates_processes_externally == begun


def test_another_world_than_was_asked_for_is_refused():
    with pytest.raises(SepflowError, match="devices: 2, nodes: 1, but 1 processes would share a batch"):
        Machine(devices=2).check_world(1)
    Machine(devices=2).check_world(2)


def test_two_devices_in_a_slurm_job_are_two_processes_that_end_and_go_on_together(
    prepared, tmp_path, environ
):
    """One task, as the workflow's jobs are; then a SIGTERM to the first process alone, in an interval."""
    environ(IN_A_JOB)
    changes = {"batch": 4, "steps": 300, "validate_every": 100}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    done = start(prepared, whole, "--devices", "2", **changes)
    said = done.communicate(timeout=400)[1]
    assert done.returncode == 0, said
    record = json.loads((whole / "run.json").read_text())["machine"]
    assert (record["processes"], record["devices"], record["nodes"]) == (2, 2, 1)

    told = start(prepared, broken, "--devices", "2", **changes)
    lines = told_in_an_interval(told, broken)
    assert told.returncode == 1, lines
    assert "error: told to end by SIGTERM; saved at step" in lines and "Traceback" not in lines
    state = read_checkpoint(broken / "checkpoint/last.ckpt")[0]
    assert state["global_step"] % 100 and state["train_losses"].shape == (2, state["global_step"] % 100)

    again = start(prepared, broken, "--devices", "2", **changes)
    said = again.communicate(timeout=400)[1]
    assert again.returncode == 0 and "going on from" in said, said
    assert (whole / "model.safetensors").read_bytes() == (broken / "model.safetensors").read_bytes()
    histories = [pd.read_csv(out / "history.csv").drop(columns="seconds") for out in (whole, broken)]
    pd.testing.assert_frame_equal(*histories)


def told_in_an_interval(process: subprocess.Popen, out: Path) -> str:
    """Send SIGTERM a moment after the first validation; return what was said."""
    while not (out / "checkpoint/last.ckpt").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=120)[1]
