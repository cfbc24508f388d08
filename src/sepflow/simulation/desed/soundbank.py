"""What soundscapes are made of: event files, a directory a class, and backgrounds; and where they sound."""

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sepflow.corpora.decode import recording
from sepflow.corpora.digest import audio_files
from sepflow.corpora.layouts.events import named
from sepflow.corpora.parallel import in_order
from sepflow.errors import SepflowError
from sepflow.files import is_directory
from sepflow.files.contracts import SILENCE_DB, refuse
from sepflow.files.text import UNWRITABLE
from sepflow.simulation.activity import FRAME, active
from sepflow.simulation.desed import BACKGROUND, LEAST, at, seconds
from sepflow.simulation.lists import alike

SHORTEST = 50  # ms of sound in the file of an event whose onset and offset are in it
SHORTEST_BACKGROUND = 1000  # ms

# DESED's names: Frying_nOff are files of Frying without the event's offset in them.
_CLASS = re.compile(r"(?P<label>.+?)(?P<no_onset>_nOn)?(?P<no_offset>_nOff)?")
_NOT_CLASSES = (BACKGROUND, "foreground")


@dataclass(frozen=True)
class Sound:
    """A file of the sound bank. `start` and `end` (ms) are where it sounds; -1 as long as nobody listened.

    An event whose onset (offset) is not inside was going on already (still) where its file begins (ends).
    """

    path: str
    label: str
    onset_inside: bool
    offset_inside: bool
    start: int = -1
    end: int = -1

    @property
    def length(self) -> int:
        """How long it sounds, in ms."""
        return self.end - self.start


def list_events(root: Path) -> list[Sound]:
    """The event files below `root`, a directory a class, sorted by path.

    Raises SepflowError with all that is wrong with the directories.
    """
    names = _audio(root, "--foreground")
    problems, sounds = _unwritable(names), []
    for name in names:
        directory, _, below = name.partition("/")
        if not below:
            problems.append(f"{name}: in no class's directory (put it into one, such as Dog/{name})")
            continue
        match = _CLASS.fullmatch(directory)
        sounds.append(Sound(name, match["label"], not match["no_onset"], not match["no_offset"]))
    classes = {sound.label for sound in sounds}
    spelled: dict[str, str] = {}
    problems += [
        f"{label}/: looks like {spelled[alike(label)]}/, so one file on many a disk"
        for label in sorted(classes)
        if spelled.setdefault(alike(label), label) != label
    ]
    problems += [f"{label}/: {reason}" for label in sorted(classes) if (reason := _no_name(label))]
    problems += [
        f"{name}/: no class's name (is {root / name} the directory of the classes?)"
        for name in _NOT_CLASSES
        if name in classes
    ]
    full = {sound.path.partition("/")[0] for sound in sounds}
    empty = sorted(d.name for d in root.iterdir() if d.is_dir() and d.name not in full and d.name[0] != ".")
    problems += [f"{name}/: no audio in it" for name in empty]
    refuse(str(root), problems, "--foreground takes a directory with one sub-directory a class of events.")
    return sounds


def _no_name(label: str) -> str:
    """Why labels cannot hold the name of a class; of what no table holds it is said anyway."""
    try:
        named(UNWRITABLE.sub("", label))
    except ValueError as reason:
        return str(reason)
    return ""


def list_backgrounds(root: Path) -> list[Sound]:
    """The background files below `root`, in sub-directories or not, sorted by path. Raises SepflowError."""
    names = _audio(root, "--background")
    refuse(str(root), _unwritable(names), "Rename them.")
    return [Sound(name, BACKGROUND, False, False) for name in names]


def _audio(root: Path, option: str) -> list[str]:
    if not is_directory(root):
        raise SepflowError(f"{root}: no such directory. Correct {option}.")
    return list(audio_files(root))


def _unwritable(names: Iterable[str]) -> list[str]:
    return [
        f"{ascii(name)}: not UTF-8, or a control character in its name"
        for name in names
        if UNWRITABLE.search(name)
    ]


def listen(
    root: Path, sounds: Sequence[Sound], rate: int, total: int, jobs: int
) -> tuple[list[Sound], list[str]]:
    """(the sounds with `start` and `end`, a line for each file that is of no use), at `rate` Hz.

    Of no use is a file that does not decode, is too short, or is silent for a soundscape's `total` ms.
    """
    results = list(in_order(functools.partial(_listen, root, rate, total), sounds, jobs))
    pairs = list(zip(sounds, results, strict=True))
    heard = [replace(sound, start=x[0], end=x[1]) for sound, x in pairs if not isinstance(x, str)]
    return heard, [f"{root / sound.path}: {reason}" for sound, reason in pairs if isinstance(reason, str)]


def _listen(root: Path, rate: int, total: int, sound: Sound) -> tuple[int, int] | str:
    """(start, end) in ms, or the reason why this file is of no use."""
    try:
        samples = recording(root / sound.path, rate, "mean")
    except SepflowError as reason:
        return str(reason)
    start, end = _extent(samples, rate, sound)
    shortest = _shortest(sound)
    if end - start < shortest:
        return f"too short: {seconds(end - start)} s of sound, and {seconds(shortest)} s are the least"
    return _silence(samples[at(start, rate) : at(end, rate)], rate, total) or (start, end)


def _shortest(sound: Sound) -> int:
    if sound.label == BACKGROUND:
        return SHORTEST_BACKGROUND
    return SHORTEST if sound.onset_inside and sound.offset_inside else LEAST


def _extent(samples: np.ndarray, rate: int, sound: Sound) -> tuple[int, int]:
    """Where samples of shape (n,) sound, in ms: silence is trimmed where the event begins or ends inside."""
    whole = len(samples) * 1000 // rate
    frames = np.flatnonzero(active(samples[None], rate)[0])
    milliseconds = round(FRAME * rate) * 1000 / rate
    start = int(frames[0] * milliseconds) if sound.onset_inside else 0
    end = min(round((frames[-1] + 1) * milliseconds), whole) if sound.offset_inside else whole
    return start, end


def _silence(samples: np.ndarray, rate: int, total: int) -> str:
    """Says where samples of shape (n,) are silent for `total` ms: a soundscape may have just that part."""
    window = at(total, rate)
    if len(samples) <= window:
        return ""
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples))])
    power = (energy[window:] - energy[:-window]) / window
    first = int(power.argmin())
    if power[first] > 10 ** (SILENCE_DB / 10):
        return ""
    return f"silent (below {SILENCE_DB:.0f} dB) for {seconds(total)} s, from second {first / rate:.3f} on"
