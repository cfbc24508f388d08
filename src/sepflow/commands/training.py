"""A training without a workflow: a spec from a file, and what it reads from a directory of results."""

import logging
from pathlib import Path
from typing import Any

import torch

from sepflow import tasks
from sepflow.commands.prepare import prepare
from sepflow.errors import SepflowError
from sepflow.files import config as files
from sepflow.identity import difference_in_words, fill_neutral, number_of, parts_of
from sepflow.jobs.job import keep_freed_memory
from sepflow.models import artefact
from sepflow.networks.places import Places
from sepflow.planning.checks import check_spec
from sepflow.planning.idle import check_alone
from sepflow.planning.recipes import check_mix
from sepflow.training.machine import Machine
from sepflow.training.making import make


def read_spec(path: Path, config: Path) -> dict[str, Any]:
    """The spec in `path`, JSON or YAML, held against all that a plan holds its specs against.

    `config` is the directory with the schemas. Raises SepflowError where the spec is not valid, or was made
    for other recipes than this code's.
    """
    given = files.parse(path)
    made = given.get("task") in tasks.names() and tasks.declared(given["task"]).made
    code = given["task"] if made else "train"
    if given.get("recipe") != number_of(code):
        raise SepflowError(
            f"{path}: made for other recipes than this sepflow's: {code}: {given.get('recipe')!r}, here "
            f"{number_of(code)}. `sepflow why RUN` prints a spec."
        )
    for key in () if made else ("data", "validation", "optimizer"):
        if not isinstance(given.get(key), dict):
            raise SepflowError(f"{path}: {key}: no spec of a run. `sepflow why RUN` prints one.")
    for part in parts_of(given):
        check_mix(given[part]["mix"], config, f"{path}: {part}.mix")
    spec = fill_neutral(given)
    check_spec(spec, config, f"{path}: spec")
    if not made:
        check_alone(spec, f"{path}: spec")
    return spec


def train_alone(
    spec: dict[str, Any],
    out: Path,
    results: Path,
    machine: Machine,
    threads: int,
    places: Places = Places(),  # noqa: B008 (it is frozen)
) -> None:
    """Train the run of `spec` into `out`, or go on with it; what it reads lies, or is made, in `results`.

    What somebody else made lies in `places`.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    model = out / "model.safetensors"
    if model.exists() and (differs := difference_in_words(fill_neutral(artefact.read_spec(model)), spec)):
        raise SepflowError(f"{out}: there is another run (there, here): {differs}. Choose another --out.")
    keep_freed_memory()
    torch.set_num_threads(threads)
    prepare(spec, results, machine.device)
    make(spec, out, results, machine, progress=True, places=places)
