"""A run is trained once: two trainings of it really started, killed, held up, and left behind by others."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from conftest import Checkout, environment
from sepflow.errors import SepflowError
from sepflow.identity import merge, run_name
from sepflow.jobs import lease
from sepflow.jobs.lease import Lease, held, seen
from sepflow.planning import plan
from test_training import one_thread, prepared, run

__all__ = ["one_thread", "prepared"]  # fixtures
LONG = {"steps": 400, "validate_every": 20}
ELSEWHERE = {
    "host": "n17",
    "job": "4242",
    "process": 99,
    "started": 5,
    "boot": "another machine",
    "group": "",
}


@pytest.fixture(scope="module")
def whole(prepared, tmp_path_factory) -> Path:
    """The directory of a run of LONG that nothing has disturbed."""
    out = tmp_path_factory.mktemp("whole")
    done = start(prepared, out)
    assert done.wait() == 0
    return out


def start(prepared, out: Path, *words: str, label: str = "supervised_100", **changes) -> subprocess.Popen:
    """Start `sepflow train` of a run of LONG into `out`; what it says goes to `stderr`."""
    found, results = prepared
    spec = out.parent / f"{out.name}-{time.monotonic_ns()}.yaml"
    spec.write_text(yaml.safe_dump(merge(found.find(label).spec, LONG | changes)))
    command = [sys.executable, "-m", "sepflow", "train", str(spec), "--out", str(out), "--device", "cpu"]
    command += ["--results", str(results), "--directory", str(results.parent), *words]
    return subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def pause_within(first: subprocess.Popen, out: Path) -> None:
    """Stop a training after its first checkpoint; so it is not over before another one has begun."""
    wait_for((out / "checkpoint/last.ckpt").exists)
    first.send_signal(signal.SIGSTOP)
    assert first.poll() is None


def until_it_waits(second: subprocess.Popen) -> str:
    """What a training says until it waits for another one."""
    said = ""
    for line in second.stderr:
        said += line
        if "waiting: this run" in line:
            return said
    raise AssertionError(said)


def leave(directory: Path, number: int = 7, **said) -> Path:
    """A lease as the holder of another machine left it."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"lease.{number}"
    path.write_bytes(json.dumps(ELSEWHERE | {"renewals": 3} | said).encode().ljust(lease.LENGTH))
    return path


def check_same(whole: Path, out: Path) -> None:
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert pd.read_csv(out / "history.csv")["step"].tolist() == list(range(20, 401, 20))
    assert not list(out.glob("lease.*"))


def test_a_second_training_waits_for_the_first_and_trains_nothing(prepared, whole, tmp_path):
    out = tmp_path / "run"
    first = start(prepared, out)
    pause_within(first, out)
    second = start(prepared, out)
    waits = until_it_waits(second)
    first.send_signal(signal.SIGCONT)
    said = [process.communicate(timeout=120)[1] for process in (first, second)]
    said[1] = waits + said[1]
    assert (first.returncode, second.returncode) == (0, 0), said
    assert f"waiting: this run is being trained by process {first.pid} on {os.uname().nodename}" in said[1]
    assert "trained by another process meanwhile" in said[1] and "step 20 of 400" in said[0]
    assert "examples/s" not in said[1] and "going on from" not in said[1]
    check_same(whole, out)


def test_another_run_is_not_trained_where_one_is_at_work(prepared, tmp_path):
    first = start(prepared, tmp_path / "run", steps=100_000, validate_every=100_000)
    wait_for(lambda: seen(tmp_path / "run"))
    second = start(prepared, tmp_path / "run", seed=2)
    said = second.communicate(timeout=60)[1]
    first.kill()
    first.communicate()
    assert second.returncode == 1 and f"is being trained there by process {first.pid}" in said, said


def test_who_waits_takes_over_from_one_that_is_killed(prepared, whole, tmp_path):
    out = tmp_path / "run"
    first = start(prepared, out)
    pause_within(first, out)
    second = start(prepared, out)
    until_it_waits(second)
    # What killed writers leave, of whatever machine.
    left = [out / "checkpoint/.last.n17.99.ckpt", out / ".model.n17.99.safetensors", out / ".run.n17.9.json"]
    for path in left:
        path.write_bytes(b"half")
    first.kill()
    said = second.communicate(timeout=120)[1]
    first.communicate()
    assert second.returncode == 0, said
    assert f"taking over from process {first.pid} on {os.uname().nodename}, which is no more" in said
    assert "going on from" in said
    assert not [path for path in left if path.exists()]
    check_same(whole, out)


