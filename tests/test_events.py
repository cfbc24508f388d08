"""Events of recordings: parsed, merged, as frames; and refused, by the recording's name."""

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from corpora_on_disk import RATE, put, write
from sepflow.corpora import build
from sepflow.corpora.digest import folder_digest
from sepflow.corpora.events import Event, Labels, fit, merge, parse, to_frames, to_weak
from sepflow.corpora.layouts import corpus_digest
from sepflow.corpora.layouts.events import event
from sepflow.corpora.packed import read_manifest
from sepflow.errors import SepflowError
from sepflow.results import MANIFEST

CLASSES = ("Cat", "Dog", "Running_water")
HEADER = "filename\tonset\toffset\tevent_label"

milliseconds = st.integers(0, 9999)
spans = st.tuples(milliseconds, st.integers(1, 4000)).map(lambda x: (x[0] / 1000, (x[0] + x[1]) / 1000))
several = st.lists(
    st.builds(lambda label, span: Event(label, *span), st.sampled_from(CLASSES), spans), max_size=12
)


def written(events):
    return ";".join(event(label, str(onset), str(offset)) for label, onset, offset in dict.fromkeys(events))


def sounds(events, label, times):
    """Whether a class sounds at each of some times."""
    return [any(x.label == label and x.onset <= time < x.offset for x in events) for time in times]


def test_labels_of_each_kind():
    assert parse("", "none", "u") == Labels(None, None)
    assert parse("Dog;Cat", "weak", "u") == Labels(("Cat", "Dog"), None)
    assert parse("", "weak", "u") == Labels((), None)
    assert parse("", "strong", "u") == Labels((), ())
    found = parse("Dog:1-2.5;Cat:0.0-0.5;Dog:2-3;Dog:3-4", "strong", "u")
    assert found.classes == ("Cat", "Dog")
    assert found.events == (("Cat", 0.0, 0.5), ("Dog", 1.0, 3.0), ("Dog", 3.0, 4.0))


@given(several)
def test_what_is_written_is_parsed(events):
    found = parse(written(events), "strong", "u")
    assert list(found.events) == merge(set(events))
    assert found.classes == tuple(sorted({x.label for x in events}))


@pytest.mark.parametrize("onset", ["1e-05", "0", "-0.0", "+.5", "1.", "1E-3"])
@pytest.mark.parametrize("offset", ["2e-00", "+3", "2.50"])
@pytest.mark.parametrize("label", ["a-b", "1-2", "/m/09x0r", "Ein Hund, 3-4"])
def test_numbers_and_names_with_a_dash(onset, offset, label):
    assert parse(event(label, onset, offset), "strong", "u").events == ((label, float(onset), float(offset)),)


@given(several)
def test_merged_events_sound_when_the_others_do_and_never_overlap(events):
    merged = merge(events)
    assert merge(merged) == merged and merge(reversed(events)) == merged
    for label in CLASSES:
        times = sorted({time for x in events for time in (x.onset, x.offset)})
        times += [(a + b) / 2 for a, b in zip(times, times[1:], strict=False)]
        assert sounds(events, label, times) == sounds(merged, label, times)
        own = [x for x in merged if x.label == label]
        assert all(a.offset <= b.onset for a, b in zip(own, own[1:], strict=False))
    assert [x.onset for x in merged] == sorted(x.onset for x in merged)


