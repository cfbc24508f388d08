"""What a group scores, and what it gives back: the contract of `scores.py` in a group's folder.

Its `SCORES` is a function of Signals that returns the Values of each column of the group's metrics, by name.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

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
