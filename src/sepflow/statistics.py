"""How sure a mean is."""

import numpy as np
from scipy.stats import bootstrap

from sepflow.seeding import generator

INTERVAL = "95 % percentile bootstrap over mixtures, 9999 resamples, seeded by the name of the cell"


def interval(values: np.ndarray, name: str) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean of `values` [n]; (nan, nan) for fewer than two."""
    if len(values) < 2:
        return float("nan"), float("nan")
    found = bootstrap(
        (values,), np.mean, method="percentile", n_resamples=9999, batch=500, rng=generator("bootstrap", name)
    ).confidence_interval
    return float(found.low), float(found.high)
