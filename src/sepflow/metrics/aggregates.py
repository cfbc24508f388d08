"""Aggregates: the value of a metric over many mixtures, from the columns that it is made of.

Each takes `weights` [R, n], a row for each resampling of n mixtures, which sums to 1, and their `columns`
[n, k] (by class: [n, classes, k]) in the order that the metric declares. It returns [R]: NaN where the value
is undefined.
"""

import numpy as np


def mean(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The mean of the one column."""
    return (weights * columns[:, 0]).sum(1)


def ratio(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The sum of the first column over that of the second; undefined where the latter is 0."""
    above, below = (weights @ columns).T
    return _divided(above, below)


def macro_f1(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The mean over classes of F1 = 2 tp / (2 tp + fp + fn), from true and false positives and misses.

    A class that neither was there nor was detected has none, and is left out; undefined without any class.
    """
    hits, alarms, misses = np.moveaxis(np.tensordot(weights, columns, 1), -1, 0)
    scores = _divided(2 * hits, 2 * hits + alarms + misses)
    there = ~np.isnan(scores)
    return _divided(np.where(there, scores, 0.0).sum(1), there.sum(1))


def eer(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The equal error rate of trials: of their score (higher: rather the same), and 1 if they are the same.

    Where false alarms are as frequent as misses, on straight lines between the thresholds (trials of one
    score are accepted together); undefined without a trial of either sort.
    """
    score, same = columns.T
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)  # of those of one score
    accepted, same = weights[:, order], same[order]
    hits, alarms = (_from_nought(np.cumsum(accepted * sort, axis=1)[:, last]) for sort in (same, 1 - same))
    misses, alarms = 1 - _divided(hits, hits[:, -1:]), _divided(alarms, alarms[:, -1:])
    gap = misses - alarms  # falls from 1 to -1
    row, after = np.arange(len(gap)), np.maximum((gap <= 0).argmax(1), 1)
    share = gap[row, after - 1] / (gap[row, after - 1] - gap[row, after])
    return alarms[row, after - 1] + share * (alarms[row, after] - alarms[row, after - 1])


def _divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above` over `below`; NaN where that is 0."""
    return above / np.where(below == 0, np.nan, below)


def _from_nought(sums: np.ndarray) -> np.ndarray:
    return np.pad(sums, ((0, 0), (1, 0)))
