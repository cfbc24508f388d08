"""A trained model on disk: weights as safetensors, its run's spec in the header, no pickle anywhere."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sepflow.errors import SepflowError
from sepflow.files import write_bytes


def save_model(path: str | Path, weights: dict[str, torch.Tensor], spec: dict[str, Any]) -> None:
    """Write `weights` and `spec` to `path`, whole or not at all."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_bytes(path, save(weights, metadata={"spec": json.dumps(spec, sort_keys=True)}))


def load_model(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The weights and the spec in `path`, on the CPU.

    Raises SepflowError where the file is missing, truncated or something else than a model of sepflow.
    """
    if not Path(path).is_file():
        raise SepflowError(f"{path}: no such model. Train it first: snakemake {path}")
    try:
        with safe_open(str(path), framework="pt") as file:
            spec = json.loads((file.metadata() or {})["spec"])
            return {name: file.get_tensor(name) for name in file.keys()}, spec  # noqa: SIM118 (not a dict)
    except (SafetensorError, KeyError, ValueError) as error:
        raise SepflowError(
            f"{path}: not a whole model file ({error}). Delete it and train the run again: snakemake {path}"
        ) from error
