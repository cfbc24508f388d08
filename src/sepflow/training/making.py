"""A run, from its spec to its files: trained or, as its task declares, made without a training."""

import hashlib
import logging
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from sepflow import plugs, provenance
from sepflow.files import write_bytes, write_json, write_text
from sepflow.files.contracts import HISTORY_COLUMNS
from sepflow.identity import canonical, fill_neutral, run_name
from sepflow.jobs.lease import held
from sepflow.models.artefact import pack_model
from sepflow.networks.places import Places
from sepflow.results import HISTORY, MODEL, RECORD, SPEC
from sepflow.tasks import declared
from sepflow.training.machine import Machine
from sepflow.training.train import train

log = logging.getLogger(__name__)


def make(
    spec: dict[str, Any],
    out: Path,
    results: Path = Path("results"),
    machine: Machine = Machine(),  # noqa: B008 (it is frozen)
    progress: bool = False,
    places: Places = Places(),  # noqa: B008
) -> None:
    """Train the run of `spec` into `out`, or make it: model, spec, history and record, as all runs have them.

    A task that is made has in its task.py `make(spec, results, places) -> (weights, facts)`: the weights of
    its model, and what its record says beside; `places` says where lies what it reads. Raises SepflowError
    for what a user can mend.
    """
    if not declared(spec["task"]).made:
        train(spec, out, results, machine, progress)
        return
    origin, began = provenance.stamp(), time.monotonic()
    spec = canonical(fill_neutral(spec))
    with held(out, run_name(spec)) as lease:
        if lease is None:
            return
        weights, facts = plugs.needed(f"sepflow.tasks.{spec['task']}", "task", "make")(spec, results, places)
        lease.check()
        write_made(out, spec, weights, origin | facts | {"seconds": round(time.monotonic() - began, 1)})


def write_made(
    out: Path, spec: dict[str, Any], weights: dict[str, torch.Tensor], record: dict[str, Any]
) -> None:
    """Write the files of a run that was made, the model last; its history has no validations."""
    history = pd.DataFrame(columns=HISTORY_COLUMNS[:-1]).to_csv(index=False)
    model = pack_model(weights, spec)
    write_json(out / SPEC, spec)
    write_text(out / HISTORY, history)
    own = {
        "run": run_name(spec),
        "model": hashlib.sha256(model).hexdigest(),
        "history": hashlib.sha256(history.encode()).hexdigest(),
        "device": provenance.device_name(torch.device("cpu")),
        "steps": 0,
        "selected_step": 0,
        "parameters": sum(weight.numel() for weight in weights.values()),
    }
    write_json(out / RECORD, record | own)
    write_bytes(out / MODEL, model)
    log.info("done: made without a training")
