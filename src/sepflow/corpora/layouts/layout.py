"""What a published corpus looks like on disk: a pattern of its recordings' paths, tables beside them."""

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sepflow.corpora.digest import AUDIO_SUFFIXES, files_below
from sepflow.corpora.layouts.tables import Tables
from sepflow.errors import SepflowError

# Nothing but the standard library here: every planning of a workflow comes this way.
READABLE = (*AUDIO_SUFFIXES, ".wv1", ".sph")  # the last two: NIST, as LDC publishes it
UNREADABLE = (".m4a", ".mp4", ".mp3", ".aac", ".opus", ".wma")
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".7z", ".rar")
CONVERT = (
    f"libsndfile reads none of {', '.join(UNREADABLE)}: convert each into a file of the same name "
    "beside it (ffmpeg -i X.m4a X.wav, or X.flac), then start again."
)
UP = 4  # directories above the given one in which the corpus's own is looked for

Row = dict[str, str]
Labeller = Callable[[list[Row], Tables], tuple[list[Row], list[str]]]


@dataclass(frozen=True)
class Own:
    """A table that a corpus has of its recordings, handed on beside the manifest: a list of trials.

    `columns` in their order, of which `ids` name recordings; no two rows name the same. `rows` makes it of
    the recordings, with their ids, and of what was published, and returns it with the problems.
    """

    columns: tuple[str, ...]
    ids: tuple[str, ...]
    rows: Labeller


def _as_listed(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    return rows, []


@dataclass(frozen=True)
class Layout:
    """A corpus whose recordings' paths match `audio`: a regular expression, without the suffix, in any case.

    Its named groups are columns of the manifest (`subset` in lower case); `columns` makes more of them from
    templates. `label` adds what stands in the tables, may leave rows out, and returns them with the problems.
    A path matches below the corpus's directory or, where that is `anywhere`, below any directory in it.
    """

    title: str
    tree: str  # what the path of a recording looks like, for messages
    audio: str
    columns: dict[str, str] = field(default_factory=dict)
    tables: str = "(?!)"  # of the files that `label` reads; with a group `subset` where they belong to one
    needs: tuple[str, ...] = ()  # how the paths of tables end without which there is no corpus
    label: Labeller = _as_listed
    own: dict[str, Own] = field(default_factory=dict)  # {name: a table of its own, NAME.csv}
    subsets: tuple[str, ...] = ()  # those that no path shows: `label` sets them, by what is asked of it
    splits: dict[str, str] = field(default_factory=dict)  # {regular expression of a subset: its split}
    published: tuple[str, ...] = ("train", "validation", "test")  # rows without a split go to the others
    counts: dict[str, int] = field(default_factory=dict)  # {subset: recordings in it as published}
    channels: tuple[int, ...] = ()  # of more than a corpus keeps, in which order they are taken; else refused
    anywhere: bool = False
    channel: int | None = None  # of several: that which the field takes, unless the scale says another
    convert: str = CONVERT  # the way out where the audio is UNREADABLE

    def match(self, name: str) -> re.Match[str] | None:
        """A recording's path, less its suffix, taken apart; None where it is no recording of this corpus."""
        stem, dot, suffix = name.rpartition(".")
        if dot + suffix.lower() not in READABLE + UNREADABLE:
            return None
        return _compiled(self.audio, self.anywhere).fullmatch(stem)

    def match_table(self, name: str) -> re.Match[str] | None:
        """The path of a table, taken apart; None where it is none."""
        return _compiled(self.tables, self.anywhere).fullmatch(name)

    def split(self, subset: str) -> str | None:
        """The split to which the corpus gives a subset; None where it says nothing of it."""
        splits = [split for pattern, split in self.splits.items() if re.fullmatch(pattern, subset)]
        return splits[0] if splits else None


@functools.cache
def _compiled(pattern: str, anywhere: bool) -> re.Pattern[str]:
    return re.compile(rf"(?:.*/)?(?:{pattern})" if anywhere else pattern, re.IGNORECASE)


def subset_of(match: re.Match[str]) -> str:
    """The subset in which a file lies; empty where the layout has none, or where it belongs to all."""
    return (match.groupdict().get("subset") or "").lower()


@dataclass(frozen=True)
class Survey:
    """The files of a corpus, paths below its directory: {recording: bytes}, tables, what does not decode."""

    audio: dict[str, int]
    tables: list[str]
    unreadable: list[str]
    asked: frozenset[str] | None  # the subsets that were asked for; None: all


def survey(layout: Layout, root: Path, subsets: Iterable[str] | None = None) -> Survey:
    """The files of the corpus in `root`, of some of its subsets only where they are named.

    Raises SepflowError where there are none, with what was found instead, and for an unknown subset.
    """
    asked = None if subsets is None else frozenset(name.lower() for name in subsets)
    present: set[str] = set()

    def wanted(name: str) -> bool:
        match = layout.match(name)
        if match:
            present.add(subset_of(match))
        match = match or layout.match_table(name)
        return match is not None and (asked is None or subset_of(match) in {"", *asked})

    files = files_below(root, wanted)
    if not present:
        raise SepflowError(_found_instead(layout, root))
    there = present - {""} or set(layout.subsets)
    if absent := sorted((asked or set()) - there):
        has = ", ".join(sorted(there)) or "none, this layout has no subsets"
        raise SepflowError(f"{root}: subsets: {', '.join(absent)}: not there. It has: {has}.")
    audio = {name: size for name, size in files.items() if name.lower().endswith(READABLE)}
    tables = [name for name in files if name not in audio and layout.match_table(name)]
    unreadable = [name for name in files if name.lower().endswith(UNREADABLE)]
    if not audio:
        raise SepflowError(_found_instead(layout, root))
    return Survey(audio, tables, unreadable, asked)


def _found_instead(layout: Layout, root: Path) -> str:
    names = list(files_below(root, lambda name: True))
    lead = f"{root}: no recordings of {layout.title} as they are published. Expected: {layout.tree}."
    place = _elsewhere(layout, root, names)
    if place:
        return f"{lead} They lie as if the corpus were {place}: set its path to that."
    kinds = defaultdict(list)
    for name in names:
        kinds["." + name.rpartition(".")[2].lower()].append(name)
    told = [f"{len(kinds[x])} {x} ({kinds[x][0]})" for x in kinds if x in READABLE + UNREADABLE + ARCHIVES]
    lines = f"{lead} Found: {', '.join(told) or f'{len(names)} files, none of them audio'}."
    if any(kind in kinds for kind in UNREADABLE):
        return f"{lines} {layout.convert}"
    packed = any(kind in kinds for kind in ARCHIVES)
    return f"{lines} {'Unpack the archives.' if packed else 'Is it the right directory?'}"


def _elsewhere(layout: Layout, root: Path, names: list[str]) -> Path | None:
    """The directory, above or below `root`, of which the recordings' paths would match."""
    below = _compiled(rf"(?P<above_it>.*/)(?:{layout.audio})", False)
    parts = root.resolve().parts
    for name in (name for name in names if name.lower().endswith(READABLE)):
        stem = name.rpartition(".")[0]
        if match := below.fullmatch(stem):
            return root / match["above_it"]
        for up in range(1, min(UP, len(parts) - 1) + 1):
            if layout.match("/".join((*parts[-up:], name))):
                return Path(*parts[:-up])
    return None
