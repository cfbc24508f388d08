"""The SDR (BSS Eval) of one estimate to the target, and whether it is nearer to what is beside it."""

import math

import numpy as np

from sepflow.metrics.extraction import GROUP
from sepflow.metrics.separation.scores import sdr_table
from sepflow.metrics.signals import Signals, Values


def of_signals(signals: Signals) -> dict[str, Values]:
    """Of a mixture: `references` are the target and what is beside it, of `estimates` the first is scored."""
    if (np.ptp(signals.references, axis=1) == 0).any():
        return {metric: [math.nan] for metric in GROUP.metrics}
    after, before = sdr_table(signals.references, np.stack([signals.estimates[0], signals.mixture])).T
    right = float(after[0] > after[1]) if len(after) > 1 and np.isfinite(after).all() else math.nan
    return {
        "target_sdr_before": [before[0]],
        "target_sdr": [after[0]],
        "target_sdri": [after[0] - before[0]],
        "right_speaker": [right],
    }


SCORES = of_signals
