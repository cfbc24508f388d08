"""A run applied to a test mix: estimated and scored together, whole utterances, never an average."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sepflow.applying.inference import Estimator
from sepflow.applying.scoring import Scored, write_scores
from sepflow.mixes.mix import Mix
from sepflow.mixes.recipes import rate_of
from sepflow.tasks.task import Tested


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
    estimator = Estimator(model, device, run)
    groups = estimator.task.declared.metrics
    of = {**(origin or {}), "run": run, "model": hashlib.sha256(model.read_bytes()).hexdigest()}
    rate = rate or rate_of(estimator.spec["data"]["mix"])
    write_scores(_scored(estimator, mix, rate), groups, mix, out, of)


def _scored(estimator: Estimator, mix: Mix, rate: int) -> Iterator[Scored]:
    for row in range(len(mix)):
        tested = Tested(mix.mixture(row), mix.references(row), mix.ids[row], rate)
        for selection, values in estimator.task.score(tested):
            yield row, selection, values
