"""A trained model on disk: weights as safetensors, its run's spec in the header, no pickle anywhere.

The header has a digest too, of spec and weights: so a model says itself whose it is, and whether it is whole.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sepflow.errors import SepflowError
from sepflow.files import write_bytes
from sepflow.identity import fill_neutral, run_name

log = logging.getLogger(__name__)


def pack_model(
    weights: dict[str, torch.Tensor], spec: dict[str, Any], uses: dict[str, dict[str, Any]] | None = None
) -> bytes:
    """The content of a model's file: the same bytes for the same weights and spec.

    `uses` are the specs, by name, of the frozen networks whose weights are among `weights`.
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    texts = {"spec": json.dumps(spec, sort_keys=True)}
    texts |= {"uses": json.dumps(uses, sort_keys=True)} if uses else {}
    data = save(weights, metadata=texts | {"digest": _digest(texts, weights)})
    # safetensors writes the keys of the metadata in any order.
    size = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def save_model(path: str | Path, weights: dict[str, torch.Tensor], spec: dict[str, Any]) -> None:
    """Write `weights` and `spec` to `path`, whole or not at all."""
    write_bytes(path, pack_model(weights, spec))


def load_model(path: str | Path, run: str | None = None) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The weights and the spec in `path`, on the CPU; `run` is the name of the run that it must be of.

    Raises SepflowError where the file is missing, truncated, damaged, another run's or something else than
    a model of sepflow, and where a weight is not finite. Models made before there were digests are taken as
    they are, with a warning.
    """
    with _opened(path) as file:
        metadata = file.metadata() or {}
        spec = _spec(metadata, path, run)
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    if "digest" not in metadata:
        log.warning("%s: made before models had checksums; whether it is whole cannot be told", path)
    elif metadata["digest"] != _digest(metadata, weights):
        raise SepflowError(f"{path}: damaged: its content is not what its digest tells of. {_way_out(path)}")
    for name, weight in weights.items():
        if weight.is_floating_point() and not weight.isfinite().all():
            raise SepflowError(f"{path}: {name} has NaN or infinite weights. {_way_out(path)}")
    return weights, spec


def read_spec(path: str | Path, run: str | None = None) -> dict[str, Any]:
    """The spec in `path`, without its weights; `run` and what is raised as for `load_model`."""
    with _opened(path) as file:
        return _spec(file.metadata() or {}, path, run)


def read_uses(path: str | Path) -> dict[str, dict[str, Any]]:
    """The specs, by name, of the frozen networks that the model in `path` is saved with."""
    with _opened(path) as file:
        return json.loads((file.metadata() or {}).get("uses", "{}"))


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[safe_open]:
    if not Path(path).is_file():
        raise SepflowError(f"{path}: no such model. Train it first: snakemake {path}")
    try:
        with safe_open(str(path), framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise SepflowError(f"{path}: not a whole model file ({error}). {_way_out(path)}") from error


def _spec(metadata: dict[str, str], path: str | Path, run: str | None) -> dict[str, Any]:
    """The spec in a header, of the `run` that is wanted."""
    try:
        spec = json.loads(metadata["spec"])
        name = run_name(fill_neutral(spec)) if run else None
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = f"no spec of a run in its header: {type(error).__name__}"
        raise SepflowError(f"{path}: not a whole model file ({reason}). {_way_out(path)}") from error
    if not isinstance(spec, dict):
        raise SepflowError(f"{path}: not a whole model file (its spec is {spec!r:.40}). {_way_out(path)}")
    if name != run:
        raise SepflowError(f"{path}: the model of another run, {name}, not of {run}. {_way_out(path)}")
    return spec


def _digest(texts: dict[str, str], weights: dict[str, torch.Tensor]) -> str:
    """SHA-256 over the specs, and name, type, shape and bytes of each weight, in the order of their names."""
    total = hashlib.sha256((texts["spec"] + texts.get("uses", "")).encode())
    for name, weight in sorted(weights.items()):
        total.update(f"\n{name} {weight.dtype} {list(weight.shape)}\n".encode())
        total.update(weight.reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()


def _way_out(path: str | Path) -> str:
    return f"Delete it and train the run again: snakemake {path}"
