"""A run is trained once: whoever trains it holds a lease in its directory, and renews it while it lives.

A lease is a file `lease.N`; the one of the greatest N counts. To have made that file is to hold the lease:
the file system lets one process alone make it (O_EXCL), on whichever machines they are. Who finds lease N
given back, or no longer renewed, makes N + 1. It is renewed in place, through the file that its holder has
open: so a holder who slept, and was taken for dead, renews nothing of its successor's, and finds that there
is one. Whether a lease is renewed is judged by watching it: its content changes. The clocks of two machines
are never compared.
"""

import contextlib
import json
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError
from sepflow.jobs.launched import launch
from sepflow.jobs.requeue import WarnedError
from sepflow.results import Run

RENEWED = 5.0  # s from one renewal to the next
STALE = 60.0  # s without one, after which the lease is another's to take
ABSENT = 10 * STALE  # s after which those who share a training wait for its first process no more
POLL = 1.0  # s
LENGTH = 2048  # bytes of a lease, always the same, so that a renewal overwrites all of it
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """Lease `number` as it was read; `said` is empty where its holder died before it had written."""

    number: int
    text: bytes
    said: dict[str, Any]

    @property
    def given_back(self) -> bool:
        """Whether its holder ended, and said how."""
        return "ended" in self.said

    @property
    def here(self) -> bool:
        """Whether its holder is, or was, a process of this very machine, that can be looked for."""
        return self.said.get("boot", "") == _here()["boot"] != ""

    @property
    def orphaned(self) -> bool:
        """Whether its holder was a process of this machine, and is no more."""
        return self.here and _started(self.said["process"]) != self.said["started"]

    @property
    def holder(self) -> str:
        """Who holds it, in words."""
        if not self.said:
            return "a process that has not said which"
        job = f" (SLURM job {self.said['job']})" if self.said["job"] else ""
        return f"process {self.said['process']} on {self.said['host']}{job}"


def seen(directory: Path) -> Seen | None:
    """The lease that counts in the directory of a run; None where nobody holds, or held, one."""
    numbers = _numbers(directory)
    while numbers:
        number = max(numbers)
        with contextlib.suppress(FileNotFoundError):  # its successor has swept it: look again
            text = _path(directory, number).read_bytes()
            try:
                return Seen(number, text, json.loads(text))
            except ValueError:
                return Seen(number, text, {})
        numbers = _numbers(directory)
    return None


class Watch:
    """Leases as one process sees them over time, by its own clock."""

    def __init__(self) -> None:
        self._last: Seen | None = None
        self._since, self._begun = 0.0, False

    def unchanged(self, lease: Seen | None) -> float:
        """For how many seconds `lease`, or that there is none, has been seen as it is."""
        now = time.monotonic()
        if not self._begun or self._last != lease:
            self._begun, self._last, self._since = True, lease, now
        return now - self._since


