"""A workflow on a real SLURM, started on this machine and stopped again: `make test-slurm`."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from conftest import Checkout, environment, write_voices

LOOPBACK = Path(__file__).with_name("loopback")
QUICK = ["--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "5"]
TRAINING = ["--until", "supervised"]  # scores and tables: the first test
STEPS, EVERY = 1500, 25
models: dict[str, bytes] = {}
heads: list[subprocess.Popen] = []
speeds = [80.0]  # steps a second, with their validations, of the trainings so far; the first is a guess


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Three nodes of 2 GB, one of them with a GPU by name."""
    if not (shutil.which("slurmctld") and shutil.which("munged")):
        pytest.skip("no SLURM is installed here: apt-get install slurm-wlm munge")
    if os.geteuid():
        pytest.skip("only root can start a SLURM on this machine")
    directory = tempfile.mkdtemp(prefix="sepflow-slurm-")  # pytest's own let nobody else in
    started = subprocess.run([LOOPBACK, "up", directory], capture_output=True, text=True)
    if started.returncode == 3:
        shutil.rmtree(directory)
        pytest.skip(started.stderr)
    try:
        assert started.returncode == 0, started.stderr
        yield
    finally:
        subprocess.run([LOOPBACK, "down", directory], check=True)
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def prepared(cluster, tmp_path_factory) -> Checkout:
    """A checkout whose corpus and mixes are made, and whose one run is trained for a minute or more."""
    base = tmp_path_factory.mktemp("prepared")
    checkout = tiny(base / "checkout", write_voices(base / "speech"), ["supervised_10"])
    done = checkout.snakemake("--until", "mix")
    assert done.returncode == 0, done.stderr
    return checkout


@pytest.fixture
def long_run(prepared, tmp_path) -> Checkout:
    """A copy of `prepared`, in which a head is started."""
    copy = object.__new__(Checkout)
    copy.root = Path(shutil.copytree(prepared.root, tmp_path / "checkout", symlinks=True))
    return copy


@pytest.fixture(autouse=True)
def no_head_outlives_its_test() -> Iterator[None]:
    """Kill what a test that failed, or was broken off, would leave to ask for ever after its jobs."""
    yield
    while heads:
        heads.pop().kill()


def tiny(root: Path, voices: Path, rows: list[str]) -> Checkout:
    """A checkout for these rows of Table 1, on whatever GPUs the profile has."""
    root.mkdir()
    checkout = Checkout(root, voices)
    scale = yaml.safe_load((root / "config/scales/tiny.yaml").read_text())
    paper = scale["papers"]["ts_mixit"]
    paper["tables"] = {"table1": rows}
    if len(rows) == 1:
        paper["base"] |= {"steps": STEPS, "validate_every": EVERY}
    checkout.write("config/scales/tiny.yaml", yaml.safe_dump(scale))
    checkout.edit("config/config.yaml", "device: cpu", "device: auto")
    return checkout


class Head:
    """A Snakemake that submits, and what it says."""

    def __init__(self, checkout: Checkout, *words: str):
        self.root = checkout.root
        self.said = self.root / f"head{len(list(self.root.glob('head*')))}.log"
        command = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", *QUICK, *words]
        with self.said.open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=self.root, env=environment(), stdout=file, stderr=subprocess.STDOUT
            )
        heads.append(self.process)

    @property
    def jobs(self) -> list[str]:
        """The numbers of the jobs that it submitted."""
        return re.findall(r"SLURM jobid (\d+)", self.said.read_text())

    def training(self) -> str:
        """Wait until the last submitted job has saved something; its number."""
        until(lambda: self.jobs and list(self.root.glob("results/runs/*/checkpoint/last.ckpt")), 120)
        return self.jobs[-1]

    def ends_well(self, seconds: float = 400) -> None:
        """Wait; all that was asked for must be there, and the run as if nobody had disturbed it."""
        assert self.process.wait(seconds) == 0, self.said.read_text()[-4000:]


def until(condition: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.5)


