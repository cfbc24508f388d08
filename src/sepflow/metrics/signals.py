"""What a group scores, and what it gives back: the contract of `scores.py` in a group's folder.

Its `SCORES` is a function of Signals that returns the Values of each column of the group's metrics, by name.
In a group with `uses` it is given the network too, by the name that it has there: a function of what a run is
applied to (see Task.apply_to).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sepflow.errors import SepflowError
from sepflow.metrics import declared
from sepflow.metrics.declared import scorer_of

# One for each source of a mixture, in order; a single one, of what is counted by mixture; or one a class.
Values = Sequence[float] | Mapping[str, float]


class Signals(NamedTuple):
    """A mixture [T] at `rate` Hz, its references [C, T], and estimates [C, T] of them.

    The latter in any order: whoever compares one with one pairs them first, as separation/scores.py does.
    """

    references: np.ndarray
    estimates: np.ndarray
    mixture: np.ndarray
    rate: int


def score_signals(
    groups: Iterable[str], signals: Signals, network: Callable[..., Any] | None = None
) -> dict[str, Values]:
    """The columns of all metrics of these `groups`, which may use a `network`.

    But for groups whose metrics a task alone computes. Raises SepflowError for what are no columns.
    """
    columns: dict[str, Values] = {}
    for group in groups:
        if (scorer := scorer_of(group)) is None:
            continue
        said = scorer(signals, **dict.fromkeys(declared.groups()[group].uses, network))
        if not isinstance(said, Mapping):
            raise SepflowError(f"metrics/{group}: SCORES must return {{column: [values]}}, not {said!r}")
        columns |= said
    return columns
