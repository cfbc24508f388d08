"""A trained model read back, and held against the network that its spec describes."""

from pathlib import Path
from typing import Any

import torch

from sepflow import tasks
from sepflow.errors import SepflowError
from sepflow.models.artefact import load_model


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
