"""Two papers' runs on one card: how long each takes is measured, a factor chosen, and all trained side by
side.

Every run is a process (one.py) that has imported everything before its turn comes. A turn comes when the
runs it builds on are done and one of the slots is free, to the head of the longest chain first. A run
that is done already is left as it is, and one that was begun goes on: called again, this finishes what
there was no time for.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gpu_day.budget import Costs, chain, seconds_needed
from gpu_day.record import Record
from sepflow.applying.inference import Estimator
from sepflow.files import write_json
from sepflow.identity import canonical, fill_neutral, merge, parts_of
from sepflow.mixes.mix import open_mix
from sepflow.training.machine import Machine
from sepflow.training.module import Training
from sepflow.training.train import train

_TRIAL = {"steps": 40, "validate_every": 20}
_WARM = 8  # steps that are not counted
_LABELLED = 12  # mixtures whose separation is timed
_SURE = 0.9  # of the time that is left may be planned for
_BEGIN = 4.0  # seconds between a turn and the first step: the card's context, the mixes, the first kernels

Plan = dict[str, dict[str, Any]]  # name: label, spec


def kind_of(spec: dict[str, Any]) -> str:
    """Runs of one kind take equally long for a step."""
    return json.dumps(canonical([spec["task"], spec["objective"]["name"], spec["model"]]))


def needs(spec: dict[str, Any]) -> list[str]:
    """The runs that a run begins with, or learns the estimates of."""
    recipes = [spec[part]["mix"] for part in parts_of(spec)]
    return sorted({name for name in (spec["init"], *(recipe.get("run") for recipe in recipes)) if name})


class Trials:
    """How long a step, a validation and a separation take, for each kind of run, alone on the card."""

    def __init__(self, record: Record, results: Path, work: Path, device: str, workers: int):
        self.record, self.results, self.work = record, results, work
        self.machine = Machine(device=device, workers=workers)

    def of(self, plan: Plan) -> dict[str, dict[str, float]]:
        """By the kind of run."""
        found: dict[str, dict[str, float]] = {}
        for run in plan.values():
            spec = fill_neutral(run["spec"])
            if kind_of(spec) not in found and not needs(spec):
                found[kind_of(spec)] = took = self._measure(spec, self.work / run["label"])
                self.record.add("trial", {"run": run["label"], **took})
        return found

    def _measure(self, spec: dict[str, Any], out: Path) -> dict[str, float]:
        stamps: list[float] = []

        def note(module: Training, *_: Any) -> None:
            stamps.append(time.perf_counter())

        Training.on_train_batch_end = note
        try:
            train(merge(spec, _TRIAL), out, self.results, self.machine)
        finally:
            del Training.on_train_batch_end
        gaps = [after - before for before, after in zip(stamps, stamps[1:], strict=False)]
        half = len(stamps) // 2
        step = statistics.median(gaps[min(_WARM, half - 1) : half - 1] or gaps)
        separator = Estimator(out / "model.safetensors", self.machine.device)
        mix = open_mix(spec["data"]["mix"], self.results)
        begin = time.perf_counter()
        for row in range(min(_LABELLED, len(mix))):
            separator(mix.mixture(row))
        label = (time.perf_counter() - begin) / min(_LABELLED, len(mix))
        return {"step": step, "validation": max(gaps[half - 1] - step, 0.0), "label": label}


def costs_of(plan: Plan, took: dict[str, dict[str, float]]) -> Costs:
    """What each run will take alone, its labels with it."""
    specs = {name: fill_neutral(run["spec"]) for name, run in plan.items()}
    costs = {}
    for name, spec in specs.items():
        own = took[kind_of(spec)]
        seconds = (
            _BEGIN + spec["steps"] * own["step"] + spec["steps"] / spec["validate_every"] * own["validation"]
        )
        for part in parts_of(spec):
            recipe = spec[part]["mix"]
            if recipe["kind"] == "labels":
                seconds += recipe["mix"]["mixtures"] * took[kind_of(specs[recipe["run"]])]["label"]
        costs[name] = (seconds, needs(spec))
    return costs


def choose(
    plans: dict[str, Plan], took: dict[str, dict[str, float]], seconds: float, slots: int, gain: float
) -> tuple[str, float]:
    """The largest factor whose trainings end in time, and when; the smallest, if none does."""
    expected = {factor: seconds_needed(costs_of(plan, took), slots, gain) for factor, plan in plans.items()}
    fits = [factor for factor in expected if expected[factor] <= seconds] or [min(expected, key=expected.get)]
    best = max(fits, key=lambda factor: expected[factor])
    return best, expected[best]


class Turns:
    """The processes of a plan's runs, each waiting for a file that says it may begin."""

    def __init__(self, plan: Plan, costs: Costs, work: Path, results: Path, flags: list[str]):
        self.plan, self.costs, self.work, self.results, self.flags = plan, costs, work, results, flags
        self.processes: dict[str, subprocess.Popen] = {}
        self.running: list[str] = []
        self.failed: list[str] = []
        left = (name for name in plan if not self.model_of(name).exists())
        self.waiting = sorted(left, key=lambda name: -chain(name, costs))  # before those that wait for them

    def take(self, slots: int, until: float, say: Callable[[str, str], None]) -> None:
        """Let the runs begin, one after another, until all have ended or it is `until` (monotonic)."""
        while (self.waiting or self.running) and time.monotonic() < until:
            for name in [name for name in self.running if self.processes[name].poll() is not None]:
                self._end(name, say)
            for name in self.waiting[: 2 * slots - len(self.running)]:
                if name not in self.processes:
                    self._start(name)
            for name in self._ready()[: slots - len(self.running)]:
                self.waiting.remove(name)
                self.running.append(name)
                self._gate(name).touch()
                say(name, "begins")
            time.sleep(0.1)
        for process in self.processes.values():
            process.kill()

    def _start(self, name: str) -> None:
        spec, out = self.work / f"{name}.json", self.results / "runs" / name
        write_json(spec, self.plan[name]["spec"])
        self._gate(name).unlink(missing_ok=True)
        command = [sys.executable, "-m", "gpu_day.one", spec, out, self.results, "--after", self._gate(name)]
        with (self.work / f"{name}.log").open("a") as log:
            self.processes[name] = subprocess.Popen(
                [*map(str, command), *self.flags], stdout=log, stderr=subprocess.STDOUT
            )

    def _end(self, name: str, say: Callable[[str, str], None]) -> None:
        self.running.remove(name)
        say(name, f"ended with {self.processes[name].returncode}")
        if not self.model_of(name).exists():
            self.failed.append(name)
        for other in [name for name in self.waiting if set(self.costs[name][1]) & set(self.failed)]:
            self.waiting.remove(other)
            self.failed.append(other)  # and with it, those that wait for it in turn
            say(other, "cannot begin")

    def _ready(self) -> list[str]:
        started = [name for name in self.waiting if name in self.processes]
        return [name for name in started if all(self.model_of(one).exists() for one in self.costs[name][1])]

    def model_of(self, name: str) -> Path:
        return self.results / "runs" / name / "model.safetensors"

    def _gate(self, name: str) -> Path:
        return self.work / f"{name}.go"