class Lease:
    """The lease `number` on the run `run` in `directory`, held by this process and renewed by a thread.

    `lost` says whether another process took this one, which had not renewed it in time, for dead.
    """

    def __init__(self, directory: Path, number: int, run: str):
        """Raises FileExistsError where another process was faster."""
        self.directory, self.number, self.lost = directory, number, False
        self._file = os.open(_path(directory, number), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
        self._said: dict[str, Any] = _here() | {"run": run, "group": launch().group, "renewals": 0}
        self._lock, self._done = threading.Lock(), threading.Event()
        self._renew()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def note(self, **progress: Any) -> None:
        """Say how far the run is, at the next renewal, to whoever reads the lease."""
        with self._lock:
            self._said |= progress

    def check(self) -> None:
        """Raises SepflowError where it is lost."""
        if self.lost or _succeeded(self.directory, self.number):
            other = seen(self.directory)
            raise SepflowError(
                f"{self.directory}: while this process stood still, {other.holder if other else 'another'} "
                "took the run over. Nothing more is written here."
            )

    def give_back(self, ended: str) -> None:
        """Hold it no more; `ended` says how the training did: "done", "stopped" or "failed"."""
        self._done.set()
        self._thread.join()
        self.note(ended=ended)
        with contextlib.suppress(OSError):  # a full disk: then it goes stale
            self._renew()
        os.close(self._file)
        if ended == "done" and not _succeeded(self.directory, self.number):
            _path(self.directory, self.number).unlink(missing_ok=True)

    def _keep(self) -> None:
        while not self._done.wait(RENEWED):
            with contextlib.suppress(OSError):  # a disk full or away: should it last, others take over
                self._renew()
                self.lost = self.lost or _succeeded(self.directory, self.number)

    def _renew(self) -> None:
        with self._lock:
            self._said["renewals"] += 1
            text = json.dumps(self._said).encode().ljust(LENGTH)
        os.pwrite(self._file, text, 0)
        os.fsync(self._file)


class Beside:
    """What the other processes of a training have in its place: their first one holds it for all."""

    lost = False

    def note(self, **progress: Any) -> None:
        """Nothing: the first one says it."""

    def check(self) -> None:
        """Nothing: the first one writes."""


@contextlib.contextmanager
def held(directory: Path, run: str) -> Iterator[Lease | Beside | None]:
    """Hold the lease on the run `run` in `directory`; None where another process has trained it meanwhile.

    Waits while another process holds it, and takes over when that one no longer renews it. Of processes that
    share a training the first holds it, and the others wait until it does. Raises SepflowError where what is
    trained there is another run.
    """
    directory.mkdir(parents=True, exist_ok=True)
    try:
        lease = _follow(directory, run) if launch().rank else _take(directory, run)
    except WarnedError as error:
        error.idle = True
        raise
    ended = "failed"
    try:
        yield lease
        ended = "done"
    except WarnedError:
        ended = "stopped"
        raise
    finally:
        if isinstance(lease, Lease):
            lease.give_back(ended)


def _take(directory: Path, run: str) -> Lease | None:
    watch, waited = Watch(), 0
    while True:
        there = seen(directory)
        if waited and Run(directory).finished:
            log.info("%s: trained by another process meanwhile", directory)
            return None
        why = _free(there, watch)
        if not why:
            _refuse_other(directory, run, there)
            if waited != there.number:
                log.info("waiting: this run is being trained by %s", there.holder)
            waited = there.number
            time.sleep(POLL)
            continue
        with contextlib.suppress(FileExistsError):
            lease = Lease(directory, there.number + 1 if there else 1, run)
            if there and not there.given_back:
                log.info("taking over from %s, %s", there.holder, why)
            for number in _numbers(directory):
                if number < lease.number:
                    _path(directory, number).unlink(missing_ok=True)
            return lease


def _follow(directory: Path, run: str) -> Beside | None:
    """Wait for the first process of this one's launch; what Lightning starts comes when it has the lease."""
    own, watch, waited = launch(), Watch(), False
    while own.by:
        there = seen(directory)
        if there and there.said.get("group") == own.group and not there.given_back:
            break
        if waited and Run(directory).finished:
            return None
        _refuse_other(directory, run, there)
        if watch.unchanged(there) > ABSENT:
            raise SepflowError(f"{directory}: the first of the {own.processes} processes does not train.")
        waited = True
        time.sleep(POLL)
    return Beside()


def _free(there: Seen | None, watch: Watch) -> str:
    """Why a lease is there to be taken, in words; empty, where it is not."""
    if there is None or there.given_back:
        return "which ended"
    if there.orphaned:
        return "which is no more"
    unchanged = watch.unchanged(there)
    return f"of which nothing was seen for {unchanged:.0f} s" if unchanged >= STALE else ""


def _refuse_other(directory: Path, run: str, there: Seen | None) -> None:
    """Raises SepflowError where another run than `run` is trained in `directory`."""
    if there and not there.given_back and there.said.get("run", run) != run:
        raise SepflowError(
            f"{directory}: another run, {there.said['run']}, is being trained there by {there.holder}. "
            "Choose another --out."
        )


def _succeeded(directory: Path, number: int) -> bool:
    """Whether lease `number` counts no more: there is a later one, or there was one that swept this."""
    return max(_numbers(directory), default=0) != number


def _numbers(directory: Path) -> list[int]:
    try:
        names = [re.fullmatch(r"lease\.(\d+)", name) for name in os.listdir(directory)]  # noqa: PTH208
    except FileNotFoundError:
        return []
    return [int(name[1]) for name in names if name]


def _path(directory: Path, number: int) -> Path:
    return directory / f"lease.{number}"


def _here() -> dict[str, Any]:
    """Which process this is. `boot` is of this machine since its start, and of its numbers of processes."""
    boot = ""
    with contextlib.suppress(OSError):  # not Linux: then a dead process is known by its silence alone
        boot = Path("/proc/sys/kernel/random/boot_id").read_text() + str(Path("/proc/self/ns/pid").readlink())
    return {
        "host": os.uname().nodename,
        "job": os.environ.get("SLURM_JOB_ID", ""),
        "process": os.getpid(),
        "started": _started(os.getpid()),
        "boot": boot,
    }


def _started(process: int) -> int | None:
    """When a process of this machine began, in ticks since its start; None for one that is no more."""
    try:
        state, *fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else int(fields[18])
