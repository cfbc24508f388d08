"""LibriMix's mixtures are drawn as officially, one draw after the other, whatever the tables."""

import itertools
import logging
import random
import time

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from librimix_definition import as_rows, defined, noise_pass, utterance_pass, without_duplicates
from sepflow.simulation.librimix import pairs as librimix_pairs
from sepflow.simulation.librimix.levels import draw_loudness

TARGET = 40


def ours(speakers, lengths, noises, count, train, rng):
    tables = librimix_pairs.Tables(speakers, lengths, *zip(*noises, strict=True), count)
    return librimix_pairs.draw(tables, train, rng)


@st.composite
def drawable(draw, train):
    count = draw(st.integers(1, 3))
    least = draw(st.sampled_from([1, 30]))
    utterances = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=least, max_size=60))
    # Few enough to run short of, or of those long enough; sorted as officially, or not.
    noises = draw(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=90))
    if train:
        noises += [(9, True)] * max(0, len(utterances) // count - len(noises))
    noises = sorted(noises) if draw(st.booleans()) else noises
    return [speaker for speaker, _ in utterances], [length for _, length in utterances], noises, count


@settings(deadline=None, max_examples=300)
@given(drawable(train=True), st.integers(0, 99))
def test_a_train_split_is_drawn_as_defined(tables, seed):
    random.seed(seed)
    wanted = as_rows(*defined(*tables, True, TARGET))
    rng = random.Random(seed)
    assert ours(*tables, True, rng) == wanted
    assert rng.getstate() == random.getstate()


def test_other_splits_are_drawn_as_defined(monkeypatch):
    monkeypatch.setattr(librimix_pairs, "TARGET", TARGET)
    ended = []

    @settings(deadline=None, max_examples=150, database=None)
    @given(drawable(train=False), st.integers(0, 99))
    @example(([s % 6 for s in range(24)], [5] * 24, [(9, False)] * 80, 2), 0)
    @example(([s % 9 for s in range(45)], [5] * 45, [(9, False)] * 80, 1), 0)
    @example(([s % 5 for s in range(30)], [5, 6] * 15, [(5, False), (6, False)] * 30, 3), 0)
    def check(tables, seed):
        random.seed(seed)
        wanted = defined(*tables, False, TARGET, passes=40)
        rng = random.Random(seed)
        found = ours(*tables, False, rng)
        possible = librimix_pairs.Tables(*tables[:2], [1], [False], tables[3]).possible()
        if wanted is not None and possible >= TARGET:
            ended.append(tables[3])
            assert found == as_rows(*wanted)
            assert rng.getstate() == random.getstate()
        assert len(found) <= TARGET

    check()
    assert {1, 2, 3} <= set(ended)


def test_noises_drawn_pass_by_pass_stay_at_their_place(monkeypatch):
    """The bug that all published tables have: only mixtures of the first pass have noises drawn for them."""
    monkeypatch.setattr(librimix_pairs, "TARGET", 60)
    noises = [(length, False) for length in range(50, 150)]
    rows = ours([s % 20 for s in range(40)], [50] * 40, noises, 2, False, random.Random(72))
    assert len(rows) == 60
    used = [noise for _, noise in rows]
    assert len({*used}) < 60


@settings(deadline=None, max_examples=400)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=25), st.data())
def test_duplicates_are_removed_as_defined(pairs, data):
    noises = data.draw(st.lists(st.integers(0, 9), min_size=len(pairs), max_size=len(pairs) + 9))
    wanted_pairs, wanted = [list(pair) for pair in pairs], [[noise] for noise in noises]
    without_duplicates(wanted_pairs, wanted)
    librimix_pairs.remove_duplicates(pairs, noises)
    assert (pairs, noises) == ([tuple(x) for x in wanted_pairs], [x[0] for x in wanted])


def test_one_speaker_and_too_few_utterances_ends_with_each_once(caplog):
    noises = [(20, False)] * 1200
    with caplog.at_level(logging.WARNING):
        rows = ours([s % 7 for s in range(500)], [9] * 500, noises, 1, False, random.Random(72))
    assert sorted(pair for pair, _ in rows) == [(row,) for row in range(500)]
    assert len({noise for _, noise in rows}) == 500
    assert "500 mixtures, not 3000" in caplog.text


@settings(deadline=None, max_examples=100)
@given(drawable(train=True), st.integers(0, 99), st.integers(1, 12))
def test_noises_taken_again_are_as_defined_until_all_are_taken(tables, seed, count):
    speakers, lengths, noises, speakers_each = tables
    noises = noises[:count]
    rng = random.Random(seed)
    given_ = librimix_pairs.Tables(speakers, lengths, *zip(*noises, strict=True), speakers_each, again=True)
    rows = librimix_pairs.draw(given_, True, rng)
    random.seed(seed)
    pairs = utterance_pass(speakers, [], speakers_each)
    assert [pair for pair, _ in rows] == [tuple(pair) for pair in pairs]
    recorded = sum(not augmented for _, augmented in noises)
    all_of_them = [n for n, (_, augmented) in enumerate(noises) if len(pairs) > recorded or not augmented]
    rounds = [rows[i : i + len(all_of_them)] for i in range(0, len(rows), max(1, len(all_of_them)))]
    for number, part in enumerate(rounds):
        taken = [noise for _, noise in part]
        assert len(set(taken)) == len(taken)
        assert number == len(rounds) - 1 or sorted(taken) == all_of_them
    first = noise_pass(pairs[: len(all_of_them)], [], lengths, noises, True)
    assert len(rounds) > 1 or as_rows(pairs, first) == rows


def test_where_no_noise_is_long_enough_there_are_no_mixtures_and_an_end():
    assert ours([1, 2] * 200, [9] * 400, [(8, False)] * 50, 2, False, random.Random(72)) == []
    assert ours([1, 1, 1], [9] * 3, [(9, False)] * 50, 2, False, random.Random(72)) == []


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), max_size=12), st.integers(1, 3))
def test_how_many_sets_of_different_speakers_there_are(speakers, count):
    sets = itertools.combinations(speakers, count)
    wanted = sum(len(set(chosen)) == count for chosen in sets)
    assert librimix_pairs.Tables(speakers, [], [], [], count).possible() == wanted


def test_fifty_thousand_mixtures_are_planned_in_seconds():
    rng = np.random.default_rng(0)
    lengths = np.sort(rng.integers(48000, 270000, 101600)).tolist()
    noises = [(int(x), k % 3 > 0) for k, x in enumerate(np.sort(rng.integers(48000, 400000, 60000)))]
    begun = time.monotonic()
    rows = ours(rng.integers(0, 921, 101600).tolist(), lengths, noises, 2, True, random.Random(72))
    assert len(rows) > 50000 and time.monotonic() - begun < 30


def test_a_mixture_takes_two_draws_more_than_it_has_sources():
    random.seed(5)
    wanted = [random.uniform(-33, -25) for _ in range(2)]
    random.uniform(-33, -25)
    wanted.append(random.uniform(-38, -30))
    rng = random.Random(5)
    assert draw_loudness(2, rng) == wanted
    assert rng.getstate() == random.getstate()
