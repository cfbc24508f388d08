"""What no model is behind, scored like a model: the mixture, and the references themselves."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sepflow.applying.scoring import Scored, write_scores
from sepflow.metrics.signals import Signals, score_signals
from sepflow.mixes.mix import Mix

# From a mixture [T] and its references [C, T] to the estimates [C, T] of each of the plan's SYSTEMS.
ESTIMATES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mixture": lambda mixture, references: np.broadcast_to(mixture, references.shape),
    "references": lambda mixture, references: references,
}


def evaluate_system(
    system: str, group: str, mix: Mix, rate: int, out: Path, origin: dict[str, Any] | None = None
) -> None:
    """Score a system on every mixture of `mix`, at `rate` Hz, in a `group` of metrics; write them to `out`.

    The stamp beside `out` says which, and the `origin` that the caller says.
    """
    of = {**(origin or {}), "system": system, "group": group}
    write_scores(_scored(system, group, mix, rate), [group], mix, out, of)


def _scored(system: str, group: str, mix: Mix, rate: int) -> Iterator[Scored]:
    for row in range(len(mix)):
        references, mixture = mix.references(row), mix.mixture(row)
        estimates = ESTIMATES[system](mixture, references)
        yield row, "none", score_signals([group], Signals(references, estimates, mixture, rate))
