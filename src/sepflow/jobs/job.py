"""What every job of a workflow does around its one call: a log, torch's threads, and errors as messages."""

import contextlib
import ctypes
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from sepflow.errors import SepflowError


@contextlib.contextmanager
def job(log: str, threads: int) -> Iterator[None]:
    """Send all output to the file `log`; a SepflowError ends the job with its message on the terminal too."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    keep_freed_memory()
    terminal = os.dup(sys.stderr.fileno())
    with Path(log).open("a", buffering=1) as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
        logging.basicConfig(
            level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr, force=True
        )
        try:
            yield
        except SepflowError as error:
            # The terminal first: the log may lie on the disk that is full.
            os.write(terminal, f"\nerror: {error}\n(log: {log})\n".encode())
            logging.error("error: %s", error)
            raise SystemExit(1) from None
        except Exception as error:
            os.write(terminal, f"\nerror: {type(error).__name__}: {error}\n(log: {log})\n".encode())
            logging.exception("failed")
            raise SystemExit(1) from None


def keep_freed_memory() -> None:
    """Let glibc reuse what torch frees at every step instead of giving it back to the system."""
    settings = {-1: -1, -3: 1 << 30}  # M_TRIM_THRESHOLD: never; M_MMAP_THRESHOLD: as large as it may be
    with contextlib.suppress(AttributeError, OSError):  # another C library: then without
        library = ctypes.CDLL(None)
        for setting, value in settings.items():
            library.mallopt(setting, value)
