"""A training without a workflow: what it reads lies in a directory of results, or is made there."""

import logging
from pathlib import Path
from typing import Any

import torch

from sepflow.commands.prepare import prepare
from sepflow.errors import SepflowError
from sepflow.identity import difference_in_words, fill_neutral
from sepflow.jobs.job import keep_freed_memory
from sepflow.models import artefact
from sepflow.networks.places import Places
from sepflow.results import Run
from sepflow.training.machine import Machine
from sepflow.training.making import make


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
    model = Run(out).model
    if model.exists() and (differs := difference_in_words(fill_neutral(artefact.read_spec(model)), spec)):
        raise SepflowError(f"{out}: there is another run (there, here): {differs}. Choose another --out.")
    keep_freed_memory()
    torch.set_num_threads(threads)
    prepare(spec, results, machine.device)
    make(spec, out, results, machine, progress=True, places=places)
