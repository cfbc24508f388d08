"""How sure a value is: the mean of a metric, or what another aggregate makes of its columns.

Values are arrays [seeds, mixtures] of the one column of a metric, or [seeds, mixtures, k] of several (by
class: [seeds, mixtures, classes, k]), in which nothing is undefined. Of many seeds a value is the mean.
"""

import math
from collections.abc import Callable

import numpy as np

from sepflow.metrics.aggregates import mean
from sepflow.seeding import generator

Aggregate = Callable[[np.ndarray, np.ndarray], np.ndarray]  # see metrics/aggregates.py
_RESAMPLES = 9999
_AT_ONCE = 2**22  # weights of mixtures, 8 bytes each: the resamplings are taken in parts


def described(seeds: list[int], what: str = "mixtures") -> str:
    """The interval of a value over mixtures (or speakers) and these seeds, in words."""
    over = what if len(seeds) == 1 else f"{what} and {len(seeds)} seeds"
    return f"95 % percentile bootstrap over {over}, {_RESAMPLES} resamples, seeded by the name of the cell"


def value_of(values: np.ndarray, aggregate: Aggregate = mean) -> float:
    """What `aggregate` makes of all mixtures, the mean over seeds; nan where there is no mixture."""
    if not values.size:
        return float("nan")
    if aggregate is mean:
        return float(values.mean())
    count = values.shape[1]
    return float(np.mean([aggregate(np.full((1, count), 1 / count), seed)[0] for seed in _columns(values)]))


def estimate(
    values: np.ndarray,
    name: str,
    aggregate: Aggregate = mean,
    than: np.ndarray | None = None,
    speakers: np.ndarray | None = None,
) -> tuple[float, float, float]:
    """The value of `values`, or its difference from that of `than`, and its interval."""
    if than is None:
        value = value_of(values, aggregate)
    elif aggregate is mean:
        value = value_of(values - than)
    else:
        value = value_of(values, aggregate) - value_of(than, aggregate)
    return (value, *interval(values, name, aggregate, than, speakers))


def interval(
    values: np.ndarray,
    name: str,
    aggregate: Aggregate = mean,
    than: np.ndarray | None = None,
    speakers: np.ndarray | None = None,
) -> tuple[float, float]:
    """The 95 % bootstrap interval of the value of `values`; nan for fewer than two mixtures.

    Seeds and mixtures are crossed, every mixture being scored under every seed, so both are resampled, each
    on its own (Owen, "The pigeonhole bootstrap", 2007); with one seed that is the bootstrap over mixtures.
    No resampling learns the spread of a few seeds well: of three it sees four fifths. With `than`, of the
    same mixtures and seeds (or of one seed, which stands for all), it is the interval of the difference of
    both values, each resampling being made of both. A resampling whose value is undefined is left out.
    With the `speakers` of each mixture, [mixtures, k], those are resampled in place of mixtures.
    """
    if aggregate is mean and than is not None and speakers is None:
        return interval(values - than, name)
    sides = [values] if than is None else [values, than]
    seeds, mixtures = max(map(len, sides)), values.shape[1]
    if mixtures < 2:
        return float("nan"), float("nan")
    rng = generator("bootstrap", name)
    of_seeds = _drawn(rng, seeds, _RESAMPLES)
    if aggregate is mean and speakers is None:  # of sums, so that the seeds may come first
        resampled = ((of_seeds @ values) * _drawn(rng, mixtures, _RESAMPLES)).sum(1)
    else:
        parts = np.array_split(of_seeds, math.ceil(_RESAMPLES * mixtures / _AT_ONCE))
        resampled = np.concatenate(
            [
                _resampled(sides, part, _weights(rng, mixtures, speakers, len(part)), aggregate)
                for part in parts
            ]
        )
    resampled = resampled[~np.isnan(resampled)]
    if not resampled.size:
        return float("nan"), float("nan")
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(low), float(high)


def _resampled(
    sides: list[np.ndarray], of_seeds: np.ndarray, of_mixtures: np.ndarray, aggregate: Aggregate
) -> np.ndarray:
    """The value of one side, or the difference of two, in each resampling: [R].

    Of the resamplings there are the weights of the seeds [R, seeds] and of the mixtures [R, mixtures].
    """
    by_seed = (np.stack([aggregate(of_mixtures, seed) for seed in _columns(side)], 1) for side in sides)
    first, *than = ((of_seeds * values).sum(1) for values in by_seed)
    return first - than[0] if than else first


def _drawn(rng: np.random.Generator, count: int, resamples: int) -> np.ndarray:
    """How often each of `count` things is in each resampling, over their number: [resamples, count]."""
    return rng.multinomial(count, np.full(count, 1 / count), resamples) / count


def _weights(
    rng: np.random.Generator, mixtures: int, speakers: np.ndarray | None, resamples: int
) -> np.ndarray:
    """The weights [resamples, mixtures] of mixtures, resampled themselves or by their speakers."""
    if speakers is None:
        return _drawn(rng, mixtures, resamples)
    return _drawn_speakers(rng, speakers, resamples)


def _drawn_speakers(rng: np.random.Generator, speakers: np.ndarray, resamples: int) -> np.ndarray:
    """How often each mixture is in each resampling of its speakers, over the sum of that: [resamples, n].

    A mixture of several is there as often as all of them together, one of a single speaker as often as that.
    """
    names, codes = np.unique(speakers.astype(str), return_inverse=True)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), resamples)
    codes = np.sort(codes.reshape(speakers.shape), axis=1)
    again = np.pad(codes[:, 1:] == codes[:, :-1], ((0, 0), (1, 0)))
    counts = np.where(again, 1, times[:, codes]).prod(-1, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return counts / counts.sum(1, keepdims=True)


def _columns(values: np.ndarray) -> np.ndarray:
    """`values` with an axis for the columns, also where there is but one."""
    return values[..., None] if values.ndim == 2 else values
