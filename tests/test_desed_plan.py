"""Decisions of soundscapes after DESED, held against their rules; labels made from them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sepflow.simulation.desed.plan import Bank, Recipe, Source, decide, labels
from sepflow.simulation.desed.responses import Names
from sepflow.simulation.desed.soundbank import Sound


def sounds(*kinds):
    edges = {"": (True, True), "nOff": (True, False), "nOn": (False, True), "nOn_nOff": (False, False)}
    return [
        Sound(f"{label}/{n}.wav", label, *edges[kind], start, start + length)
        for n, (label, kind, start, length) in enumerate(kinds)
    ]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        st.sampled_from(["", "nOff", "nOn", "nOn_nOff"]),
        st.integers(0, 300),
        st.integers(250, 40_000),
    ),
    min_size=5,
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(EVENTS, st.text("abc", min_size=1), st.integers(500, 12_000), st.floats(-50, 0), st.floats(-10, 20))
def test_every_soundscape_keeps_the_rules(kinds, split, total, low, over):
    events = sounds(*kinds)
    by_path = {event.path: event for event in events}
    backgrounds = [Sound("b.wav", "background", False, False, 0, 15_000)]
    recipe = Recipe(total, (1, 5), (low, low + 35), over)
    names = Names(tuple("defghijk"), tuple("defghijk"))
    for background, *chosen in decide(recipe, split, 20, Bank(events, backgrounds, names)):
        assert 1 <= len(chosen) <= 5 and len({row.file for row in chosen}) == len(chosen)
        quietest = min(row.level_db for row in chosen)
        assert all(low - 1e-3 <= row.level_db <= low + 35 + 1e-3 for row in chosen)
        assert background.level_db <= min(quietest + over, low + 35) + 1e-3
        assert (background.onset, background.offset) == (0, total)
        assert 0 <= background.file_onset <= max(15_000 - total, 0)
        assert len({row.response for row in [background, *chosen]}) == 1 + len(chosen)
        for row in chosen:
            event = by_path[row.file]
            length = row.offset - row.onset
            assert row.onset >= 0 and row.offset <= total and length >= 250
            assert event.start <= row.file_onset and row.file_onset + length <= event.end
            fits = event.length <= total
            starts, stops = row.file_onset == event.start, row.file_onset + length == event.end
            if event.onset_inside and (fits or not event.offset_inside):
                assert starts
            if event.offset_inside and (fits or not event.onset_inside):
                assert stops or row.offset == total
            if not event.onset_inside:
                assert row.onset == 0
            if not event.offset_inside and not (not event.onset_inside and fits):
                assert row.offset == total
            assert starts or row.onset == 0
            assert stops or row.offset == total


def test_draws_fill_their_ranges_and_classes_are_as_likely_as_each_other():
    events = sounds(*[("A", "", 0, 400)] * 40, *[("B", "", 0, 400)] * 6)
    bank = Bank(events, [Sound("b.wav", "background", False, False, 0, 20_000)], Names())
    plan = decide(Recipe(), "x", 3000, bank)
    counts = np.bincount([len(rows) - 1 for rows in plan])
    assert counts[1:].min() > 520 and len(counts) == 6  # 600 each, three standard deviations are 66
    single = [rows[1] for rows in plan if len(rows) == 2]
    share = np.mean([row.event_label == "A" for row in single])
    assert abs(share - 0.5) < 0.065
    levels = np.array([row.level_db for rows in plan for row in rows[1:]])
    assert np.histogram(levels, 10, (-35, 0))[0].min() > 0.85 * len(levels) / 10
    onsets = np.array([row.onset for rows in plan for row in rows[1:]])
    assert np.histogram(onsets, 10, (0, 9750))[0].min() > 0.85 * len(onsets) / 10
    over = np.array([rows[0].level_db - min(row.level_db for row in rows[1:]) for rows in plan])
    assert 4.5 < over.max() <= 5.001


def test_of_a_long_event_its_beginning_its_end_or_its_middle_is_taken():
    events = sounds(*[("A", "", 100, 40_000)] * 5)
    bank = Bank(events, [Sound("b.wav", "background", False, False, 0, 20_000)], Names())
    rows = [row for rows in decide(Recipe(), "x", 600, bank) for row in rows[1:]]
    begun = np.array([row.file_onset == 100 for row in rows])
    ended = np.array([row.file_onset + row.offset - row.onset == 40_100 for row in rows])
    shares = [begun.mean(), ended.mean(), (~begun & ~ended).mean()]
    np.testing.assert_allclose(shares, [0.375, 0.375, 0.25], atol=0.04)


def spans(*rows):
    return labels([Source("s", label, "f", onset, offset, 0, 0.0, "") for onset, offset, label in rows])


def test_labels_of_a_class_merge_as_dcase_merges_them():
    assert spans((0, 500, "A"), (400, 900, "A"), (450, 800, "B")) == [(0, 900, "A"), (450, 800, "B")]
    assert spans((0, 900, "A"), (100, 400, "A")) == [(0, 900, "A")]
    assert spans((0, 500, "A"), (649, 900, "A")) == [(0, 900, "A")]
    assert spans((0, 500, "A"), (650, 900, "A")) == [(0, 500, "A"), (650, 900, "A")]
    assert spans((100, 200, "A"), (0, 10_000, "background")) == [(100, 350, "A")]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9750), st.integers(50, 10_000), st.sampled_from("AB")), min_size=1))
def test_no_two_labels_of_a_class_overlap_and_every_event_is_labelled(drawn):
    rows = [(onset, min(onset + length, 10_000), label) for onset, length, label in drawn]
    found = spans(*rows)
    for label in "AB":
        own = [(onset, offset) for onset, offset, name in found if name == label]
        assert all(b[0] - a[1] >= 150 for a, b in zip(own, own[1:], strict=False))
        assert all(offset - onset >= 250 and offset <= 10_000 for onset, offset in own)
        for onset, offset, name in rows:
            assert name != label or any(a <= onset and offset <= b for a, b in own)
