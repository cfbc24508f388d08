"""A trained model applied to whole recordings, one at a time, so that no neighbour's padding reaches it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from sepflow import tasks
from sepflow.errors import SepflowError
from sepflow.models.artefact import load_model
from sepflow.objectives.selection import oracle_remix, select_by_energy


def whole_float32() -> None:
    """Have a GPU compute float32 in all bits: cuDNN keeps 10 of a convolution's or an LSTM's factors."""
    for part in (torch.backends.cudnn.conv, torch.backends.cudnn.rnn):
        part.fp32_precision = "ieee"


def load_trained(path: str | Path, run: str | None = None) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The weights and the spec in `path`, the ones held against the network of the other; nothing is drawn.

    Raises SepflowError as `load_model` does, and where the weights are not those of the spec's network.
    """
    weights, spec = load_model(path, run)
    try:
        with torch.device("meta"):
            network = tasks.build(spec).weights()
        wanted, given = ({name: w.shape for name, w in x.items()} for x in (network, weights))
        if odd := sorted(name for name in wanted | given if wanted.get(name) != given.get(name)):
            raise SepflowError(f"{len(odd)} weights are not those of the spec's network, {odd[0]} the first")
    except (SepflowError, LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        reason = error if isinstance(error, SepflowError) else f"{type(error).__name__}: {error}"
        raise SepflowError(
            f"{path}: no model that this sepflow can build ({reason}). Was it made by another version?"
        ) from error
    return weights, spec


class Separator:
    """The model of a run, ready to separate; `run` is the name of the run that it must be of."""

    def __init__(self, path: str | Path, device: str = "auto", run: str | None = None):
        weights, self.spec = load_trained(path, run)
        if device == "gpu" and not torch.cuda.is_available():
            raise SepflowError("device: gpu, but torch sees none here. Set device: cpu (or auto).")
        chosen = device != "cpu" and torch.cuda.is_available()
        whole_float32()
        self.device = torch.device("cuda" if chosen else "cpu")
        self.task = tasks.build(self.spec)
        self.task.load_weights(weights)
        self.task.to(self.device).eval()

    @torch.inference_mode()
    def __call__(self, mixture: np.ndarray) -> torch.Tensor:
        """Estimates [M, T] (float32, on the CPU) of a mixture [T] float32."""
        return self.task(torch.from_numpy(mixture).to(self.device)[None])[0].float().cpu()


def select(estimates: torch.Tensor, selection: str, references: np.ndarray) -> torch.Tensor:
    """As many of the estimates [M, T] as `references` [C, T]: all, the loudest, or the oracle's remix."""
    if selection == "energy":
        return select_by_energy(estimates, len(references))
    if selection == "oracle":
        return oracle_remix(estimates, torch.from_numpy(references))
    return estimates


def selections(estimates: int, sources: int) -> list[str]:
    """The ways from a model's number of estimates to the number of sources."""
    return ["none"] if estimates == sources else ["energy", "oracle"]
