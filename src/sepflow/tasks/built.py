"""A task built of a run's spec: newly initialised, or with the weights in the file of its model."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sepflow import plugs
from sepflow.errors import SepflowError
from sepflow.identity import fill_neutral
from sepflow.models.artefact import load_model, read_uses
from sepflow.results import Results
from sepflow.tasks import declared
from sepflow.tasks.task import USES, Frozen, Made, Task


def whole_float32() -> None:
    """Have a GPU compute float32 in all bits: cuDNN keeps 10 of a convolution's or an LSTM's factors."""
    for part in (torch.backends.cudnn.conv, torch.backends.cudnn.rnn):
        part.fp32_precision = "ieee"


def build(spec: dict[str, Any], used: Mapping[str, Frozen] | None = None) -> Task:
    """The task of a run's spec, its model newly initialised from torch's global seed, with what it uses.

    Raises SepflowError for an unknown or missing name, and for a class that is no task.
    """
    made = declared(spec.get("task")).made
    kind = plugs.needed(f"sepflow.tasks.{spec['task']}", "task", "TASK")
    where = plugs.shown(plugs.PACKAGE / "tasks" / spec["task"] / "task.py")
    for problem in _problems(kind, made):
        raise SepflowError(f"{where}: {problem}")
    task = kind(spec, used)
    if not isinstance(getattr(task, "model", None), nn.Module):
        raise SepflowError(f"{where}: {kind.__name__}: sets no self.model: a network")
    return task


def _problems(kind: Any, made: bool) -> Iterator[str]:
    """What the class of a task lacks."""
    if not isinstance(kind, type) or not issubclass(kind, Task):
        yield f"TASK: a subclass of Task (sepflow.tasks.task) is needed, not {kind!r}"
        return
    if kind.forward is nn.Module.forward:
        yield f"{kind.__name__}: no `forward`: what its network makes of mixtures [B, T]"
    for name in sorted(kind.__abstractmethods__):
        yield f"{kind.__name__}: no `{name}` (sepflow.tasks.task)"
    if issubclass(kind, Made) != made:
        yield f"{kind.__name__}: `made=True` of a Declaration, and Made as the class, go together"


def load_trained(path: str | Path, run: str | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights and the spec in `path`, the ones held against the network of the other; nothing is drawn.

    Raises SepflowError as `load_model` does, and where the weights are not those of the spec's network.
    """
    weights, spec = load_model(path, run)
    try:
        spec = fill_neutral(spec)
        with torch.device("meta"):
            network = build(spec, _used(read_uses(path)))
        own = network.weights() | network.used_weights()
        wanted, given = ({name: w.shape for name, w in x.items()} for x in (own, weights))
        if odd := sorted(name for name in wanted | given if wanted.get(name) != given.get(name)):
            raise SepflowError(f"{len(odd)} weights are not those of the spec's network, {odd[0]} the first")
    except (SepflowError, LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        reason = error if isinstance(error, SepflowError) else f"{type(error).__name__}: {error}"
        raise SepflowError(
            f"{path}: no model that this sepflow can build ({reason}). Was it made by another version?"
        ) from error
    return weights, spec


def load_task(path: str | Path, run: str | None = None) -> Task:
    """The task in the file of a run's model, on the CPU, ready to be applied; nothing is drawn from torch.

    Raises SepflowError as `load_trained` does.
    """
    weights, spec = load_trained(path, run)
    with torch.random.fork_rng(devices=[]):
        used = _used(read_uses(path))
        for name, frozen in used.items():
            head = f"{USES}{name}."
            own = {key.removeprefix(head): x for key, x in weights.items() if key.startswith(head)}
            frozen.task.load_weights(own)
        task = build(spec, used)
    task.load_weights(weights)
    return task.eval()


def load_used(spec: dict[str, Any], results: Path) -> dict[str, Frozen]:
    """The frozen networks that a run uses, by name, from the models of their runs in `results`."""
    runs = {name: (Results(results).run(run).model, run) for name, run in spec["uses"].items()}
    return {name: Frozen(load_task(*place)) for name, place in runs.items()}


def _used(uses: dict[str, dict[str, Any]]) -> dict[str, Frozen]:
    """Networks newly built of the specs in the header of a model that is saved with them."""
    return {name: Frozen(build(spec)) for name, spec in uses.items()}
