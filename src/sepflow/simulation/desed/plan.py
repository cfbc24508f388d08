"""Decide soundscapes: which sounds, when, how loud, through which response. No audio is touched.

A soundscape's draws come from its own name, so that the first hundred of a thousand are those of a hundred.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sepflow.errors import SepflowError
from sepflow.seeding import generator
from sepflow.simulation.desed import BACKGROUND, LEAST, seconds
from sepflow.simulation.desed.responses import Names
from sepflow.simulation.desed.soundbank import Sound

PAUSE = 150  # ms between two labels of a class: what is closer becomes one label; DESED's

COLUMNS = ("soundscape", "event_label", "file", "onset", "offset", "file_onset", "level_db", "response")


@dataclass(frozen=True)
class Recipe:
    """What is drawn: how many events of a soundscape of `total` ms, and levels in dB re full scale."""

    total: int = 10_000
    events: tuple[int, int] = (1, 5)
    levels: tuple[float, float] = (-35.0, 0.0)
    background_over: float = 5.0  # dB over the quietest event: the most that a background's level may be


@dataclass(frozen=True)
class Source:
    """A row of the plan: `onset` to `offset` of a soundscape holds its file from `file_onset` on (all ms).

    `level_db` is that of its active part, after the response named `response` ("" is none).
    """

    soundscape: str
    event_label: str
    file: str
    onset: int
    offset: int
    file_onset: int
    level_db: float
    response: str

    def cells(self) -> list[str]:
        """The row in the order of COLUMNS."""
        times = [seconds(time) for time in (self.onset, self.offset, self.file_onset)]
        return [self.soundscape, self.event_label, self.file, *times, f"{self.level_db:.3f}", self.response]


@dataclass(frozen=True)
class Bank:
    """The sounds to draw from, and the names of the responses."""

    events: Sequence[Sound]
    backgrounds: Sequence[Sound]
    responses: Names


def decide(recipe: Recipe, split: str, number: int, bank: Bank) -> list[list[Source]]:
    """The sources of `number` soundscapes, each its background, then its events by their onset.

    Raises SepflowError where there are fewer events than a soundscape may have.
    """
    if len(bank.events) < recipe.events[1]:
        raise SepflowError(
            f"{len(bank.events)} files of events, but a soundscape may have {recipe.events[1]} different. "
            "Add files, or lower --events."
        )
    by_class: dict[str, list[Sound]] = {}
    for sound in sorted(bank.events, key=lambda sound: (sound.label, sound.path)):
        by_class.setdefault(sound.label, []).append(sound)
    return [_soundscape(f"{split}-{n:06d}", recipe, bank, by_class) for n in range(number)]


def _soundscape(name: str, recipe: Recipe, bank: Bank, by_class: dict[str, list[Sound]]) -> list[Source]:
    rng = generator("desed", name)
    events = _choose(by_class, int(rng.integers(recipe.events[0], recipe.events[1] + 1)), rng)
    placed = [(event, _place(event, recipe.total, rng), _uniform(rng, *recipe.levels)) for event in events]
    background = bank.backgrounds[rng.integers(len(bank.backgrounds))]
    start = int(rng.integers(max(background.length - recipe.total, 0) + 1))
    level = _background_level(recipe, min(level for _, _, level in placed), rng)
    placed.insert(0, (background, (0, recipe.total, start), level))
    responses = _responses(bank.responses, len(events), rng)
    rows = [
        Source(name, sound.label, sound.path, *times, level, response)
        for (sound, times, level), response in zip(placed, responses, strict=True)
    ]
    return [rows[0], *sorted(rows[1:], key=lambda row: (row.onset, row.file))]


def _choose(by_class: dict[str, list[Sound]], count: int, rng: np.random.Generator) -> list[Sound]:
    """`count` different events: first the class is drawn, so that a class with few files is not rare."""
    left = {label: list(sounds) for label, sounds in by_class.items()}
    chosen = []
    for _ in range(count):
        labels = [label for label, sounds in left.items() if sounds]
        sounds = left[labels[rng.integers(len(labels))]]
        chosen.append(sounds.pop(rng.integers(len(sounds))))
    return chosen


def _place(event: Sound, total: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """(onset, offset, offset in the file), in ms, of an event in a soundscape of `total` ms.

    An event whose onset is not in its file lasts from the soundscape's beginning, one whose offset is not, to
    its end. Of an event longer than the soundscape, its beginning, its end or its middle is taken.
    """
    begins, ends = event.onset_inside, event.offset_inside
    if begins and ends and event.length > total:
        parts = ((True, False), (False, True), (False, False))
        shares = (0.375, 0.375, 0.25) if event.length // total > 2 else (0.5, 0.5, 0.0)  # DESED's
        begins, ends = parts[rng.choice(3, p=shares)]
    if begins:
        earliest = 0 if ends else max(total - event.length, 0)
        onset, skipped = int(rng.integers(earliest, max(total - LEAST, earliest) + 1)), 0
    else:
        latest = max(event.length - (LEAST if ends else total), 0)
        earliest = max(event.length - total, 0) if ends else 0
        onset, skipped = 0, int(rng.integers(earliest, latest + 1))
    return onset, min(onset + event.length - skipped, total), event.start + skipped


def _background_level(recipe: Recipe, quietest: float, rng: np.random.Generator) -> float:
    highest = min(quietest + recipe.background_over, recipe.levels[1])
    return _uniform(rng, min(recipe.levels[0], highest), highest)


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 3)


def _responses(names: Names, events: int, rng: np.random.Generator) -> list[str]:
    """A response for the background, then one for each event, all different where there are enough."""
    if not names.foreground:
        return [""] * (1 + events)
    count = len(names.foreground)
    chosen = [names.foreground[i] for i in rng.choice(count, size=events, replace=count < events)]
    background = names.background[rng.integers(len(names.background))]
    while background in chosen and not set(names.background) <= set(chosen):
        background = names.background[rng.integers(len(names.background))]
    return [background, *chosen]


def labels(sources: Sequence[Source]) -> list[tuple[int, int, str]]:
    """The strong labels of a soundscape, (onset, offset, class) in ms, by onset, as DESED makes them.

    A label lasts 250 ms at least, and labels of one class that overlap or are less than 150 ms apart are one:
    psds_eval refuses overlaps.
    """
    merged: list[tuple[int, int, str]] = []
    for name in sorted({source.event_label for source in sources} - {BACKGROUND}):
        spans = sorted((s.onset, max(s.offset, s.onset + LEAST)) for s in sources if s.event_label == name)
        onset, offset = spans[0]
        for next_onset, next_offset in spans[1:]:
            if next_onset - offset < PAUSE:
                offset = max(offset, next_offset)
                continue
            merged.append((onset, offset, name))
            onset, offset = next_onset, next_offset
        merged.append((onset, offset, name))
    return sorted(merged)
