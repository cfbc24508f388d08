"""A training without a workflow: a spec from a file, and what it reads from a directory of results."""

import logging
from pathlib import Path
from typing import Any

import torch

from sepflow import config as files
from sepflow.errors import SepflowError
from sepflow.identity import RECIPES, data_parts, difference_in_words, fill_neutral
from sepflow.job import keep_freed_memory
from sepflow.models import artefact
from sepflow.simulation.recipes import corpora_of
from sepflow.training.machine import Machine
from sepflow.training.prepare import prepare
from sepflow.training.train import train


def read_spec(path: Path, config: Path) -> dict[str, Any]:
    """The spec in `path`, JSON or YAML, held against the schema of runs in the directory `config`.

    Raises SepflowError where it is not valid, or was made for other recipes than this code's.
    """
    spec = files.parse(path)
    try:
        shape = {key: value for key, value in spec.items() if key != "recipe"}
        shape |= {part: spec[part] | {"mix": ""} for part in data_parts(spec)}
        made_for = {"train": spec["recipe"]}
        for part in data_parts(spec):
            made_for |= _recipes(spec[part]["mix"])
    except (AttributeError, KeyError, TypeError) as error:
        raise SepflowError(f"{path}: no spec of a run ({error!r}). `sepflow why RUN` prints one.") from error
    files.check(shape, "run", config, str(path))
    differs = [(kind, number) for kind, number in made_for.items() if RECIPES.get(kind) != number]
    if differs:
        words = "; ".join(f"{kind}: {number}, here {RECIPES.get(kind)}" for kind, number in differs)
        raise SepflowError(f"{path}: made for other recipes than this sepflow's: {words}")
    return fill_neutral(spec)


def train_alone(spec: dict[str, Any], out: Path, results: Path, machine: Machine, threads: int) -> None:
    """Train the run of `spec` into `out`, or go on with it; what it reads lies, or is made, in `results`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    model = out / "model.safetensors"
    if model.exists() and (differs := difference_in_words(artefact.read_spec(model), spec)):
        raise SepflowError(f"{out}: there is another run (there, here): {differs}. Choose another --out.")
    keep_freed_memory()
    torch.set_num_threads(threads)
    machine.check(spec)
    prepare(spec, results, machine.device)
    train(spec, out, results, machine, progress=True)


def _recipes(mix: dict[str, Any]) -> dict[str, int]:
    """The recipe numbers that stand in the recipe of a mix, by what they are of."""
    if mix["kind"] == "labels":
        return {"labels": mix["recipe"]} | _recipes(mix["mix"])
    own = "mix" if mix["kind"] == "speakers" else mix["kind"]
    return {own: mix["recipe"]} | {one["kind"]: one["recipe"] for one in corpora_of(mix).values()}
