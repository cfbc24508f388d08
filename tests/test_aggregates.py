"""Aggregates against plain enumeration, and intervals of what they make; the mean's as they always were."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from sepflow.metrics import aggregates
from sepflow.metrics.aggregates import eer, macro_f1, mean, ratio
from sepflow.reporting import statistics
from sepflow.reporting.statistics import estimate, interval, value_of
from sepflow.seeding import generator

# The shape of values from default_rng(k).normal(3, 2) and the name "table/row k"; mean, low and high as they
# were before there was any aggregate but the mean.
FROZEN = [
    ((1, 2), (2.9936253578020913, 2.735790273417396, 3.2514604421867865)),
    ((1, 7), (3.2883598239490897, 2.1481767924476936, 4.262628491552338)),
    ((1, 40), (3.0072787296143617, 2.412216535543098, 3.587442353563142)),
    ((1, 257), (3.04465847857246, 2.7918828351986207, 3.293955329485334)),
    ((2, 5), (2.6017029224967003, 1.2263360190278845, 4.270022954905267)),
    ((3, 33), (2.5571295307492226, 2.0592461126984123, 3.1012903941013223)),
    ((3, 200), (2.976765936254779, 2.7282063014306597, 3.234890438330423)),
]


@pytest.mark.parametrize(("k", "shape", "frozen"), [(k, *x) for k, x in enumerate(FROZEN)])
def test_the_mean_is_what_it_always_was(k, shape, frozen):
    values = np.random.default_rng(k).normal(3, 2, shape)
    found = estimate(values, f"table/row {k}")
    assert found == pytest.approx(frozen, rel=1e-12, abs=0)
    rng, count = generator("bootstrap", f"table/row {k}"), 9999
    seeds, mixtures = (rng.multinomial(n, np.full(n, 1 / n), count) / n for n in shape)
    means = ((seeds @ values) * mixtures).sum(1)
    assert found == (values.mean(), *np.percentile(means, [2.5, 97.5]))  # to the bit


def resamplings(n: int, count: int = 6, seed: int = 0) -> np.ndarray:
    """How often each of n mixtures is in each resampling, [count, n]; the first has each once."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), count)
    drawn[0] = 1
    return drawn


def enumerated(value, drawn: np.ndarray, columns: np.ndarray) -> list[float]:
    """`value` of the list of mixtures that each resampling is, some of them several times."""
    return [value([x for x, times in zip(columns, row, strict=True) for _ in range(times)]) for row in drawn]


def mean_of(rows: list) -> float:
    return float(sum(Fraction(x) for (x,) in rows) / len(rows))


def ratio_of(rows: list) -> float:
    return sum(x[0] for x in rows) / sum(x[1] for x in rows)


def macro_f1_of(rows: list) -> float:
    """From precision and recall, class by class."""
    scores = []
    for k in range(len(rows[0])):
        hits, alarms, misses = (sum(row[k][i] for row in rows) for i in range(3))
        if hits:
            precision, recall = hits / (hits + alarms), hits / (hits + misses)
            scores.append(2 * precision * recall / (precision + recall))
        elif alarms or misses:
            scores.append(0.0)
    return sum(scores) / len(scores) if scores else float("nan")


def eer_of(rows: list) -> float:
    """Every threshold tried, in exact arithmetic; between two of them the rates move on straight lines."""
    same, other = ([score for score, kind in rows if kind == wanted] for wanted in (1, 0))
    if not same or not other:
        return float("nan")
    thresholds = [np.inf, *sorted({score for score, _ in rows}, reverse=True)]
    rates = [
        (Fraction(sum(x >= t for x in other), len(other)), Fraction(sum(x < t for x in same), len(same)))
        for t in thresholds
    ]
    for (alarms, misses), (next_alarms, next_misses) in pairwise(rates):
        if next_misses <= next_alarms:
            share = (misses - alarms) / ((misses - alarms) - (next_misses - next_alarms))
            return float(alarms + share * (next_alarms - alarms))
    raise AssertionError("the last threshold accepts all")