@given(
    several, st.integers(1, 200), st.sampled_from([(255 * 4, 16000), (160, 8000), (1, 8000), (8000, 8000)])
)
def test_frames_are_those_from_the_onsets_to_before_the_offsets(events, frames, grid):
    hop, rate = grid
    out = to_frames(events, CLASSES, frames, hop, rate)
    assert out.shape == (frames, len(CLASSES)) and out.dtype == np.float32
    expected = np.zeros_like(out)
    for label, onset, offset in events:  # in whole milliseconds: no number is rounded
        begin, end = (round(time * 1000) * rate // (1000 * hop) for time in (onset, offset))
        for frame in range(begin, min(end, frames)):
            expected[frame, CLASSES.index(label)] = 1
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(out, to_frames(merge(events), CLASSES, frames, hop, rate))


def test_frames_of_the_baseline():
    """floor(floor(16000 t / 255) / 4), the offset's frame excluded, 157 frames of 10 s."""
    events = [Event("Dog", 0.51, 10.0), Event("Cat", 0.064, 0.12)]
    out = to_frames(events, CLASSES, 157, 255 * 4, 16000)
    assert np.flatnonzero(out[:, 1]).tolist() == list(range(8, 156))
    assert not out[:, 0].any()  # within one frame


@given(st.sets(st.sampled_from(CLASSES)))
def test_weak_labels(present):
    out = to_weak(present, CLASSES)
    assert out.dtype == np.float32 and out.tolist() == [float(label in present) for label in CLASSES]


def test_a_class_that_is_not_asked_for_is_said():
    with pytest.raises(SepflowError, match="u7: there is no class 'Dgo'; did you mean 'Dog'?"):
        to_frames([Event("Dgo", 0, 1)], CLASSES, 9, 100, 1000, "u7")
    with pytest.raises(
        SepflowError, match="u7: there is no class 'Frying'; there are: Cat, Dog, Running_water"
    ):
        to_weak(["Frying"], CLASSES, "u7")


BROKEN = [
    ("Dog:0-1", "storng", "labelled is 'storng', none of strong, weak, none"),
    ("Dog", "none", "'Dog', where none are said to be"),
    ("Dog;Dog", "weak", "'Dog' stands there twice"),
    ("Dog;", "weak", "'' is no class"),
    ("Dog:0-1", "weak", "cannot be the name of a class"),
    ("Dog", "strong", "'Dog' is no class with its onset and offset"),
    ("Dog:0-1;", "strong", "'' is no class with its onset"),
    ("Dog:x-1", "strong", "'Dog:x-1' is no class with"),
    ("Dog:1e400-1e401", "strong", "is not finite"),
    ("Dog:0_1-1_0", "strong", "is no class with"),
    ("Dog:-1-2", "strong", "before the recording does"),
    ("Dog:2-1", "strong", "before it begins"),
    ("Dog:1-1.0", "strong", "it has no length"),
    ("nan:1-2", "strong", "'nan' is no class"),
    ("Dog:0-1;Cat:2-3;Dog:0-1", "strong", "'Dog:0-1' stands there twice"),
]


@pytest.mark.parametrize(("labels", "labelled", "reason"), BROKEN)
def test_labels_that_cannot_be_are_refused_with_the_name(labels, labelled, reason):
    with pytest.raises(SepflowError, match=f"u7: labels: .*{reason}"):
        parse(labels, labelled, "u7")
    with pytest.raises(ValueError, match=reason):
        fit(labels, labelled, 80000, 8000)


@given(several, st.integers(1, 120000), st.sampled_from([8000, 16000, 44100]))
def test_events_end_with_their_recording(events, samples, rate):
    text, seconds = written(events), samples / rate
    if any(x.onset >= seconds for x in events):
        with pytest.raises(ValueError, match="begins after its end, at "):
            fit(text, "strong", samples, rate)
        return
    if any(x.onset > seconds - 1e-5 for x in events):
        return  # of which a microsecond may be left, or none
    fitted = fit(text, "strong", samples, rate)
    if all(x.offset <= seconds - 1e-5 for x in events):
        assert fitted == text
    ends = {(x.label, x.onset, min(x.offset, seconds)) for x in events}
    found = parse(fitted, "strong", "u").events
    expected = merge(Event(*x) for x in ends)
    assert [x[:2] for x in found] == [x[:2] for x in expected]
    np.testing.assert_allclose([x.offset for x in found], [x.offset for x in expected], atol=2e-6)
    assert all(x.offset <= seconds for x in found)
    assert fit(fitted, "strong", samples, rate) == fitted


def test_events_that_are_cut_alike_are_one():
    assert fit("Dog:1-11;Cat:0-1;Dog:1-12", "strong", 80000, 8000) == "Dog:1-10;Cat:0-1"


@pytest.fixture
def desed(tmp_path):
    """Three recordings of 10 s, one of them cut short at 6.2 s."""
    root = tmp_path / "desed"
    for name, seconds in {"Yabcdefghijk_0.000_10.000": 10, "Ybbcdefghijk_0.000_10.000": 6.2}.items():
        put(root, f"audio/validation/{name}.wav", seconds=seconds)
    put(root, "audio/train/weak/Ycbcdefghijk_0.000_10.000.wav", seconds=9.98)
    tables(root)
    return root


def tables(root, strong=(), weak="Cat"):
    rows = strong or ["Ybbcdefghijk_0.000_10.000.wav\t0.25\t6.000\tDog"]
    write(root, "metadata/validation.tsv", HEADER, "Yabcdefghijk_0.000_10.000.wav\t0.5\t10.000\tCat", *rows)
    write(root, "metadata/train/weak.tsv", "filename\tevent_labels", f"Ycbcdefghijk_0.000_10.000.wav\t{weak}")


def made(root, **keys):
    recipe = {"kind": "folder", "rate": RATE, "min_seconds": 0.0} | keys
    recipe["digest"] = corpus_digest(recipe, root) if "layout" in keys else folder_digest(root)
    build(recipe, root.parent / "out", root, 1)
    return read_manifest(root.parent / "out")


def test_a_manifest_of_events(desed):
    rows = made(desed, layout="desed").set_index("speaker")[["labelled", "labels"]]
    assert rows.T.to_dict("list") == {
        "abcdefghijk": ["strong", "Cat:0.5-10.000"],
        "bbcdefghijk": ["strong", "Dog:0.25-6.000"],
        "cbcdefghijk": ["weak", "Cat"],
    }


LATE = "Ybbcdefghijk_0.000_10.000.wav\t{}\tDog"
FAULTS = {  # what a table says of an event, and what becomes of it: a line of the manifest, or a refusal
    "5.0\t10.000": "Dog:5.0-6.2",  # as DESED says of clips that end early
    "6.0\t6.2": "Dog:6.0-6.2",
    "6.2\t10.0": SepflowError("labels: the event 'Dog:6.2-10.0' begins after its end, at 6.2 s"),
    "8.0\t9.0": SepflowError("labels: the event 'Dog:8.0-9.0' begins after its end, at 6.2 s"),
    "1.0\t1.0": SepflowError("metadata/validation.tsv line 3: it has no length"),
    "1.0\t2.0\tDog\nYbbcdefghijk_0.000_10.000.wav\t1.0\t2.0": SepflowError(
        "line 4: 'Dog:1.0-2.0' stands there twice"
    ),
    "1.0\t2.0\tDog\nYbbcdefghijk_0.000_10.000.wav\t1.5\t3.0": "Dog:1.0-2.0;Dog:1.5-3.0",  # one, when read
}


@pytest.mark.parametrize("times", FAULTS)
def test_an_event_beyond_its_recording_of_no_length_or_twice(desed, times):
    tables(desed, [LATE.format(times)])
    expected = FAULTS[times]
    if isinstance(expected, str):
        assert expected in set(made(desed, layout="desed")["labels"])
        return
    with pytest.raises(SepflowError, match=str(expected)):
        made(desed, layout="desed")
    assert not (desed.parent / "out" / MANIFEST).exists()


def test_a_class_twice_in_a_weak_label(desed):
    tables(desed, weak="Cat,Dog,Cat")
    with pytest.raises(SepflowError, match="weak.tsv line 2: 'Cat' stands there twice"):
        made(desed, layout="desed")


def test_anybodys_folder_has_events_in_the_same_columns(tmp_path):
    root = tmp_path / "own"
    for name in "abcd":
        (root / name).mkdir(parents=True)
        soundfile.write(root / f"{name}/x.wav", np.random.default_rng(0).uniform(-0.1, 0.1, RATE), RATE)
    rows = [
        "a/x.wav,a,strong,Dog:0.5-3",
        "b/x.wav,a,weak,Dog;Cat",
        "c/x.wav,a,none,",
        "d/x.wav,a,by hand,Dog;Dog",
    ]
    write(root, "metadata.csv", "path,speaker,labelled,labels", *rows)
    assert made(root, splits={"validation": 0.0, "test": 0.0})["labels"].tolist() == [
        "Dog:0.5-1",
        "Dog;Cat",
        "",
        "Dog;Dog",
    ]
    write(
        root,
        "metadata.csv",
        "path,speaker,labelled,labels",
        rows[0].replace("0.5-3", "2-3"),
        rows[1] + ";Cat",
    )
    with pytest.raises(SepflowError) as error:
        made(root, splits={"validation": 0.0, "test": 0.0})
    assert "metadata.csv line 2: a/x.wav: labels: the event 'Dog:2-3' begins after its end, at 1 s" in str(
        error.value
    )
    assert "metadata.csv line 3: b/x.wav: labels: 'Cat' stands there twice" in str(error.value)
