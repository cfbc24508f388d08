"""Simulate a split of soundscapes: listen, decide, render."""

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sepflow.corpora.digest import folder_digest
from sepflow.files.contracts import refuse
from sepflow.simulation.desed import BACKGROUND, LEAST, seconds
from sepflow.simulation.desed.plan import COLUMNS, Bank, Recipe, Source, decide, labels
from sepflow.simulation.desed.render import Renderer
from sepflow.simulation.desed.responses import Names, Recorded, Simulated
from sepflow.simulation.desed.soundbank import list_backgrounds, list_events, listen
from sepflow.simulation.lists import BOUND, LONGEST
from sepflow.simulation.rendering import JOURNAL, Tree

RECIPE = 1  # of this code: bump it when it makes other samples of the same sounds

MOST = 1_000_000  # soundscapes, and rooms: as many as have a name of their own

_SPLIT = re.compile(r"\w[\w.-]*", re.ASCII)
_OPTIONS = ("rooms", "seconds", "rate", "events", "levels", "level", "background_over")


@dataclass(frozen=True)
class Settings:
    """What the command `sepflow simulate desed` takes. With neither `rirs` nor `rooms` all is dry.

    Raises SepflowError with all that is wrong with them.
    """

    foreground: Path
    background: Path
    rirs: Path | None
    number: int
    split: str
    out: Path
    rooms: int | None = None
    seconds: float = 10.0
    rate: int = 16000
    events: Sequence[int] = (1, 5)
    levels: Sequence[float] = (-35.0, 0.0)
    level: str = "rms"
    background_over: float = 5.0
    sources: bool = False
    plan_only: bool = False

    def __post_init__(self) -> None:
        wrong = {
            "--split: letters, digits, ., _ and - are what a name may hold": not _SPLIT.fullmatch(self.split),
            f"--split: over {LONGEST // 2} letters": len(self.split) > LONGEST // 2,
            f"--seconds: {2 * LEAST / 1000:g} to 3600": not 2 * LEAST / 1000 <= self.seconds <= 3600,
            f"--number: {MOST} at most": self.number > MOST,
            f"--rooms: {MOST} at most": (self.rooms or 0) > MOST,
            "--rate: 1000 to 192000 Hz": not 1000 <= self.rate <= 192_000,
            "--events: LEAST is more than MOST": self.events[0] > self.events[1],
            f"--levels: LOW is not under HIGH, both within {BOUND:g} dB": not (
                -BOUND <= self.levels[0] < self.levels[1] <= BOUND
            ),
            "--out: lies in a folder that is read; choose another": any(
                Path(os.path.realpath(self.out)).is_relative_to(os.path.realpath(folder))
                for folder in (self.foreground, self.background, self.rirs)
                if folder
            ),
            f"--background-over: not within {BOUND:g} dB": not abs(self.background_over) <= BOUND,
        }
        refuse("sepflow simulate desed", [line for line, so in wrong.items() if so], "Correct these options.")

    @property
    def total(self) -> int:
        """The length of a soundscape in ms."""
        return round(1000 * self.seconds)

    def recipe(self) -> Recipe:
        """What is drawn."""
        low, high = self.events
        return Recipe(self.total, (low, high), tuple(self.levels), self.background_over)

    def responses(self) -> Recorded | Simulated | None:
        """The room responses; None: all is dry."""
        if self.rooms:
            return Simulated(self.rooms, self.rate, self.out / JOURNAL / "rooms")
        return Recorded(self.rirs, self.rate) if self.rirs else None

    def renderer(self) -> Renderer:
        """What writes the soundscapes."""
        folders = (self.foreground, self.background)
        return Renderer(
            *folders, self.responses(), self.split, self.rate, self.total, self.level, self.sources
        )

    def tree(self) -> Tree:
        """The tree of this split: what determines its bytes is what the folders hold, and the options."""
        folders = {"foreground": self.foreground, "background": self.background, "rirs": self.rirs}
        source = {name: path and folder_digest(path) for name, path in folders.items()}
        source |= {key: value for key, value in asdict(self).items() if key in _OPTIONS} | {"recipe": RECIPE}
        return Tree(self.out, f"desed-{self.split}", source, {"number": self.number, "sources": self.sources})


