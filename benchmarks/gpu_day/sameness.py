"""Whether a GPU computes what the CPU does: traces of both, a kill on the way, NCCL, and what `auto`
takes.

Traces in float64 are held to 1e-9 of the CPU's (`same`: yes or no); of float32, bf16 and compiled ones it
is said how far they are. A training that is killed and goes on is compared with two that are not: these
two tell what the card repeats at all.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml

import neutrality
from gpu_day.record import Record
from sepflow.files import write_json
from sepflow.identity import canonical, fill_neutral, merge
from sepflow.models.artefact import load_model
from sepflow.tasks.built import whole_float32
from sepflow.training.machine import Machine
from sepflow.training.train import train

_SAME = 1e-9
_SMALL = {"filters": 16, "bottleneck": 8, "hidden": 16, "kernel": 32, "stride": 16, "repeats": 1}
_SMALLER = {
    "conv_tasnet": {**_SMALL, "skip": 8, "blocks": 2},
    "dprnn": {**_SMALL, "chunk": 20, "hop": 10},
}
_LABELS = ("teacher_1or2src", "supervised_100", "supervised_10_dprnn", "se", "multi_task_libri")
_SHORT = {"batch": 2, "segment": 0.5, "steps": 20, "validate_every": 1, "validation": {"first": 8}}


def specs_of(plan: dict[str, Any], paper: Path) -> dict[str, Any]:
    """A short training of each task, and of each kind of network, by what the plan calls it."""
    by_label = {run["label"]: fill_neutral(run["spec"]) for run in plan.values()}
    found = {label: by_label[label] for label in _LABELS}
    runs = yaml.safe_load(paper.read_text())["runs"]
    for label in ("mama", "cc"):
        found[label] = merge(found["se"], {k: v for k, v in runs[label].items() if k != "stage"})
    return {
        label: merge(spec, _SHORT, {"model": _SMALLER[spec["model"]["name"]]})
        for label, spec in found.items()
    }


class Traces:
    """Trainings of 20 steps, by the package's own loop."""

    def __init__(self, results: Path, work: Path):
        self.results, self.work = results, work

    def __call__(self, label: str, spec: dict[str, Any], machine: Machine, precision: str) -> torch.Tensor:
        """The training loss of each step, float64."""
        where = f"{machine.device}{'-compiled' * machine.compile}"
        out = self.work / f"{label}-{where}-{precision}"
        train(merge(spec, {"precision": precision}), out, self.results, machine)
        return torch.tensor(pd.read_csv(out / "history.csv")["train_loss"].to_numpy())


def golden(record: Record, traces: Traces, specs: dict[str, Any], device: str) -> None:
    """The traces of each task on the CPU and on the card."""
    cpu, card = Machine(device="cpu"), Machine(device=device)
    for label, spec in specs.items():
        try:
            plain = traces(label, spec, cpu, "64")
            found = {"float64": traces(label, spec, card, "64"), "float32": traces(label, spec, card, "32")}
            if label == "supervised_100":
                found["bf16"] = traces(label, spec, card, "bf16")
                compiled = Machine(device=device, compile=True)
                found["float64, compiled"] = traces(label, spec, compiled, "64")
            for what, trace in found.items():
                far = neutrality.apart(plain, trace)
                row = {"run": label, "card's": what, "from the CPU's float64": far}
                record.add("golden", row | ({"same": far < _SAME} if "64" in what else {}))
        except Exception as error:
            record.failed(f"golden trace of {label}", error)


def neutral(record: Record, device: str) -> None:
    """benchmarks/neutrality.py, the card's traces against each other and against the CPU's."""
    whole_float32()
    for name in neutrality.MODELS:
        try:
            plain = {precision: neutrality.trace(name, device, precision) for precision in ("64", "32")}
            changed: dict[str, tuple[torch.Tensor, Callable[[], torch.Tensor]]] = {
                "card for CPU, float64": (plain["64"], lambda n=name: neutrality.trace(n, "cpu", "64")),
                "again, float32": (plain["32"], lambda n=name: neutrality.trace(n, device, "32")),
                "float32 for float64": (plain["64"], lambda p=plain: p["32"]),
                "bf16 for float32": (plain["32"], lambda n=name: neutrality.trace(n, device, "bf16")),
                "another seed, float32": (
                    plain["32"],
                    lambda n=name: neutrality.trace(n, device, "32", seed=2),
                ),
                "compiled, float64": (plain["64"], lambda n=name: neutrality.trace(n, device, "64", True)),
                "compiled, float32": (plain["32"], lambda n=name: neutrality.trace(n, device, "32", True)),
            }
            for change, (before, after) in changed.items():
                record.add(
                    "neutrality",
                    {"network": name, "change": change, "apart": neutrality.apart(before, after())},
                )
        except Exception as error:
            record.failed(f"neutrality of {name}", error)


