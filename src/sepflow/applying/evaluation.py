"""A run applied to a test mix: estimated and scored together, whole utterances, never an average."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sepflow.applying.inference import Separator, select, selections
from sepflow.applying.scoring import Scored, score_signals, write_scores
from sepflow.metrics.signals import Signals
from sepflow.mixes.mix import Mix
from sepflow.mixes.recipes import rate_of
from sepflow.tasks.task import Pretext


def evaluate(
    model: Path,
    mix: Mix,
    out: Path,
    device: str = "auto",
    run: str | None = None,
    origin: dict[str, Any] | None = None,
    rate: int | None = None,
) -> None:
    """Score a model on every mixture of `mix` in all metrics of its task; write them to `out` (see scoring).

    The stamp beside `out` says the `run` (which the model must be of, else SepflowError), the digest of the
    model, and the `origin` that the caller says. `rate` is that of `mix`, in Hz; by default what the run was
    trained at.
    """
    separator = Separator(model, device, run)
    groups = separator.task.declared.metrics
    of = {**(origin or {}), "run": run, "model": hashlib.sha256(model.read_bytes()).hexdigest()}
    rate = rate or rate_of(separator.spec["data"]["mix"])
    write_scores(_scored(separator, groups, mix, rate), groups, mix, out, of)


def _scored(separator: Separator, groups: tuple[str, ...], mix: Mix, rate: int) -> Iterator[Scored]:
    for row in range(len(mix)):
        references, mixture = mix.references(row), mix.mixture(row)
        if isinstance(separator.task, Pretext):
            scores = separator.task.scores(mixture, references[0], mix.ids[row])
            yield row, "none", {metric: [value] for metric, value in scores.items()}
            continue
        estimates = separator(mixture)
        for selection in selections(len(estimates), len(references)):
            chosen = select(estimates, selection, references).numpy()
            yield row, selection, score_signals(groups, Signals(references, chosen, mixture, rate))