def columns_of(kind: str, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "mean":
        return rng.normal(size=(n, 1))
    if kind == "ratio":
        return np.stack([rng.integers(0, 9, n), rng.integers(1, 30, n)], 1).astype(float)
    if kind == "macro_f1":
        counts = rng.integers(0, 3, (n, 5, 3)).astype(float)
        counts[:, 3] = 0  # of a class that never was
        counts[:, 4, 0] = 0  # and of one that was never hit
        return counts
    same = rng.integers(0, 2, n)
    scores = (rng.normal(same, 1) * 8).round() / 8 if seed % 2 else rng.normal(same, 1)  # with ties, without
    return np.stack([scores, same], 1)


CASES = {"mean": mean_of, "ratio": ratio_of, "macro_f1": macro_f1_of, "eer": eer_of}


@pytest.mark.parametrize("n", [2, 7, 60])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", CASES)
def test_an_aggregate_is_that_of_the_mixtures_one_by_one(kind, seed, n):
    columns, drawn = columns_of(kind, n, seed), resamplings(n, seed=seed)
    found = getattr(aggregates, kind)(drawn / n, columns)
    wanted = enumerated(CASES[kind], drawn, columns.tolist())
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_what_has_no_value_is_nan():
    one = np.ones((1, 2)) / 2
    assert np.isnan(ratio(one, np.array([[3.0, 0.0], [1.0, 0.0]]))).all()
    assert np.isnan(macro_f1(one, np.zeros((2, 3, 3)))).all()
    for same in (0, 1):
        assert np.isnan(eer(one, np.array([[0.3, same], [0.4, same]]))).all()


def test_an_equal_error_rate_knows_order_alone():
    columns, weights = columns_of("eer", 50, 0), resamplings(50) / 50
    other = np.stack([np.exp(3 * columns[:, 0]) - 7, columns[:, 1]], 1)
    np.testing.assert_array_equal(eer(weights, columns), eer(weights, other))
    apart = np.array([[0.9, 1.0], [0.8, 1.0], [0.1, 0.0]])
    assert eer(np.full((1, 3), 1 / 3), apart) == 0 and eer(np.full((1, 3), 1 / 3), apart * [-1, 1]) == 1


@pytest.mark.parametrize("kind", ["ratio", "macro_f1", "eer"])
def test_the_interval_is_that_of_every_resampling(kind, monkeypatch):
    values = np.stack([columns_of(kind, 40, seed) for seed in (2, 4, 6)])
    aggregate = getattr(aggregates, kind)
    found = estimate(values, "x", aggregate)
    rng, count = generator("bootstrap", "x"), 9999
    seeds, mixtures = (rng.multinomial(n, np.full(n, 1 / n), count) / n for n in values.shape[:2])
    every = sum(seeds[:, k] * aggregate(mixtures, values[k]) for k in range(3))
    assert found == pytest.approx(
        (value_of(values, aggregate), *np.percentile(every, [2.5, 97.5])), rel=1e-12
    )
    assert found[0] == pytest.approx(np.mean([aggregate(np.full((1, 40), 1 / 40), x) for x in values]))
    monkeypatch.setattr(statistics, "_AT_ONCE", 1000)  # a few resamplings at a time are the same
    assert interval(values, "x", aggregate) == found[1:]


def test_the_interval_of_a_ratio_is_narrower_than_that_of_single_ratios_where_lengths_differ():
    rng = np.random.default_rng(0)
    words = rng.integers(1, 100, 400)
    values = np.stack([rng.binomial(words, 0.1), words], 1)[None].astype(float)
    wide = interval((values[..., 0] / values[..., 1]), "x")
    low, high = interval(values, "x", ratio)
    assert low < 0.1 < high and high - low < 0.75 * (wide[1] - wide[0])


def test_a_difference_is_of_the_same_resampling_of_both():
    first, than = columns_of("eer", 60, 0), columns_of("eer", 60, 2)
    than[:, 1] = first[:, 1]
    found = estimate(first[None], "x", eer, than[None])
    rng = generator("bootstrap", "x")
    weights = rng.multinomial(60, np.full(60, 1 / 60), 9999) / 60
    every = eer(weights, first) - eer(weights, than)
    assert found[1:] == pytest.approx(tuple(np.percentile(every, [2.5, 97.5])), rel=1e-12)
    assert found[0] == pytest.approx(value_of(first[None], eer) - value_of(than[None], eer))
    assert estimate(first[None], "x", eer, first[None]) == (0, 0, 0)


@pytest.mark.parametrize("kind", ["mean", "ratio"])
def test_one_seed_stands_for_all_of_the_other_side(kind):
    values = np.stack([columns_of(kind, 30, seed) for seed in (0, 1, 2)])
    values, one = (values[..., 0], values[:1, :, 0]) if kind == "mean" else (values, values[:1])
    aggregate = {"mean": mean, "ratio": ratio}[kind]
    found = estimate(values, "x", aggregate, one)
    assert found == pytest.approx(estimate(values, "x", aggregate, np.repeat(one, 3, 0)), rel=1e-9)


def test_resamplings_without_a_value_are_left_out_and_nothing_has_none():
    trials = np.array([[0.9, 1.0], [0.2, 0.0], [0.1, 0.0]])[None]  # a third have no trial that is the same
    assert interval(trials, "x", eer) == (0, 0)
    assert (
        np.isnan(interval(trials[:, 1:], "x", eer)).all()
        and np.isnan(interval(trials[:, :1], "x", eer)).all()
    )
    assert np.isnan(value_of(trials[:, :0], eer)) and np.isnan(value_of(np.zeros((1, 0))))


def test_an_interval_of_speakers_is_that_of_trials_drawn_with_theirs():
    """Against a plain loop over resamplings of speakers; wider than that of trials, which share them."""
    rng = np.random.default_rng(3)
    speakers = np.stack([rng.integers(0, 8, 60), rng.integers(0, 8, 60)], 1)
    speakers[::2, 1] = speakers[::2, 0]
    own = rng.normal(0, 1, 8)
    values = (own[speakers].mean(1) + rng.normal(0, 0.1, 60))[None]
    found = interval(values, "a cell", speakers=speakers.astype(str))
    draw = generator("bootstrap", "a cell")
    draw.multinomial(1, [1.0], 9999)  # of the one seed
    names = np.unique(speakers)
    means = []
    for times in draw.multinomial(len(names), np.full(len(names), 1 / len(names)), 9999):
        weights = [times[a] if a == b else times[a] * times[b] for a, b in np.searchsorted(names, speakers)]
        means += [np.average(values[0], weights=weights)] if sum(weights) else []
    assert found == pytest.approx(np.percentile(means, [2.5, 97.5]))
    low, high = interval(values, "a cell")
    assert found[1] - found[0] > 1.5 * (high - low)
