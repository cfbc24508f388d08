"""A training that is told to end before it is done: it saves, ends, and may be queued again.

The profile has SLURM send WARNING to all processes of a job some time before its limit (`--signal`); SIGTERM
is what a job gets that is cancelled or must make room. A requeued job keeps its number, so that the
workflow's head waits on; no failure is counted, and so what fails for another reason need not be tried often.
"""

import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from sepflow.errors import SepflowError
from sepflow.jobs.launched import launch

WARNING = signal.SIGUSR1
ENDINGS = (WARNING, signal.SIGTERM)
log = logging.getLogger(__name__)


class WarnedError(SepflowError):
    """The machine takes back what it gave; what was saved is there to go on from.

    `idle` says that nothing was trained, for another process trains the run.
    """

    def __init__(self, number: int, what: str = "started again, it goes on from what was saved"):
        super().__init__(f"told to end by {signal.Signals(number).name}; {what}")
        self.signal = number
        self.idle = False


class Notice:
    """The signal that told this process to end, where that is not to happen at once (`patient`)."""

    def __init__(self) -> None:
        self.given: int | None = None
        self.patient = False

    def hear(self) -> dict[int, Any]:
        """Take the signals of ENDINGS from now on; return their handlers until now."""
        with contextlib.suppress(ValueError):  # not the main thread: then without
            return {number: signal.signal(number, self._told) for number in ENDINGS}
        return {}

    def _told(self, number: int, frame: FrameType | None) -> None:
        if not self.patient:
            raise WarnedError(number)
        self.given = number


@contextlib.contextmanager
def listening() -> Iterator[Notice]:
    """What is done inside ends at a signal of ENDINGS, with WarnedError; when it will, if it is `patient`."""
    notice = Notice()
    before = notice.hear()
    try:
        yield notice
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_warning_to_trainings() -> None:
    """Let this process, a Snakemake around a job, and what it starts outlive the warning."""
    with contextlib.suppress(ValueError):  # not the main thread: then without
        signal.signal(WARNING, signal.SIG_IGN)


@contextlib.contextmanager
def when_warned(checkpoint: Path) -> Iterator[None]:
    """Queue the job of SLURM again that the training inside is done in, where the warning ended it.

    It is heard from here on, while torch is loaded too. Raises what the training does; and SepflowError where
    `checkpoint` is no newer than the job: so it would never end.
    """
    begun = _state(checkpoint)
    try:
        with listening():
            yield
    except WarnedError as error:
        if error.signal == WARNING and "SLURM_JOB_ID" in os.environ and launch().rank == 0:
            if _state(checkpoint) == begun and not error.idle:
                raise SepflowError(
                    f"{checkpoint}: nothing was saved in all of the job's time, not even a step. Give the "
                    "trainings more (resources: {train: {runtime: MINUTES}} in config/config.yaml)."
                ) from None
            _requeue(os.environ["SLURM_JOB_ID"])
        raise


def _state(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


def _requeue(job: str) -> None:
    """Put a job of SLURM back into the queue, which ends all of its processes, this one too."""
    log.info("the job's time is over: job %s is queued again, to go on from what was saved", job)
    done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True)
    if done.returncode:
        log.warning("SLURM does not queue it again: %s", done.stderr.strip())
