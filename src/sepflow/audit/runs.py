"""A finished run's directory: each of its files, held against the others and against the run's name."""

import os
from pathlib import Path
from typing import Any

import pandas as pd

from sepflow.errors import SepflowError
from sepflow.files import write_json
from sepflow.files.contracts import read_history, refuse
from sepflow.files.reading import read_record
from sepflow.files.seals import UnsealedError, digest_of
from sepflow.identity import difference_in_words, fill_neutral, run_name
from sepflow.models.artefact import read_spec
from sepflow.results import FILES, HISTORY, MODEL, RECORD, SPEC
from sepflow.tasks import declared
from sepflow.tasks.built import load_trained
from sepflow.tasks.task import USES

SEALED = ("run", "model", "history")
KINDS = {
    "device": str,
    "seconds": (int, float),
    "steps": int,
    "selected_step": int,
    "parameters": int,
    "commit": str,
    "dirty": str,
}
TRAINED = {"validation_loss": (int, float)}
WAY_OUT = "Put a whole copy in its place, or delete model.safetensors and start the training again."


def check_run(directory: Path) -> tuple[str, dict[str, Any]]:
    """The name and the spec of the finished run in `directory`, all of whose files were read and checked.

    Raises SepflowError where one is missing, damaged, or another run's or training's than the others;
    UnsealedError where the record is of a version that wrote no digests.
    """
    name, spec = check_parts(directory)
    record = read_record(directory / RECORD, {}, WAY_OUT)
    if missing := [key for key in SEALED if key not in record]:
        raise UnsealedError(
            f"{directory / RECORD}: no {', '.join(missing)}: made by a version that wrote none. If this run "
            f"is what it should be, seal it: sepflow verify --seal {directory}"
        )
    if record["model"] != digest_of(directory / MODEL):
        raise SepflowError(f"{directory / MODEL}: not the model that {RECORD} tells of. {WAY_OUT}")
    return name, spec


def check_parts(directory: Path) -> tuple[str, dict[str, Any]]:
    """The name and the spec of the run in `directory`: each file was read and held against these."""
    missing = [file for file in FILES if not (directory / file).is_file()]
    if missing:
        raise SepflowError(f"{directory}: no finished run: {', '.join(missing)} missing")
    spec = read_record(directory / SPEC, {}, WAY_OUT)
    try:
        name = run_name(fill_neutral(spec))
        differs = difference_in_words(*map(fill_neutral, (read_spec(directory / MODEL), spec)))
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise SepflowError(f"{directory / SPEC}: no spec of a run ({error!r}). {WAY_OUT}") from error
    if differs:
        raise SepflowError(f"{directory}: the model is of another run than spec.json: {differs}")
    weights, _ = load_trained(directory / MODEL, name)
    made = declared(spec["task"]).made
    record = read_record(directory / RECORD, KINDS | ({} if made else TRAINED), WAY_OUT)
    problems = []
    if not made:
        history = read_history(directory / HISTORY, name)
        problems = _contradictions(record, fill_neutral(spec), history)
    own = {name: weight for name, weight in weights.items() if not name.startswith(USES)}
    if record["parameters"] != sum(weight.numel() for weight in own.values()):
        problems.append(f"{record['parameters']} parameters are not those of {MODEL}")
    refuse(str(directory / RECORD), problems, WAY_OUT)
    return name, spec


def _contradictions(record: dict[str, Any], spec: dict[str, Any], history: pd.DataFrame) -> list[str]:
    """What a run's record says of its training and its spec or its history does not, in words."""
    steps, select = history["step"].iloc[-1], spec["select"]
    best = history.loc[(history[select] * declared(spec["task"]).sign(select)).idxmin()]
    problems = []
    if steps != record["steps"]:
        problems.append(f"{record['steps']} steps, where {HISTORY} ends at {steps}")
    if steps > spec["steps"] or (steps < spec["steps"] and spec["patience"] is None):
        problems.append(
            f"{HISTORY} ends at step {steps}, and the run has {spec['steps']}: not trained to its end"
        )
    if (record["selected_step"], record["validation_loss"]) != (best["step"], best["validation_loss"]):
        problems.append(f"its selected step and validation loss are not the best of {HISTORY}")
    if record["seconds"] < 0:
        problems.append(f"{record['seconds']} seconds of training")
    return problems


def seal_run(directory: Path) -> None:
    """Add name and digests to the record of a run that was made before there were any; its time stays."""
    name, _ = check_parts(directory)
    path = directory / RECORD
    digests = {"model": digest_of(directory / MODEL), "history": digest_of(directory / HISTORY)}
    times = path.stat()
    write_json(path, read_record(path, {}, WAY_OUT) | {"run": name} | digests)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
