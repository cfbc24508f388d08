"""What SLURM is asked for, by the profile: read from the calls of sbatch, which needs no cluster."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Checkout, environment

PROFILE = "profiles/slurm/config.yaml"
STUBS = {
    "sbatch": 'cat >/dev/null\necho "$*" >>"$ASKED"\necho "no cluster" >&2\nexit 1\n',
    "nvidia-smi": "echo 'GPU 0: A (UUID: GPU-a)'\n",
}
QUICK = ["--retries", "0", "--latency-wait", "0", "--slurm-init-seconds-before-status-checks", "1"]


@pytest.fixture(scope="module")
def head(voices, tmp_path_factory) -> Checkout:
    """A checkout on a machine with a GPU, from which a cluster can be asked that takes no job."""
    root = tmp_path_factory.mktemp("head") / "checkout"
    (root / "bin").mkdir(parents=True)
    for name, script in STUBS.items():
        (root / "bin" / name).write_text("#!/bin/sh\n" + script)
        (root / "bin" / name).chmod(0o755)
    checkout = Checkout(root, voices)
    checkout.edit("config/config.yaml", "device: cpu", "device: auto")
    return checkout


def asked(head: Checkout, *words: str) -> str:
    """The first call of sbatch by a Snakemake with the profile."""
    calls = head.root / "asked"
    calls.unlink(missing_ok=True)
    path = os.pathsep.join([str(head.root / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", *QUICK, *words],
        cwd=head.root, env=environment() | {"PATH": path, "ASKED": str(calls)}, capture_output=True,
    )  # fmt: skip
    return calls.read_text().splitlines()[0]


@pytest.mark.parametrize(("words", "threads"), [((), 16), (("--max-threads", "3"), 3)])
def test_a_job_has_the_threads_of_its_rule_however_many_the_head_has(head, words, threads):
    call = asked(head, *words)
    assert re.search(r"--cpus-per-task[= ](\d+)", call)[1] == str(threads)
    assert re.search(r"--mem (\d+)", call)[1] == "1500" and "--signal=USR1@180" in call


@pytest.mark.parametrize(("said", "asks"), [("gpu: 8 #", True), ("gpu: 0 #", False), ("#", False)])
def test_a_training_asks_for_a_gpu_where_the_profile_has_them_and_not_where_the_head_has(head, said, asks):
    if not list(head.root.glob("results/mixes/*")):
        assert head.snakemake("--until", "mix").returncode == 0
    as_it_is = (head.root / PROFILE).read_text()
    head.edit(PROFILE, "gpu: 8 #", said)
    call = asked(head)
    head.write(PROFILE, as_it_is)
    assert bool(re.search(r"--gpus?[= ]1|--gres[= ]gpu:1", call)) == asks, call
