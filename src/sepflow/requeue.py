"""A training that SLURM would end before its time: warned, it ends at once, and its job is queued again.

The profile has SLURM send WARNING to all processes of a job some time before its limit (`--signal`). A
requeued job keeps its number, so that the workflow's head waits on; no failure is counted, and so what fails
for another reason need not be tried often.
"""

import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from sepflow.errors import SepflowError

WARNING = signal.SIGUSR1
log = logging.getLogger(__name__)


class WarnedError(SepflowError):
    """The machine takes back what it gave; what was saved is there to go on from."""

    signal = WARNING


def leave_warning_to_trainings() -> None:
    """Let this process, a Snakemake around a job, and what it starts outlive the warning."""
    with contextlib.suppress(ValueError):  # not the main thread: then without
        signal.signal(WARNING, signal.SIG_IGN)


@contextlib.contextmanager
def when_warned(checkpoint: Path) -> Iterator[None]:
    """End what is done inside at the warning, and queue the job of SLURM that it is done in again.

    Raises WarnedError; and SepflowError where `checkpoint` is no newer than the job: so it would never end.
    """
    begun = _state(checkpoint)
    signal.signal(WARNING, _end)
    try:
        yield
    except SepflowError as error:
        if getattr(error, "signal", None) != WARNING:
            raise
        if "SLURM_JOB_ID" in os.environ and os.environ.get("LOCAL_RANK", "0") == "0":
            if _state(checkpoint) == begun:
                raise SepflowError(
                    f"{checkpoint}: nothing was saved in all of the job's time. Give the trainings more "
                    "(resources: {train: {runtime: MINUTES}} in config/config.yaml), or validate more often."
                ) from None
            _requeue(os.environ["SLURM_JOB_ID"])
        raise
    finally:
        signal.signal(WARNING, signal.SIG_IGN)


def _end(number: int, frame: FrameType | None) -> None:
    raise WarnedError(
        "warned that the job's time is over; started again, it goes on from its last validation"
    )


def _state(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


def _requeue(job: str) -> None:
    """Put a job of SLURM back into the queue, which ends all of its processes, this one too."""
    log.info("the job's time is over: job %s is queued again, to go on from the last validation", job)
    done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True)
    if done.returncode:
        log.warning("SLURM does not queue it again: %s", done.stderr.strip())
