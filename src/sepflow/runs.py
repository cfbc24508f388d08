"""A finished run's directory: each of its files, held against the others and against the run's name."""

from pathlib import Path
from typing import Any

from sepflow.contracts import read_history
from sepflow.errors import SepflowError
from sepflow.identity import difference_in_words, fill_neutral, run_name
from sepflow.inference import restore
from sepflow.models.artefact import read_spec
from sepflow.reading import read_record
from sepflow.seals import UnsealedError, digest_of

# The model last: it says that all is whole.
SPEC, HISTORY, RECORD, MODEL = FILES = ("spec.json", "history.csv", "run.json", "model.safetensors")
SEALED = ("run", "model", "history")
KINDS = {
    "device": str,
    "seconds": (int, float),
    "steps": int,
    "selected_step": int,
    "validation_loss": (int, float),
    "parameters": int,
    "commit": str,
    "dirty": str,
}
WAY_OUT = "Put a whole copy in its place, or delete model.safetensors and start the training again."


def check_run(directory: Path) -> tuple[str, dict[str, Any]]:
    """The name and the spec of the finished run in `directory`, all of whose files were read and checked.

    Raises SepflowError where one is missing, damaged, or another run's or training's than the others;
    UnsealedError where the record is of a version that wrote no digests.
    """
    name, spec = check_model(directory)
    record = check_record(directory, name)
    missing = [key for key in SEALED if key not in record]
    if missing:
        raise UnsealedError(
            f"{directory / RECORD}: no {', '.join(missing)}: made by a version that wrote none. If this run "
            f"is what it should be, seal it: sepflow verify --seal {directory}"
        )
    for key, file in (("model", MODEL), ("history", HISTORY)):
        if record[key] != digest_of(directory / file):
            raise SepflowError(
                f"{directory / file}: damaged or replaced: not what {RECORD} tells of. {WAY_OUT}"
            )
    return name, spec


def check_model(directory: Path) -> tuple[str, dict[str, Any]]:
    """The name and the spec of the run in `directory`, whose model was built; its history was read."""
    missing = [file for file in FILES if not (directory / file).is_file()]
    if missing:
        raise SepflowError(f"{directory}: no finished run: {', '.join(missing)} missing")
    spec = read_record(directory / SPEC, {}, WAY_OUT)
    try:
        name = run_name(fill_neutral(spec))
        differs = difference_in_words(read_spec(directory / MODEL), spec)
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise SepflowError(f"{directory / SPEC}: no spec of a run ({error!r}). {WAY_OUT}") from error
    if differs:
        raise SepflowError(f"{directory}: the model is of another run than spec.json: {differs}")
    restore(directory / MODEL, name)
    return name, spec


def check_record(directory: Path, name: str) -> dict[str, Any]:
    """The record (run.json) of the run `name` in `directory`: all keys are there, the history as it says."""
    path = directory / RECORD
    record = read_record(path, KINDS, WAY_OUT)
    if record.get("run", name) != name:
        raise SepflowError(f"{path}: of another run, {record['run']}, not of {name}. {WAY_OUT}")
    steps = read_history(directory / HISTORY)["step"]
    if steps.iloc[-1] != record["steps"] or record["selected_step"] not in set(steps):
        raise SepflowError(
            f"{directory / HISTORY}: ends at step {steps.iloc[-1]}, {RECORD} at another. {WAY_OUT}"
        )
    return record
