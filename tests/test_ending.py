"""A training told to end by a real signal, anywhere in an interval: it saves, and goes on to the same end."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sepflow.errors import SepflowError
from sepflow.jobs.lease import held
from sepflow.jobs.requeue import ENDINGS, WarnedError, listening, when_warned
from sepflow.training.checkpoint import RunningCheckpoint, read_checkpoint
from sepflow.training.module import Training
from test_lease import leave
from test_pretraining_runs import LABELS, history, one_thread, prepared, run
from test_switches import PASSES

__all__ = ["one_thread", "prepared"]  # fixtures
INTERVALS = {"steps": 12, "validate_every": 4}
PLATEAU = {
    "steps": 24,
    "patience": 2,
    "optimizer": {"plateau": {"factor": 0.5, "patience": 0}, "lr": 0.2, "warmup": 0, "decay": None},
}


def signalled(monkeypatch, where: str, number: int, moment: int):
    """Have this process sent the signal `number` in the call `moment` of `where`, a method of Training."""
    calls, method = [], getattr(Training, where)

    def told(self, *arguments):
        if where != "validation_step" or not self.trainer.sanity_checking:
            calls.append(None)
            if len(calls) == moment:
                os.kill(os.getpid(), number)
        return method(self, *arguments)

    monkeypatch.setattr(Training, where, told)


def told_to_end(prepared, out, label, monkeypatch, where, number, moment, **changes) -> dict:
    """Train until the signal; return what the checkpoint holds."""
    with (
        monkeypatch.context() as patch,
        pytest.raises(WarnedError, match=r"saved at step \d+ of") as ended,
    ):
        signalled(patch, where, number, moment)
        run(prepared, out, label, **changes)
    assert ended.value.signal == number and not ended.value.idle
    assert not (out / "model.safetensors").exists()
    return read_checkpoint(out / "checkpoint/last.ckpt")[0]


def check_same(whole, broken) -> None:
    assert (whole / "model.safetensors").read_bytes() == (broken / "model.safetensors").read_bytes()
    pd.testing.assert_frame_equal(*(history(x).drop(columns="seconds") for x in (whole, broken)))
    assert history(broken)["seconds"].is_monotonic_increasing


@pytest.mark.parametrize("label", LABELS)
def test_each_task_ends_within_an_interval_and_goes_on_to_the_bit(prepared, tmp_path, monkeypatch, label):
    run(prepared, tmp_path / "whole", label, **INTERVALS)
    saved = []
    # Of the 12 steps: after 2, after 2 + 1, after 3 + 2 (another interval), after 5 + 5.
    for number, moment in zip([*ENDINGS, *ENDINGS], (2, 1, 2, 5), strict=True):
        state = told_to_end(
            prepared, tmp_path / "broken", label, monkeypatch, "training_step", number, moment, **INTERVALS
        )
        saved.append((state["global_step"], state["train_losses"].shape[1]))
    assert saved == [(2, 2), (3, 3), (5, 1), (10, 2)]
    run(prepared, tmp_path / "broken", label, **INTERVALS)
    check_same(tmp_path / "whole", tmp_path / "broken")


def test_label_switches_and_their_passes_survive(prepared, tmp_path, monkeypatch):
    changes = {**PASSES, "steps": 16, "validate_every": 4, "batch": 3}
    run(prepared, tmp_path / "whole", "multi_task", **changes)
    for moment in (2, 3, 6):
        told_to_end(
            prepared, tmp_path / "broken", "multi_task", monkeypatch, "training_step", signal.SIGTERM,
            moment, **changes,
        )  # fmt: skip
    run(prepared, tmp_path / "broken", "multi_task", **changes)
    check_same(tmp_path / "whole", tmp_path / "broken")
    assert np.isfinite(history(tmp_path / "whole")["label_switches"].iloc[1:]).any()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_plateau_and_early_stopping_survive(prepared, tmp_path, monkeypatch, workers):
    changes = PLATEAU | {"validate_every": 3, "workers": workers}
    run(prepared, tmp_path / "whole", "se", **changes)
    for where, moment in (("training_step", 2), ("training_step", 6), ("validation_step", 1)):
        told_to_end(
            prepared, tmp_path / "broken", "se", monkeypatch, where, signal.SIGTERM, moment, **changes
        )
    run(prepared, tmp_path / "broken", "se", **changes)
    check_same(tmp_path / "whole", tmp_path / "broken")
    lr = history(tmp_path / "whole")["lr"]
    assert lr.iloc[-1] < lr.iloc[0]


def test_a_validation_is_broken_off_and_done_again(prepared, tmp_path, monkeypatch):
    run(prepared, tmp_path / "whole", "mama", **INTERVALS)
    for _ in range(2):  # the second time in the validation that was due
        state = told_to_end(
            prepared,
            tmp_path / "broken",
            "mama",
            monkeypatch,
            "validation_step",
            signal.SIGTERM,
            1,
            **INTERVALS,
        )
        assert (state["global_step"], state["validation_due"]) == (4, True)
    run(prepared, tmp_path / "broken", "mama", **INTERVALS)
    check_same(tmp_path / "whole", tmp_path / "broken")


def test_a_signal_in_the_last_validation_lets_the_run_end(prepared, tmp_path, monkeypatch):
    run(prepared, tmp_path / "whole", "se", **INTERVALS)
    with monkeypatch.context() as patch:
        signalled(patch, "validation_step", signal.SIGTERM, 2 + 1)
        run(prepared, tmp_path / "told", "se", **INTERVALS)
    check_same(tmp_path / "whole", tmp_path / "told")


def test_handlers_are_given_back(prepared, tmp_path):
    before = [signal.getsignal(number) for number in ENDINGS]
    run(prepared, tmp_path, "se", **INTERVALS)
    assert [signal.getsignal(number) for number in ENDINGS] == before


def test_a_checkpoint_of_before_goes_on(prepared, tmp_path, monkeypatch):
    """As validations have always written it: without what a save within an interval adds."""
    run(prepared, tmp_path / "whole", "se", **INTERVALS)
    save = RunningCheckpoint.on_train_epoch_end

    def save_and_break(self, *arguments):
        save(self, *arguments)
        raise ConnectionError("the power went")

    with monkeypatch.context() as patch, pytest.raises(ConnectionError):
        patch.setattr(RunningCheckpoint, "on_train_epoch_end", save_and_break)
        run(prepared, tmp_path / "old", "se", **INTERVALS)
    path = tmp_path / "old/checkpoint/last.ckpt"
    state = torch.load(path, weights_only=True)
    for key in ("train_losses", "validation_due"):
        del state[key]
    torch.save(state, path)
    run(prepared, tmp_path / "old", "se", **INTERVALS)
    check_same(tmp_path / "whole", tmp_path / "old")


@pytest.fixture
def job(monkeypatch, tmp_path) -> Path:
    """A job of SLURM, whose scontrol writes down what it is asked; returns where."""
    asked = tmp_path / "asked"
    (bin := tmp_path / "bin").mkdir()
    (bin / "scontrol").write_text(f"#!/bin/sh\necho $@ >> {asked}\n")
    (bin / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", str(bin), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    return asked


def ended_by(number: int, checkpoint: Path, saves: bool, idle: bool = False) -> None:
    with when_warned(checkpoint):
        if saves:
            checkpoint.write_bytes(b"x")
        try:
            os.kill(os.getpid(), number)
        except WarnedError as error:
            error.idle = idle
            raise


def test_at_the_warning_alone_the_job_is_queued_again(job, tmp_path, monkeypatch):
    with pytest.raises(WarnedError, match="told to end by SIGUSR1; started again, it goes on"):
        ended_by(signal.SIGUSR1, tmp_path / "one", saves=True)
    assert job.read_text() == "requeue 77\n"
    with pytest.raises(WarnedError, match="SIGTERM"):
        ended_by(signal.SIGTERM, tmp_path / "two", saves=True)
    monkeypatch.setenv("LOCAL_RANK", "1")  # of several processes the first one asks
    with pytest.raises(WarnedError, match="SIGUSR1"):
        ended_by(signal.SIGUSR1, tmp_path / "three", saves=True)
    assert job.read_text() == "requeue 77\n"


def test_a_job_that_saved_nothing_is_not_queued_again_unless_it_waited(job, tmp_path):
    with pytest.raises(SepflowError, match="nothing was saved in all of the job's time") as ended:
        ended_by(signal.SIGUSR1, tmp_path / "one", saves=False)
    assert not isinstance(ended.value, WarnedError) and not job.exists()
    with pytest.raises(WarnedError):
        ended_by(signal.SIGUSR1, tmp_path / "one", saves=False, idle=True)
    assert job.read_text() == "requeue 77\n"


def test_who_waits_for_another_is_told_to_end_idle(tmp_path):
    path = leave(tmp_path, run="a")
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(WarnedError) as ended, listening(), held(tmp_path, "a"):
        pass
    assert ended.value.idle and list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "last.ckpt")
    with pytest.raises(SepflowError, match="a named pipe"):
        read_checkpoint(tmp_path / "last.ckpt")
