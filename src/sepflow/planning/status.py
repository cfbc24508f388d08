"""The runs of a plan as they stand: read from what lies in the results, while trainings write there."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from sepflow import tasks
from sepflow.errors import SepflowError, printable
from sepflow.files import read_json
from sepflow.jobs.lease import POLL, RENEWED, Seen, seen
from sepflow.networks.places import Places
from sepflow.planning.messages import Messages
from sepflow.planning.plan import Plan
from sepflow.results import Results

STATES = ("training", "stale", "failed", "waiting", "done", "adopted")
TAIL = 8192  # bytes of a log that are looked at
# As a job ends its log, where a training could not be begun or broke off: job.py.
FAILED = re.compile(r"^\S+ \S+ (error: |failed$)", re.MULTILINE)
LOSSES = {"training": "train_loss", "validation": "validation_loss"}
WATCHED = 3 * RENEWED  # s for which the leases of other machines are watched


@dataclass(frozen=True)
class Status:
    """A run: which of STATES it is in, what it is for, and what else there is to say."""

    run: str
    state: str
    named: str
    detail: str


def statuses(plan: Plan, results: Path, places: Places) -> list[Status]:
    """The runs of `plan`, in its order; takes some seconds where other machines are training.

    Of one that waits for what is not in `places`, the detail is how to get that.
    """
    leases = {run: seen(Results(results).run(run).directory) for run in plan.runs}
    silent = _silent({run: lease for run, lease in leases.items() if lease}, results)
    messages, runs = Messages(plan), []
    for run in plan.runs:
        state, detail = _state(run, results, leases[run], run in silent)
        if state in ("waiting", "failed"):
            spec = plan.runs[run].spec
            detail = tasks.declared(spec["task"]).wants(spec, places) or detail
        runs.append(Status(run, state, messages.named(run), detail))
    return runs


def describe(scale: str, runs: list[Status]) -> str:
    """How many runs are in which state, then a line each."""
    counts = [(state, sum(one.state == state for one in runs)) for state in STATES]
    told = ", ".join(f"{count} {state}" for state, count in counts if count)
    lines = [f"{x.state:8}  {x.run}  {x.named}" + f" - {x.detail}" * bool(x.detail) for x in runs]
    return "\n".join([f"scale {scale}: {len(runs)} runs: {told}", "", *lines])


def _state(run: str, results: Path, lease: Seen | None, silent: bool) -> tuple[str, str]:
    """One of STATES, and what there is to say of it."""
    there = Results(results).run(run)
    if there.adopted:
        return "adopted", ""
    if lease and not lease.given_back:
        how = f"{_how_far(lease)}by {lease.holder}"
        return ("stale", f"{how}, which is no more: start it again") if silent else ("training", how)
    if there.finished:
        return "done", _result(there.record)
    last, failed = _log(Results(results).log(run))
    ended = lease.said["ended"] if lease else ""
    if ended == "failed" or (not lease and failed):
        return "failed", last
    return "waiting", f"saved, {_how_far(lease)}to be started again" if ended == "stopped" else last


def _result(path: Path) -> str:
    """What a finished run's record says in short."""
    try:
        record = read_json(path)
        loss = record.get("validation_loss")  # a run that was made has none
        return f"{record['steps']} steps, validation loss {loss:.2f}" if loss is not None else ""
    except (SepflowError, ValueError, LookupError, TypeError):
        return f"{path} is damaged: sepflow verify {path.parent.name}"


def _how_far(lease: Seen) -> str:
    """`step 300 of 2000, training loss -3.20, 0:12:03 left, `: as far as it is said."""
    said = lease.said
    parts = [f"step {said['step']} of {said['steps']}"] if "step" in said else []
    parts += [f"{key} loss {said[name]:.2f}" for key, name in LOSSES.items() if name in said]
    parts += [f"{said['left']} left"] if "left" in said and not lease.given_back else []
    return "".join(f"{part}, " for part in parts)


def _log(path: Path) -> tuple[str, bool]:
    """The last line of a training's log that is not empty, and whether it tells of a failure."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "", False
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return printable(lines[-1]) if lines else "", bool(FAILED.search(text))


def _silent(leases: dict[str, Seen], results: Path) -> set[str]:
    """The runs whose lease is held by nobody any more.

    A process of this machine is looked for; of another one's the lease must change while it is watched.
    """
    held = {run: lease for run, lease in leases.items() if not lease.given_back}
    here = {run for run, lease in held.items() if lease.here}
    watched, until = set(held) - here, time.monotonic() + WATCHED
    while watched and time.monotonic() < until:
        time.sleep(POLL)
        watched = {run for run in watched if seen(Results(results).run(run).directory) == held[run]}
    return watched | {run for run in here if held[run].orphaned}