def main() -> None:
    """Try, choose, train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plan", type=Path, required=True, help="plans.json of the pack")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--device", choices=["cpu", "gpu"], required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--gain", type=float, required=True)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    torch.set_num_threads(1)
    record = Record(options.out)
    plans = json.loads(options.plan.read_text())
    options.work.mkdir(parents=True, exist_ok=True)
    chosen = options.work / "chosen.json"
    if not chosen.exists():
        trials = Trials(record, options.results, options.work / "trials", options.device, options.workers)
        took = trials.of(next(iter(plans.values())))
        left = until - time.monotonic()
        factor, expected = choose(plans, took, _SURE * left, options.slots, options.gain)
        write_json(chosen, {"factor": factor, "costs": costs_of(plans[factor], took)})
        record.add("factor", {"factor": factor, "seconds left": left, "seconds expected": expected})
        shutil.rmtree(options.work / "trials")
    known = json.loads(chosen.read_text())
    plan, start = plans[known["factor"]], time.monotonic()

    def say(name: str, what: str) -> None:
        record.add(
            "run", {"run": plan[name]["label"], "what": what, "at": round(time.monotonic() - start, 1)}
        )

    flags = ["--device", options.device, "--workers", str(options.workers)]
    turns = Turns(plan, known["costs"], options.work, options.results, flags)
    turns.take(options.slots, until, say)
    done = [run["label"] for name, run in plan.items() if turns.model_of(name).exists()]
    record.add(
        "done", {"factor": known["factor"], "runs": len(done), "of": len(plan), "failed": len(turns.failed)}
    )


if __name__ == "__main__":
    main()
