"""What no model is behind, scored like a model: the mixture, and the references themselves."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sepflow.applying.evaluation import Used
from sepflow.applying.inference import Estimator
from sepflow.applying.scoring import Scored, write_scores
from sepflow.metrics.signals import Signals, score_signals
from sepflow.mixes.mix import Mix
from sepflow.tasks.task import Columns

# From a mixture [T] and its references [C, T] to the estimates [C, T] of each of the plan's SYSTEMS.
ESTIMATES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mixture": lambda mixture, references: np.broadcast_to(mixture, references.shape),
    "references": lambda mixture, references: references,
}


def evaluate_system(
    system: str,
    group: str,
    mix: Mix,
    rate: int,
    out: Path,
    origin: dict[str, Any] | None = None,
    used: Used | None = None,
    device: str = "auto",
) -> None:
    """Score a system on every mixture of `mix`, at `rate` Hz, in a `group` of metrics; write them to `out`.

    The stamp beside `out` says which, and the `origin` that the caller says. `used` computes the metrics, on
    `device`, where a network does.
    """
    of = {**(origin or {}), "system": system, "group": group, **(used.stamp if used else {})}
    network = Estimator(used.model, device, used.run) if used else None
    columns = partial(score_signals, [group], network=network)
    write_scores(_scored(system, mix, rate, columns), [group], mix, out, of)


def _scored(system: str, mix: Mix, rate: int, columns: Columns) -> Iterator[Scored]:
    for row in range(len(mix)):
        references, mixture = mix.references(row), mix.mixture(row)
        estimates = ESTIMATES[system](mixture, references)
        yield row, "none", columns(Signals(references, estimates, mixture, rate))
