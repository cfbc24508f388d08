"""Shares of a corpus's speakers: apart, all of them, and each speaker's place its own."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sepflow.corpora.folder import split_speakers
from sepflow.corpora.splits import place
from sepflow.errors import SepflowError
from sepflow.mixes.speakers.mixtures import draw, eligible
from sepflow.planning import plan

RECIPE = {
    "kind": "speakers",
    "corpus": {"rate": 8000},
    "split": "train",
    "mixtures": 60,
    "speakers": 2,
    "level_difference": [-5.0, 5.0],
    "length": "min",
    "min_seconds": 0.0,
}


def manifest(speakers: list[str], split: dict[str, str] | None = None) -> pd.DataFrame:
    """Two utterances a speaker."""
    rows = [
        {"id": f"{name}/{n}", "speaker": name, "sex": "", "samples": 9000, "level_db": -25.0,
         "split": split[name] if split else "train"}
        for name in speakers for n in range(2)
    ]  # fmt: skip
    return pd.DataFrame(rows).set_index("id")


def heard(table: pd.DataFrame, low: float, high: float) -> set[str]:
    return set(eligible(table, RECIPE | {"among": [low, high]})["speaker"])


NAMES = st.lists(st.text("abc019-_", min_size=1), min_size=1, max_size=30, unique=True)
CUTS = st.lists(st.floats(0, 1), max_size=4).map(sorted)


@settings(deadline=None, max_examples=60)
@given(NAMES, CUTS)
def test_shares_are_apart_and_cover_all(names, cuts):
    table, edges = manifest(names), [0.0, *cuts, 1.0]
    shares = [heard(table, *pair) for pair in zip(edges, edges[1:], strict=False)]
    assert sum(map(len, shares)) == len(names)
    assert set.union(*shares) == set(names) == set(eligible(table, RECIPE)["speaker"])


@settings(deadline=None, max_examples=40)
@given(NAMES, NAMES, st.floats(0, 1), st.floats(0, 1))
def test_a_speakers_share_does_not_depend_on_the_others(names, others, low, high):
    small, large = manifest(names), manifest(sorted({*names, *others}))
    assert heard(small, low, high) == heard(large, low, high) & set(names)


def test_shares_are_about_as_large_as_they_say_in_every_split():
    """The splits are dealt by the names' hashes too: a share must not go with them."""
    names = [f"speaker-{number}" for number in range(2000)]
    table = manifest(names, split_speakers(names, {"validation": 0.2, "test": 0.3}))
    for split, count in (("train", 1000), ("validation", 400), ("test", 600)):
        for low, high in ((0.0, 0.3), (0.3, 0.6), (0.6, 1.0)):
            rows = eligible(table, RECIPE | {"split": split, "among": [low, high]})
            share = high - low
            assert abs(rows["speaker"].nunique() - share * count) < 4 * np.sqrt(count * share * (1 - share))


def test_places_are_spread_over_all():
    places = np.array([place(f"{number}") for number in range(4000)])
    assert places.min() >= 0 and places.max() < 1
    assert np.abs(np.histogram(places, 10, (0, 1))[0] - 400).max() < 4 * 19


def test_a_mix_draws_from_its_share_alone():
    table = manifest([f"s{number}" for number in range(40)])
    drawn = {}
    for share in ((0.0, 0.3), (0.3, 0.6), (0.6, 1.0)):
        mix = draw(RECIPE | {"among": list(share)}, table)
        drawn[share] = set(mix[["speaker_1", "speaker_2"]].to_numpy().ravel())
        assert drawn[share] == heard(table, *share)
    assert sum(map(len, drawn.values())) == len(set.union(*drawn.values())) == 40
    with pytest.raises(SepflowError, match="0 speakers with utterances long enough"):
        draw(RECIPE | {"among": [0.5, 0.5]}, table)


def test_of_published_lists_no_share_is_taken(checkout):
    checkout.edit(
        "config/papers/ssl_pretraining.yaml",
        "wsj_test: {<<: *mix,",
        "wsj_test: {<<: *mix, among: [0.0, 0.5],",
    )
    with pytest.raises(
        SepflowError, match="wsj_test.among: .* is a list of mixtures, which says its speakers"
    ):
        plan.load({"scale": "paper", "papers": ["ssl_pretraining"]}, checkout.root)
