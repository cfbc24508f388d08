"""Energies of errors and of references."""

import numpy as np

from sepflow.metrics.signals import Signals, Values


def errors(signals: Signals) -> dict[str, Values]:
    """Of a mixture: its error and its energy, and the share of the two."""
    wrong, energy = (
        float((x.astype(np.float64) ** 2).sum())
        for x in (signals.estimates - signals.references, signals.references)
    )
    return {"error.wrong": [wrong], "error.energy": [energy], "largest": [wrong / energy]}


SCORES = errors
