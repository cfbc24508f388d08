"""GPUs are counted without torch, and each job has its own; a stub stands for nvidia-smi."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import environment
from sepflow.jobs import cards

HOLDER = """
import os, sys, time
from sepflow.jobs.cards import claimed
with claimed(int(sys.argv[1]), poll=0.05):
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Path:
    """A machine whose nvidia-smi tells of three cards, one of them cut into two instances."""
    lines = ["GPU 0: A (UUID: GPU-a)", "  MIG 1g.5gb Device 0: (UUID: MIG-a)", "GPU 1: B (UUID: GPU-b)"]
    stub = tmp_path / "bin/nvidia-smi"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\n" + "".join(f"echo '{x}'\n" for x in [*lines, "GPU 2: C (UUID: GPU-c)"]))
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("CUDA_VISIBLE_DEVICES", "SEPFLOW_CARDS", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def hold(count: int) -> subprocess.Popen:
    """A process that holds `count` cards until it is told to end."""
    command = [sys.executable, "-c", HOLDER, str(count)]
    return subprocess.Popen(
        command, env=environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (None, ["0", "1", "2"]),
        ("", []),
        ("-1", []),
        ("2, 0", ["2", "0"]),
        ("1,-1,0", ["1"]),
        ("GPU-a,MIG-b", ["GPU-a", "MIG-b"]),
    ],
)
def test_cards_are_counted_as_cuda_counts_them(machine, monkeypatch, said, seen):
    if said is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)
    assert cards.visible() == seen


def test_a_machine_without_nvidia_smi_has_none(machine, monkeypatch):
    monkeypatch.setenv("PATH", str(machine))
    assert cards.visible() == []


@pytest.mark.parametrize(
    ("device", "devices", "said", "local", "shared"),
    [
        ("auto", 1, None, True, (1, 3)),  # three cards: three trainings at once
        ("gpu", 2, None, True, (1, 3)),
        ("gpu", 4, None, True, (1, 4)),  # more than there are: the training says so
        ("cpu", 1, None, True, (0, 0)),
        ("auto", 1, None, False, (0, 0)),  # a cluster that says nothing of GPUs; this is its head
        ("auto", 1, 0, False, (0, 0)),
        ("auto", 1, 8, False, (1, 0)),
        ("cpu", 1, 8, False, (0, 0)),
        ("gpu", 1, None, False, (1, 0)),
        ("auto", 1, 2, True, (1, 0)),  # said on the command line: Snakemake counts them itself
    ],
)
def test_what_a_job_asks_for_and_how_many_there_are(machine, device, devices, said, local, shared):
    assert cards.shared_out(device, devices, said, local) == shared


def test_each_job_has_cards_of_its_own_and_a_dead_one_gives_its_back(machine):
    first, second = hold(1), hold(2)
    mine = [set(x.stdout.readline().strip().split(",")) for x in (first, second)]
    assert [len(x) for x in mine] == [1, 2] and mine[0] | mine[1] == {"0", "1", "2"}
    third = hold(1)
    with pytest.raises(subprocess.TimeoutExpired):
        third.wait(1)
    first.send_signal(signal.SIGKILL)
    assert set(third.stdout.readline().strip().split(",")) == mine[0]
    for process in (first, second, third):
        process.communicate("\n" if process.poll() is None else None, timeout=20)


def test_jobs_of_two_cards_never_wait_for_each_other(machine):
    jobs = [hold(2) for _ in range(3)]  # of three cards: one after another
    for job in jobs:
        job.stdin.write("\n")
        job.stdin.flush()
    assert [len(job.communicate(timeout=60)[0].split(",")) for job in jobs] == [2, 2, 2]


def test_processes_that_share_a_batch_share_their_cards(machine):
    with cards.claimed(2):
        assert hold(2).communicate("\n", timeout=20)[0].strip() == os.environ["CUDA_VISIBLE_DEVICES"]
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_two_jobs_of_slurm_may_both_call_their_card_0(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    jobs = []
    for number in ("1", "2"):
        monkeypatch.setenv("SLURM_JOB_ID", number)
        jobs.append(hold(1))
    assert [job.stdout.readline() for job in jobs] == ["0\n", "0\n"]
    for job in jobs:
        job.communicate("\n", timeout=20)


def test_the_workflow_trains_as_many_at_once_as_there_are_cards(machine, checkout, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    checkout.edit("config/config.yaml", "device: cpu", "device: auto")
    done = checkout.snakemake("--cores", "6", "--until", "teacher")
    assert done.returncode == 0, done.stderr
    third = done.stderr[done.stderr.index("train teacher") :]
    assert third.count("Execute 1 jobs") == 1  # two trained, and as one of them ended, the third
    held = [path.read_text() for path in checkout.root.glob("results/logs/train/*.log")]
    assert len(held) == 3 and all(("on GPU 1" in log) != ("on GPU 2" in log) for log in held)
    assert {"1", "2"} == {re.search(r"on GPU (\d)", log)[1] for log in held}