def slurm(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def check_whole(checkout: Checkout, name: str) -> str:
    """The one run has every validation once, and the weights of all other tests; return its log."""
    (history,) = checkout.root.glob("results/runs/*/history.csv")
    assert list(pd.read_csv(history)["step"]) == list(range(EVERY, STEPS + 1, EVERY))
    models[name] = history.with_name("model.safetensors").read_bytes()
    assert len(set(models.values())) == 1, f"the model of {name} is another"
    speeds.append(STEPS / json.loads(history.with_name("run.json").read_text())["seconds"])
    (log,) = checkout.root.glob("results/logs/train/*.log")
    return log.read_text()


def test_tables_come_out_of_few_submissions_that_fit_small_nodes(cluster, tmp_path):
    checkout = tiny(tmp_path / "checkout", write_voices(tmp_path / "speech"), ["mixit_2src", "ts_mixit_2src"])
    head = Head(checkout)
    head.ends_well()
    table = pd.read_csv(checkout.root / "results/tiny/tables/ts_mixit/table1.csv")
    assert table["n"].eq(8).all()
    # Corpus and mixes; teacher; its labels and scores; student; its scores; table and pictures.
    assert len(head.jobs) == 6
    shown = {job: slurm("scontrol", "show", "job", job) for job in head.jobs}
    partitions = [re.search(r"Partition=(\w+)", text)[1] for text in shown.values()]
    assert partitions == ["cpu", "gpu", "gpu", "gpu", "gpu", "cpu"]
    assert "NumCPUs=16 " in shown[head.jobs[0]]
    limits = [re.search(r"TimeLimit=(\d+):(\d+)", text).groups() for text in shown.values()]
    assert all(int(hours) == 0 for hours, _ in limits)


def test_a_cancelled_training_is_submitted_again_and_goes_on(long_run):
    head = Head(long_run, *TRAINING)
    slurm("scancel", head.training())
    head.ends_well()
    assert "going on from" in check_whole(long_run, "cancelled")


def test_a_requeued_training_goes_on_under_its_number(long_run):
    head = Head(long_run, *TRAINING)
    job = head.training()
    slurm("scontrol", "requeue", job)
    head.ends_well()
    assert "going on from" in check_whole(long_run, "requeued")
    assert head.jobs.count(job) == 1 and "failed" not in head.said.read_text()


def test_a_training_longer_than_its_time_needs_no_hand(long_run):
    """Two minutes, warned after one at the latest: SLURM may do so earlier. No validation by then.

    As many steps as take more than that minute, on this machine and beside whatever else it does.
    """
    longer = round(150 * speeds[-1])
    long_run.write("config/config.yaml", (long_run.root / "config/config.yaml").read_text() + RESOURCES)
    long_run.edit("config/scales/tiny.yaml", f"steps: {STEPS}", f"steps: {longer}")
    long_run.edit("config/scales/tiny.yaml", f"validate_every: {EVERY}", f"validate_every: {longer}")
    head = Head(long_run, *TRAINING, "--default-resources", "slurm_extra='--signal=USR1@60'")
    head.ends_well(900)
    (log,) = long_run.root.glob("results/logs/train/*.log")
    (history,) = long_run.root.glob("results/runs/*/history.csv")
    assert "going on from" in log.read_text()  # Snakemake begins the log anew
    assert re.search(r"Restarts=[1-9]", slurm("scontrol", "show", "job", head.jobs[0]))
    assert list(pd.read_csv(history)["step"]) == [longer]
    assert len(set(head.jobs)) == 1 and "failed" not in head.said.read_text()


def test_a_killed_head_started_again_trains_nothing_twice(long_run):
    first = Head(long_run, *TRAINING)
    orphan = first.training()
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    Head(long_run, "--unlock").ends_well()
    second = Head(long_run, *TRAINING)
    second.ends_well()
    assert second.jobs[0] != orphan
    assert "examples/s" not in check_whole(long_run, "killed"), "the second one has trained"


def test_two_processes_share_a_batch_inside_slurm(long_run):
    long_run.edit("config/config.yaml", "device: auto", "device: cpu\ndevices: 2")
    long_run.edit("config/scales/tiny.yaml", f"steps: {STEPS}", f"steps: {EVERY}")
    Head(long_run, *TRAINING).ends_well()
    (log,) = long_run.root.glob("results/logs/train/*.log")
    assert "MEMBER: 2/2" in log.read_text()
    (record,) = long_run.root.glob("results/runs/*/run.json")
    assert json.loads(record.read_text())["machine"]["processes"] == 2


RESOURCES = "resources: {train: {runtime: 2, mem_mb: 1500}}\n"
