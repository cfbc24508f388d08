"""How sure a mean is."""

import numpy as np

from sepflow.seeding import generator

_RESAMPLES = 9999


def described(seeds: list[int]) -> str:
    """The interval of a mean over mixtures and these seeds, in words."""
    over = "mixtures" if len(seeds) == 1 else f"mixtures and {len(seeds)} seeds"
    return f"95 % percentile bootstrap over {over}, {_RESAMPLES} resamples, seeded by the name of the cell"


def estimate(values: np.ndarray, name: str) -> tuple[float, float, float]:
    """The mean of `values` [seeds, mixtures] and its interval; nan where there is no mixture."""
    return (float(values.mean()) if values.size else float("nan"), *interval(values, name))


def interval(values: np.ndarray, name: str) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean of `values` [seeds, mixtures]; nan for fewer than two mixtures.

    Seeds and mixtures are crossed, every mixture being scored under every seed, so both are resampled, each
    on its own (Owen, "The pigeonhole bootstrap", 2007); with one seed that is the bootstrap over mixtures.
    No resampling learns the spread of a few seeds well: of three it sees four fifths.
    """
    seeds, mixtures = values.shape
    if mixtures < 2:
        return float("nan"), float("nan")
    rng = generator("bootstrap", name)
    drawn = [rng.multinomial(count, np.full(count, 1 / count), _RESAMPLES) / count for count in values.shape]
    means = ((drawn[0] @ values) * drawn[1]).sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
