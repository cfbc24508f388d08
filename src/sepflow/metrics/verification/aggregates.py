"""Aggregates of trials: columns are score, same (1 or 0), and perhaps whether a trial is counted."""

import numpy as np

from sepflow.metrics.aggregates import eer

P_TARGET = 0.01  # of VoxCeleb's and NIST's detection cost; a miss and a false alarm cost 1 each


def eer_of_some(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The equal error rate of those trials that are counted."""
    return eer(weights * columns[:, 2], columns[:, :2])


def min_dcf(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The least cost of detection over all thresholds, over that of the better of always saying one thing."""
    score, same = columns.T
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    weights, same = weights[:, order], same[order]
    hits, alarms = (np.cumsum(weights * sort, axis=1) for sort in (same, 1 - same))
    with np.errstate(invalid="ignore"):
        misses, alarms = 1 - hits[:, last] / hits[:, -1:], alarms[:, last] / alarms[:, -1:]
    costs = (P_TARGET * misses + (1 - P_TARGET) * alarms).min(1)  # where all are rejected it is P_TARGET
    return np.minimum(costs, P_TARGET) / P_TARGET
