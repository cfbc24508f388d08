"""A fetched network, as a run: made of the published file, and then what its network is."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sepflow import models
from sepflow.errors import SepflowError
from sepflow.files import read_bytes
from sepflow.networks import catalogue
from sepflow.networks.catalogue import Network
from sepflow.networks.places import Places
from sepflow.tasks.fetched import how_to_get
from sepflow.tasks.fetched.published import check_sum, read_published
from sepflow.tasks.fetched.settings import Settings
from sepflow.tasks.task import Frozen, Made


def make(spec: dict[str, Any], results: Path, places: Places) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights of a run's network, from the file that lies in its place; and where they come from.

    Raises SepflowError where the file is missing, is not what was published, or is of another network.
    """
    settings = Settings(**spec["fetched"])
    network = catalogue.read(settings.network, places.directory)
    path = places.network(network.name) / settings.file
    if not path.exists():
        raise SepflowError(f"{path}: no such file. To have it: {how_to_get(network)}")
    data = read_bytes(path)
    try:
        check_sum(data, settings.checksum)
        weights = read_published(data, settings, network.beside)
        weights = fitted(weights, spec["model"])
    except SepflowError as error:
        again = f"If it is another file, or cut short, remove it. To have it: {how_to_get(network)}"
        said = [f"{path}: {error}", network.source.notes.strip(), again]
        raise SepflowError("\n".join(filter(None, said))) from error
    _check_layers(network, spec["model"])
    return weights, {
        "network": network.name,
        "file": settings.file,
        "sha256": hashlib.sha256(data).hexdigest(),
        "licence": network.source.licence,
        "address": [url for archive in network.part.archives for url in archive.urls],
    }


def fitted(weights: Mapping[str, Tensor], model: dict[str, Any]) -> dict[str, Tensor]:
    """`weights` in the types of the network `model` and in its order, each with memory of its own.

    Raises SepflowError where their names or shapes are not the network's, or one is not finite.
    """
    with torch.device("meta"):
        own = models.build(model).state_dict()
    shapes = {name: [list(weights[name].shape), list(own[name].shape)] for name in own if name in weights}
    problems = {
        "only in the network": [name for name in own if name not in weights],
        "only in the file": [name for name in weights if name not in own],
        "of another shape (file, network)": [f"{x} {a}, {b}" for x, (a, b) in shapes.items() if a != b],
    }
    if wrong := [f"{len(names)} weights {what}: {names[0]}" for what, names in problems.items() if names]:
        raise SepflowError(f"not the weights of the network {model['name']}: {'; '.join(wrong)}")
    if infinite := [name for name, weight in weights.items() if not weight.isfinite().all()]:
        raise SepflowError(f"{infinite[0]} has NaN or infinite weights")
    return {name: weights[name].detach().to(weight.dtype, copy=True) for name, weight in own.items()}


def _check_layers(network: Network, model: dict[str, Any]) -> None:
    with torch.device("meta"):
        there = dict(models.build(model).named_modules())
    if unknown := [layer for layer in network.layers if layer not in there]:
        raise SepflowError(
            f"config/networks/{network.name}.yaml: layers: {unknown[0]}: no layer of {model['name']}"
        )


class Fetched(Made):
    """The network as it was published: whoever uses it hears what it makes of what it is given."""

    def __init__(self, spec: dict[str, Any], used: Mapping[str, Frozen] | None = None):
        super().__init__(spec, used)
        self.model = models.build(spec["model"])

    def forward(self, *inputs: Tensor) -> Any:
        """What the network makes of tensors."""
        return self.model(*inputs)


TASK = Fetched
