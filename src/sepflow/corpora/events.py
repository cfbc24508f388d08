"""Sound events of recordings, from a manifest's columns `labels` and `labelled` to arrays.

`labelled` says what `labels` are: of a recording with `strong` labels "Dog:0.5-1.25;Cat:3.0-4.0" (class,
onset and offset in seconds), with `weak` ones "Dog;Cat" (classes, whenever they sound); of others `none` are
known.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sepflow.corpora.layouts.events import add, event, named
from sepflow.errors import SepflowError, unknown_name

STRONG, WEAK, NONE = LABELLED = ("strong", "weak", "none")
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_EVENT = re.compile(rf"(?P<label>[^:;]+):(?P<onset>{_NUMBER})-(?P<offset>{_NUMBER})", re.ASCII)


class Event(NamedTuple):
    """A class that sounds from `onset` to `offset`, in seconds from the recording's beginning."""

    label: str
    onset: float
    offset: float


@dataclass(frozen=True)
class Labels:
    """What is known of a recording: its `classes` (None: nothing), and when they sound (None: that not)."""

    classes: tuple[str, ...] | None = None
    events: tuple[Event, ...] | None = None


def parse(labels: str, labelled: str, name: str) -> Labels:
    """The labels of the recording `name`: classes in the order of their names, events as of `merge`.

    Raises SepflowError, with the name, for what is not written as this module says, or stands there twice.
    """
    try:
        parts = _parts(labels, labelled)
        events = tuple(merge(map(_event, parts))) if labelled == STRONG else None
    except ValueError as reason:
        raise SepflowError(
            f"{name}: labels: {reason}. Build the corpus again, from its own tables."
        ) from None
    if labelled == NONE:
        return Labels()
    return Labels(tuple(sorted({one.label for one in events} if events is not None else parts)), events)


def fit(labels: str, labelled: str, samples: int, rate: int) -> str:
    """`labels` of a recording of so many `samples` at `rate` Hz: its events end where it does, at the latest.

    Labels say when a clip was to end; its recording is often some samples, or more, shorter. Raises
    ValueError, with the reason alone, for an event that begins where the recording has ended, and for what
    `parse` refuses.
    """
    parts = _parts(labels, labelled)
    end = _seconds(samples, rate)
    for place, one in enumerate(map(_event, parts) if labelled == STRONG else ()):
        if one.onset >= float(end):
            raise ValueError(f"the event {parts[place]!r} begins after its end, at {end} s")
        if one.offset > float(end):
            match = _EVENT.fullmatch(parts[place])
            parts[place] = f"{match['label']}:{match['onset']}-{end}"
    return ";".join(dict.fromkeys(parts))


def _seconds(samples: int, rate: int) -> str:
    """A length to a microsecond, rounded down, as text."""
    microseconds = samples * 10**6 // rate
    return f"{microseconds // 10**6}.{microseconds % 10**6:06d}".rstrip("0").rstrip(".")


def _parts(labels: str, labelled: str) -> list[str]:
    """The single labels of a cell, each checked. Raises ValueError."""
    if labelled not in LABELLED:
        raise ValueError(f"labelled is {labelled!r}, none of {', '.join(LABELLED)}")
    if labelled == NONE and labels:
        raise ValueError(f"{labels[:40]!r}, where none are said to be")
    parts: list[str] = []
    for part in labels.split(";") if labels else ():
        (_event if labelled == STRONG else named)(part)
        add(parts, part)
    return parts


def _event(text: str) -> Event:
    """The event that `text` tells of. Raises ValueError."""
    match = _EVENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no class with its onset and offset in seconds, class:onset-offset")
    event(**match.groupdict())
    return Event(named(match["label"]), float(match["onset"]), float(match["offset"]))


def merge(events: Iterable[Event]) -> list[Event]:
    """The events by onset, with those of one class that overlap as one.

    Published tables have such overlaps (DESED's validation has twelve), and psds_eval refuses them. Events of
    one class that only touch stay two.
    """
    merged: list[Event] = []
    last: dict[str, int] = {}
    for one in sorted(events, key=lambda one: (one.onset, one.label, one.offset)):
        place = last.get(one.label)
        if place is not None and one.onset < merged[place].offset:
            merged[place] = merged[place]._replace(offset=max(merged[place].offset, one.offset))
        else:
            last[one.label] = len(merged)
            merged.append(one)
    return merged


def to_frames(
    events: Iterable[Event], classes: Sequence[str], frames: int, hop: int, rate: int, name: str = "events"
) -> np.ndarray:
    """1 where a class sounds, else 0: [K, classes] float32, K `frames` of `hop` samples at `rate` Hz.

    An event covers the frames from the one in which it begins up to, and without, the one in which it ends,
    as in the baseline of DCASE 2020 Task 4: what begins and ends in one frame covers none. What lies behind
    the last frame is left out. Raises SepflowError, with the `name` of the recording, for a class that is
    none of `classes`.
    """
    out = np.zeros((frames, len(classes)), np.float32)
    for one in events:
        begin, end = (int(time * rate // hop) for time in (one.onset, one.offset))
        out[begin:end, _index(one.label, classes, name)] = 1
    return out


def to_weak(present: Iterable[str], classes: Sequence[str], name: str = "labels") -> np.ndarray:
    """1 for each class that is `present`, else 0: [classes] float32. Raises SepflowError as `to_frames`."""
    out = np.zeros(len(classes), np.float32)
    out[[_index(label, classes, name) for label in present]] = 1
    return out


def _index(label: str, classes: Sequence[str], name: str) -> int:
    try:
        return list(classes).index(label)
    except ValueError:
        raise SepflowError(f"{name}: {unknown_name('class', label, list(classes))}") from None
