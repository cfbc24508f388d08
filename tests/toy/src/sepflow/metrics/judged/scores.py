"""Energies of what a judge makes of the error and of the reference."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from sepflow.metrics.signals import Signals, Values


def judged(signals: Signals, judge: Callable[[np.ndarray], Tensor]) -> dict[str, Values]:
    """Of a mixture: what the judge hears of its error, and of its reference."""
    parts = (signals.estimates[0] - signals.references[0], signals.references[0])
    heard, energy = (float(judge(x.astype(np.float32)).double().square().sum()) for x in parts)
    return {"judged.heard": [heard], "judged.energy": [energy]}


SCORES = judged
