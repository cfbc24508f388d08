"""A map over processes whose results come back in order, whatever the number of processes."""

import contextlib
import ctypes
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from sepflow.errors import SepflowError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Results in flight for each process: enough that none waits, few enough that memory stays bounded.
AHEAD = 16


def in_order(function: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[Result]:
    """Yield function(item) for each item, in the order of the items, computed by `jobs` processes.

    With one job there is no other process. Raises SepflowError where a process dies, and whatever
    `function` raises.
    """
    if jobs <= 1:
        yield from map(function, items)
        return
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_die_with_the_parent)
    pending = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= AHEAD * jobs:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        raise SepflowError(
            f"one of {jobs} processes died, most likely for want of memory. Try again with fewer jobs."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _die_with_the_parent() -> None:
    """Else a killed program would leave its processes waiting for ever, each with its memory."""
    with contextlib.suppress(AttributeError, OSError):  # not Linux: then they wait
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