def resumed(record: Record, spec: dict[str, Any], results: Path, work: Path, device: str) -> None:
    """The paper's own network: twice to the end, and once killed after its first validation."""
    write_json(work / "resume.json", canonical(spec))
    for kind, flags in (("as it is", []), ("deterministic algorithms", ["--deterministic"])):
        try:
            outs = [work / f"{name}-{len(flags)}" for name in ("whole", "again", "killed")]
            commands = [_command(work / "resume.json", out, results, device, *flags) for out in outs]
            _kill_after_checkpoint(commands[2], outs[2] / "checkpoint" / "last.ckpt")
            for command in commands:
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            whole, *others = (load_model(out / "model.safetensors")[0] for out in outs)
            for name, other in zip(("again", "killed and resumed"), others, strict=True):
                far = max(float((whole[key] - other[key]).abs().max()) for key in whole)
                same = all(torch.equal(whole[key], other[key]) for key in whole)
                row = {"algorithms": kind, "compared": name, "weights at most apart": far, "to the bit": same}
                record.add("resume", row)
        except Exception as error:
            record.failed(f"resume, {kind}", error)


def distributed(record: Record, spec: dict[str, Any], results: Path, work: Path, device: str) -> None:
    """One process that shares its batch with itself."""
    write_json(work / "ddp.json", canonical(spec))
    command = _command(work / "ddp.json", work / "ddp", results, device, "--ddp")
    done = subprocess.run(command, capture_output=True, text=True)
    said = [line for line in done.stdout.splitlines() if line.startswith("backend")]
    record.add("ddp", {"rc": done.returncode, "said": said or done.stderr[-2000:]})


def chosen(record: Record, traces: Traces, spec: dict[str, Any]) -> None:
    """What `device: auto` trains on."""
    traces("auto", spec, Machine(), "32")
    made = json.loads((traces.work / "auto-auto-32" / "run.json").read_text())
    record.add("auto", {"took": made["device"]})


def _command(spec: Path, out: Path, results: Path, device: str, *flags: str) -> list[str]:
    command = [sys.executable, "-m", "gpu_day.one", str(spec), str(out), str(results), "--device", device]
    return [*command, *flags]


def _kill_after_checkpoint(command: list[str], checkpoint: Path) -> None:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not checkpoint.exists():
        if process.poll() is not None:
            raise RuntimeError("the training ended before it could be killed")
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def main() -> None:
    """All of it; what fails is said, and the rest is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plan", type=Path, required=True, help="plans.json of the pack")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--root", type=Path, default=Path())
    parser.add_argument("--device", choices=["cpu", "gpu"], required=True)
    options = parser.parse_args()
    torch.set_num_threads(2)
    record = Record(options.out)
    plan = next(iter(json.loads(options.plan.read_text()).values()))
    specs = specs_of(plan, options.root / "config" / "papers" / "ssl_pretraining.yaml")
    traces = Traces(options.results, options.work)
    own = next(fill_neutral(run["spec"]) for run in plan.values() if run["label"] == "supervised_100")
    longer = merge(own, {"steps": 60, "validate_every": 20, "validation": {"first": 8}})
    device = "cuda" if options.device == "gpu" else "cpu"
    for what, work in {
        "auto": lambda: chosen(record, traces, specs["supervised_100"]),
        "ddp": lambda: distributed(
            record, specs["supervised_100"], options.results, options.work, options.device
        ),
        "golden": lambda: golden(record, traces, specs, options.device),
        "resume": lambda: resumed(record, longer, options.results, options.work, options.device),
        "neutral": lambda: neutral(record, device),
    }.items():
        try:
            work()
        except Exception as error:
            record.failed(what, error)


if __name__ == "__main__":
    main()