def test_the_stale_lease_of_another_machine_is_taken_over_and_not_before(
    prepared, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(lease, "STALE", 3.0)
    monkeypatch.setattr(lease, "POLL", 0.1)
    caplog.set_level("INFO")
    found, _ = prepared
    name = run_name(found.find("supervised_100").spec)
    path = leave(tmp_path, run=name)
    os.utime(path, (0, 0))  # its machine's clock is decades behind: nobody looks at it
    begun = time.monotonic()
    renewing = threading.Timer(1.5, lambda: leave(tmp_path, run=name, renewals=4))
    renewing.start()
    run(prepared, tmp_path)
    assert time.monotonic() - begun > 4.5
    assert "waiting: this run is being trained by process 99 on n17 (SLURM job 4242)" in caplog.text
    assert (
        "taking over from process 99 on n17 (SLURM job 4242), of which nothing was seen for 3 s"
        in caplog.text
    )
    assert (tmp_path / "model.safetensors").exists() and not list(tmp_path.glob("lease.*"))


@pytest.mark.parametrize("content", [b"", b"{", b"\0" * 2048])
def test_a_lease_that_was_never_written_is_stale_in_its_time(tmp_path, monkeypatch, content):
    monkeypatch.setattr(lease, "STALE", 0.5)
    monkeypatch.setattr(lease, "POLL", 0.05)
    (tmp_path / "lease.1").write_bytes(content)
    begun = time.monotonic()
    with held(tmp_path, "a") as own:
        assert own.number == 2 and time.monotonic() - begun > 0.5
        assert [path.name for path in tmp_path.iterdir()] == ["lease.2"]


def test_of_many_that_would_take_a_stale_lease_one_has_it(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "STALE", 0.3)
    monkeypatch.setattr(lease, "POLL", 0.01)
    monkeypatch.setattr(lease, "RENEWED", 0.05)
    leave(tmp_path, run="a")
    inside, most = [], []

    def work() -> None:
        with held(tmp_path, "a") as own:
            inside.append(own.number)
            time.sleep(0.2)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1] * 8  # all of them had it, none with another


def test_who_slept_writes_nothing_of_its_successors(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "STALE", 0.2)
    monkeypatch.setattr(lease, "POLL", 0.02)
    with monkeypatch.context() as patch:
        patch.setattr(lease, "RENEWED", 3600.0)
        sleeper = Lease(tmp_path, 1, "a")
    with held(tmp_path, "a") as successor:
        assert successor.number == 2
        before = seen(tmp_path)
        sleeper._renew()
        assert seen(tmp_path) == before
        with pytest.raises(SepflowError, match=r"took the run over. Nothing more is written here"):
            sleeper.check()
        successor.check()
        sleeper.give_back("done")
        assert seen(tmp_path).said["process"] == os.getpid() and seen(tmp_path).number == 2


def test_a_training_that_lost_its_run_ends_without_a_word_on_disk(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "RENEWED", 0.05)
    threading.Timer(0.0, lambda: (wait_for(lambda: seen(tmp_path)), leave(tmp_path, 2))).start()
    with pytest.raises(SepflowError, match="process 99 on n17 .* took the run over"):
        run(prepared, tmp_path, steps=4000, validate_every=4000)
    assert not (tmp_path / "checkpoint").exists() and not (tmp_path / "model.safetensors").exists()


def test_after_a_killed_head_nothing_is_trained_twice(tmp_path, voices):
    """SIGKILL to Snakemake alone: the training that it started lives on, and the next one's waits for it."""
    (tmp_path / "checkout").mkdir()
    checkout = Checkout(tmp_path / "checkout", voices)
    checkout.edit("config/scales/tiny.yaml", "steps: 20", "steps: 600")
    config = {"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": str(voices)}}
    name = plan.load(config, checkout.root).find("teacher_1or2src").name
    out = checkout.root / "results/runs" / name
    target = f"results/runs/{name}/model.safetensors"
    head = subprocess.Popen(
        checkout.command(target), cwd=checkout.root, env=environment(), stderr=subprocess.DEVNULL
    )
    wait_for((out / "checkpoint/last.ckpt").exists, 120)
    orphan = seen(out).said["process"]
    assert orphan != head.pid
    os.kill(orphan, signal.SIGSTOP)
    head.send_signal(signal.SIGKILL)
    head.wait()
    checkout.snakemake("--unlock")
    second = subprocess.Popen(
        checkout.command(target), cwd=checkout.root, env=environment(), stderr=subprocess.PIPE, text=True
    )
    log = checkout.root / f"results/logs/train/{name}.log"
    wait_for(lambda: log.exists() and "waiting: this run" in log.read_text(), 120)
    os.kill(orphan, signal.SIGCONT)
    said = second.communicate(timeout=240)[1]
    assert second.returncode == 0, said
    log = log.read_text()
    assert f"waiting: this run is being trained by process {orphan} on" in log
    assert "trained by another process meanwhile" in log and "examples/s" not in log
    history = pd.read_csv(out / "history.csv")
    assert history["step"].tolist() == list(range(10, 601, 10))
    assert checkout.planned(target) == {}