def simulate(settings: Settings, jobs: int) -> str:
    """Write the plan, the soundscapes and the labels of a split; a line that says what they are.

    Raises SepflowError where the folders, their files, or what lies below `out` are not what they should be.
    """
    responses, out = settings.responses(), settings.out
    bank = _bank(settings, responses.names() if responses else Names(), jobs)
    items = decide(settings.recipe(), settings.split, settings.number, bank)
    if responses:
        responses.check((row.response for rows in items for row in rows), jobs)
    tree, renderer = settings.tree(), settings.renderer()
    _refuse_others(out, renderer, items)
    tree.begin()
    tree.write_text(_table(settings, "_plan.csv"), plan_text(items))
    if settings.plan_only:
        tree.write_text(_table(settings, ".tsv"), labels_text(items))
        return f"{out / _table(settings, '_plan.csv')}: {_in_words(items)}"
    scaled = _render(settings, tree, renderer, items, jobs)
    tree.finish(sum(renderer.files(rows) for rows in items))
    return f"{out / settings.split}: {_in_words(items)}; {scaled} soundscapes scaled down, lest they clip"


def _render(
    settings: Settings, tree: Tree, renderer: Renderer, items: Sequence[Sequence[Source]], jobs: int
) -> int:
    """Write the soundscapes, then their tables; how many were scaled down."""
    rendered = tree.render(items, renderer, renderer.made_of, jobs)
    columns = ("soundscape", "scale_db", "peak")
    rows = ([x["soundscape"], f"{x['scale_db']:.3f}", f"{x['peak']:.6f}"] for x in rendered)
    tree.write_text(_table(settings, "_rendered.csv"), _text(columns, rows, ","))
    tree.write_text(_table(settings, ".tsv"), labels_text(items))
    return sum(x["scale_db"] < 0 for x in rendered)


def _bank(settings: Settings, names: Names, jobs: int) -> Bank:
    events, backgrounds = list_events(settings.foreground), list_backgrounds(settings.background)
    problems, heard = [], []
    for root, sounds in ((settings.foreground, events), (settings.background, backgrounds)):
        usable, faults = listen(root, sounds, settings.rate, settings.total, jobs)
        heard.append(usable)
        problems += faults
    refuse("the sounds", problems, "Mend these files, or leave them out, then start again.")
    return Bank(*heard, names)


def _refuse_others(out: Path, renderer: Renderer, items: Sequence[Sequence[Source]]) -> None:
    """A loader that takes all of a directory must not find soundscapes that the labels do not name."""
    wanted = {renderer.soundscape(rows[0].soundscape) for rows in items}
    directory = renderer.soundscape("").parent
    others = sorted(p.name for p in (out / directory).glob("*.wav") if directory / p.name not in wanted)
    problems = [f"{name}: no soundscape of this plan" for name in others]
    refuse(str(out / directory), problems, "Choose another --out or --split, or remove these files.")


def _table(settings: Settings, ending: str) -> Path:
    return Path("metadata", settings.split + ending)


def plan_text(items: Sequence[Sequence[Source]]) -> str:
    """The plan as CSV, one row a source."""
    return _text(COLUMNS, (row.cells() for rows in items for row in rows), ",")


def labels_text(items: Sequence[Sequence[Source]]) -> str:
    """The strong labels as DESED's tables hold them."""
    cells = (
        [f"{rows[0].soundscape}.wav", seconds(onset), seconds(offset), label]
        for rows in items
        for onset, offset, label in labels(rows)
    )
    return _text(("filename", "onset", "offset", "event_label"), cells, "\t")


def _text(header: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _in_words(items: Sequence[Sequence[Source]]) -> str:
    events = [row for rows in items for row in rows if row.event_label != BACKGROUND]
    classes = len({row.event_label for row in events})
    return f"{len(items)} soundscapes, {len(events)} events of {classes} classes"
