"""Files from the web, by aria2c: it goes on where it was broken off, and notices when nothing comes."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from sepflow.corpora.catalogue import readable
from sepflow.errors import SepflowError

POLL = 0.1  # seconds
MISSING = """\
aria2c is not installed: sepflow transfers corpora with it. One of these installs it:
  apt-get install aria2
  conda install -c conda-forge aria2
  brew install aria2"""


@dataclass(frozen=True)
class Patience:
    """How long a transfer waits, in seconds, and how often it tries in vain before it gives up a server."""

    connect: int = 30
    stall: int = 60  # without a byte
    tries: int = 5
    wait: int = 5  # between two of them
    save: int = 5  # between two notes of what is there: what a kill may cost
    connections: int = 4


class TransferError(SepflowError):
    """What came instead of the file. `spoiled`: what has come is of no use here; `full`: the disk is."""

    def __init__(self, message: str, spoiled: bool = False, full: bool = False):
        super().__init__(message)
        self.spoiled, self.full = spoiled, full


# aria2's exit codes: of these it is worth to try again, as long as something came.
PASSING = (1, 2, 5, 6, 7, 29)
REASONS = {
    1: "the connection broke",
    2: "nothing came for {stall} s",
    3: "there is no such file (404)",
    6: "the network failed",
    8: "it cannot go on with a transfer that was broken off",
    9: "no space left on this disk for {part}",
    19: "the name {host} is not known. Is this machine on the network?",
    22: "the server refused (status {status})",
    23: "it redirects in a circle",
    24: "it asks for a password",
    29: "the server is overloaded (status {status})",
}


def find_aria2() -> str:
    """The path of aria2c. Raises SepflowError, with how to install it."""
    program = shutil.which("aria2c")
    if program is None:
        raise SepflowError(MISSING)
    return program


def transfer(url: str, part: Path, patience: Patience, size: int | None, keep_open: tuple[int, ...]) -> None:
    """Bring `url` to the file `part`, going on with what is there already; `size` (bytes) is for the display.

    `keep_open`: file descriptors, of locks, that aria2c shall hold until it has ended too.
    Raises TransferError, with what came, where the server gives no more.
    """
    control = control_file(part)
    if part.exists() and not control.exists():
        part.unlink()  # killed before its first note: which bytes are there is not known
    while True:
        before = stored(part)
        code, log = _run(url, part, patience, size, keep_open)
        if code == 0:
            return
        if code not in PASSING or stored(part) <= before or _changed(log):
            raise _failure(code, log, url, part, patience)


def discard(part: Path) -> None:
    """Remove what was transferred so far."""
    part.unlink(missing_ok=True)
    control_file(part).unlink(missing_ok=True)


def control_file(part: Path) -> Path:
    """Where aria2c notes which bytes of `part` are there."""
    return part.with_name(f"{part.name}.aria2")


def stored(part: Path) -> int:
    """The bytes of `part` that are on the disk: with several connections a file has holes."""
    return part.stat().st_blocks * 512 if part.exists() else 0


def _run(
    url: str, part: Path, patience: Patience, size: int | None, keep_open: tuple[int, ...]
) -> tuple[int, str]:
    """aria2c's exit code and its log."""
    log = part.with_name(f"{part.name}.log")
    log.unlink(missing_ok=True)
    process = subprocess.Popen(
        [find_aria2(), *_options(part, log, patience), url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=keep_open,
    )
    try:
        with progress(size, part.name.removesuffix(".part")) as bar:
            while process.poll() is None:
                bar.update(stored(part) - bar.n)
                try:
                    process.wait(POLL)
                except subprocess.TimeoutExpired:
                    continue
            bar.update(stored(part) - bar.n)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    text = log.read_text(errors="replace") if log.exists() else ""
    log.unlink(missing_ok=True)
    return process.returncode, text


def progress(size: int | None, name: str) -> tqdm:
    """A bar of bytes; in a log file, a line now and then."""
    interval = 0.5 if sys.stderr.isatty() else 30.0
    return tqdm(total=size, desc=name, unit="B", unit_scale=True, mininterval=interval, leave=False)


def _options(part: Path, log: Path, patience: Patience) -> list[str]:
    options = {
        "no-conf": "true",
        "dir": part.parent,
        "out": part.name,
        "auto-file-renaming": "false",
        "file-allocation": "none",
        "connect-timeout": patience.connect,
        "timeout": patience.stall,
        "max-tries": patience.tries,
        "retry-wait": patience.wait,
        "auto-save-interval": patience.save,
        "split": patience.connections,
        "max-connection-per-server": patience.connections,
        "follow-torrent": "false",
        "follow-metalink": "false",
        "http-accept-gzip": "false",
        "stop-with-process": os.getpid(),
        "log": log,
        "log-level": "notice",
        "quiet": "true",
    }
    return [f"--{key}={value}" for key, value in options.items()]


def _changed(log: str) -> bool:
    """Whether the file has another length than when its transfer began."""
    return "total length mismatch" in log


def _failure(code: int, log: str, url: str, part: Path, patience: Patience) -> TransferError:
    statuses = re.findall(r"status=(\d+)", log)
    status = int(statuses[-1]) if statuses else 0
    details = [x.strip() for x in re.findall(r"errorCode=\d+ (?!URI=)(.+)", log)]
    if _changed(log):
        reason = "the file there has another length than when its transfer began"
    else:
        reason = REASONS.get(code, "aria2c failed with exit code {code}").format(
            code=code, status=status, part=part, host=urlsplit(url).hostname, stall=patience.stall
        )
    if details and code not in (3, 9, 19, 22, 23):
        reason += f" (aria2c: {details[-1]})"
    spoiled = _changed(log) or code == 8 or status == 416
    return TransferError(f"{reason}; {readable(stored(part))} had come", spoiled, full=code == 9)
