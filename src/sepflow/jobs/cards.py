"""The GPUs of this machine: how many there are, and some for one job alone, as long as it lives.

Nobody asks torch: a plan is made without it, and CUDA sees for good what it saw first.
"""

import contextlib
import fcntl
import getpass
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

VISIBLE, HELD = "CUDA_VISIBLE_DEVICES", "SEPFLOW_CARDS"
log = logging.getLogger(__name__)


def visible() -> list[str]:
    """The cards that a process started here may use, each as CUDA_VISIBLE_DEVICES would name it."""
    if (said := os.environ.get(VISIBLE)) is not None:
        # As CUDA reads it: what stands behind the first that is none is not there.
        return list(takewhile(lambda name: name not in ("", "-1"), map(str.strip, said.split(","))))
    try:
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    cards = [line for line in listing.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(cards))]


@contextlib.contextmanager
def claimed(count: int, poll: float = 1.0) -> Iterator[None]:
    """Hold `count` of the visible cards, and let this process and its children see no others.

    Waits, and looks again every `poll` seconds, while other jobs hold them. Where fewer are visible nothing
    is held: whoever needs them says so. A card is free again when its holder is dead, whatever killed it.
    """
    names = visible()
    if not 0 < count <= len(names) or os.environ.get(HELD) == os.environ.get(VISIBLE, ""):
        yield  # the processes that share a batch are started anew: what their first one holds is theirs
        return
    with contextlib.ExitStack() as locks:
        if not (mine := _take(names, count, locks)):
            log.info("waiting for %d of the GPUs %s: other jobs have them", count, ", ".join(names))
        while not mine:
            time.sleep(poll)
            mine = _take(names, count, locks)
        before = {name: os.environ.get(name) for name in (VISIBLE, HELD)}
        os.environ[VISIBLE] = os.environ[HELD] = ",".join(mine)
        log.info("on GPU %s", os.environ[VISIBLE])
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def _take(names: list[str], count: int, locks: contextlib.ExitStack) -> list[str]:
    """Lock `count` of the cards, or none: two jobs that wait for two cards must not hold one each."""
    mine = []
    with contextlib.ExitStack() as tried:
        for name in names:
            file = tried.enter_context(_lock_of(name).open("w"))
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                mine.append(name)
            if len(mine) == count:
                locks.push(tried.pop_all())
                return mine
    return []


def _lock_of(card: str) -> Path:
    """A file that stands for a card. What SLURM gives to a job it may number from 0, for each job anew."""
    directory = Path(tempfile.gettempdir()) / f"sepflow-cards-{getpass.getuser()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    job = os.environ.get("SLURM_JOB_ID", "machine")
    return directory / f"{job}-{card.replace('/', '_')}.lock"


def shared_out(device: str, devices: int, said: int | None, local: bool) -> tuple[int, int]:
    """Whether a job asks for GPUs (1 or 0), and how many this machine has for all of its jobs at once.

    `said` is what --resources gpu=N says, on the command line or in a cluster's profile; there `device: auto`
    means a GPU if N is not 0. Without it a machine that runs the jobs itself (`local`) is looked at. The
    second number is 0 where nothing is to be limited, and never less than what one job asks for: such a job
    says itself what it lacks.
    """
    there = said if said is not None else len(visible()) * (local and device != "cpu")
    gpu = int(device == "gpu" or (device == "auto" and there > 0))
    return gpu, max(there, gpu * devices) * (local and said is None)
