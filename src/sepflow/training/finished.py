"""What a training leaves: the model that was best, the history, and where they come from."""

import hashlib
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning
import pandas as pd
import torch

from sepflow import provenance
from sepflow.files import write_bytes, write_json, write_text
from sepflow.identity import run_name
from sepflow.models.artefact import pack_model
from sepflow.results import HISTORY, MODEL, RECORD, SPEC
from sepflow.tasks.task import Task
from sepflow.training.checkpoint import RunningCheckpoint
from sepflow.training.machine import Machine

log = logging.getLogger(__name__)


def write_run(
    out: Path, keeper: RunningCheckpoint, trainer: lightning.Trainer, origin: dict[str, Any], machine: Machine
) -> None:
    """Write the outputs of a run into `out`, the model last.

    The checkpoint stays: should we be killed before the workflow has noted that the outputs are whole, it
    deletes them, and the run is at its end again at once.
    """
    task: Task = trainer.lightning_module.task
    spec = trainer.lightning_module.spec
    write_json(out / SPEC, spec)
    history = pd.DataFrame(keeper.history).to_csv(index=False)
    write_text(out / HISTORY, history)
    uses = {name: frozen.task.spec for name, frozen in task.applied().items()}
    model = pack_model(keeper.best | task.used_weights(), spec, uses)
    select, sign = spec["select"], task.declared.sign(spec["select"])
    best = min(keeper.history, key=lambda row: sign * row[select])
    write_json(
        out / RECORD,
        origin
        | {
            "run": run_name(spec),
            "model": hashlib.sha256(model).hexdigest(),
            "history": hashlib.sha256(history.encode()).hexdigest(),
            "device": provenance.device_name(trainer.strategy.root_device),
            "threads": torch.get_num_threads(),
            "machine": asdict(machine) | _ran_on(trainer),
            "seconds": round(keeper.seconds, 1),
            "steps": trainer.global_step,
            "selected_step": best["step"],
            "validation_loss": best["validation_loss"],
            "parameters": sum(w.numel() for w in keeper.best.values()),
        },
    )
    write_bytes(out / MODEL, model)
    log.info("done: %d steps, the model of step %d", trainer.global_step, best["step"])


def _ran_on(trainer: lightning.Trainer) -> dict[str, int]:
    """How many processes really shared each batch, and how they were spread."""
    world, nodes = trainer.world_size, trainer.num_nodes
    return {"processes": world, "nodes": nodes, "devices": world // nodes}
