"""What a group scores, and what it gives back: the contract of `scores.py` in a group's folder.

Its `SCORES` is a function of Signals that returns the Values of each column of the group's metrics, by name.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

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


def score_signals(groups: Iterable[str], signals: Signals) -> dict[str, Values]:
    """The columns of all metrics of these `groups`."""
    return {key: values for group in groups for key, values in scorer_of(group)(signals).items()}
