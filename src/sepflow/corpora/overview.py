"""What the catalogue holds and what of it is here, as text for people and as data for programs."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sepflow.corpora.catalogue import Corpus, Part, readable
from sepflow.corpora.presence import Presence, find_parts, size_on_disk

WIDTH = 110
ASK = {"request": "on request", "purchase": "licensed"}


@dataclass(frozen=True)
class Entry:
    """A corpus, the folder where it lies or would lie, and which of its parts are there."""

    corpus: Corpus
    folder: Path
    parts: dict[str, Presence]

    @classmethod
    def of(cls, corpus: Corpus, folder: Path) -> "Entry":
        """Look `corpus` up in `folder`."""
        return cls(corpus, folder, find_parts(corpus, folder))

    @cached_property
    def on_disk(self) -> int | None:
        """The bytes of its folder; None where nothing of it is there."""
        return size_on_disk(self.folder) if any(x.state != "missing" for x in self.parts.values()) else None

    def lacking(self, names: Iterable[str]) -> list[Part]:
        """Those of the parts `names` that cannot be used."""
        return [self.corpus.parts[name] for name in names if not self.parts[name].there]

    def wanted(self) -> list[Part]:
        """The parts that some paper needs and that are not there."""
        needed = [name for parts in self.corpus.papers.values() for name in parts]
        return self.lacking(name for name in self.corpus.parts if name in needed)


def as_data(entry: Entry) -> dict[str, Any]:
    """An entry in the types of JSON."""
    corpus = entry.corpus
    parts = {
        name: {
            "state": presence.state,
            "layout": presence.layout,
            "access": corpus.parts[name].access,
            "bytes": corpus.parts[name].size,
        }
        for name, presence in entry.parts.items()
    }
    return {
        "title": corpus.title,
        "homepage": corpus.homepage,
        "licence": corpus.licence,
        "allows": corpus.allows,
        "folder": str(entry.folder),
        "bytes_on_disk": entry.on_disk,
        "papers": {paper: list(names) for paper, names in corpus.papers.items()},
        "parts": parts,
        "next": next_steps(entry),
    }


def overview(entries: list[Entry]) -> str:
    """All corpora, what each paper still lacks, and the next steps; at most 110 columns wide."""
    lines = [f"{'corpus':<16}{'here':<9}{'on disk':>9}{'to fetch':>11}  {'access':<13}needed by"]
    for entry in entries:
        corpus = entry.corpus
        here = f"{sum(x.there for x in entry.parts.values())} of {len(entry.parts)}"
        on_disk = "-" if entry.on_disk is None else readable(entry.on_disk)
        lines.append(
            f"{corpus.name:<16}{here:<9}{on_disk:>9}{_left(entry):>11}  {_access(corpus):<13}"
            f"{', '.join(corpus.papers) or '-'}"
        )
    papers = list(dict.fromkeys(paper for entry in entries for paper in entry.corpus.papers))
    lines += ["", "What the papers lack:"]
    for paper in sorted(papers):
        lines += wrapped(f"  {paper:<18}", _lacks(paper, entries))
    steps = [step for entry in entries if entry.wanted() for step in next_steps(entry)]
    lines += ["", "Next steps:" if steps else "All that the papers need is here.", *(f"  {x}" for x in steps)]
    return "\n".join(lines)


def describe(entry: Entry) -> str:
    """One corpus in full: licence, parts, instructions."""
    corpus = entry.corpus
    lines = [corpus.title, f"  {corpus.homepage}", f"  licence: {corpus.licence}: {corpus.allows}"]
    lines.append(f"  folder:  {entry.folder}" + (f" ({readable(entry.on_disk)})" if entry.on_disk else ""))
    lines += [f"  needed by {paper}: {', '.join(names)}" for paper, names in corpus.papers.items()]
    lines += ["", f"{'part':<18}{'state':<12}{'to fetch':>10}  access"]
    for name, presence in entry.parts.items():
        part = corpus.parts[name]
        size = readable(part.size) if part.free else "-"
        layout = "" if presence.layout in (None, "as published") else f"[layout: {presence.layout}] "
        start = f"{name:<18}{presence.state:<12}{size:>10}  {part.access:<10}"
        lines += wrapped(start, layout + part.title) or [start.rstrip()]
    if corpus.notes:
        lines += ["", *textwrap.wrap(corpus.notes, WIDTH)]
    if corpus.instructions and any(not part.free for part in entry.lacking(corpus.parts)):
        lines += ["", *textwrap.wrap(corpus.instructions, WIDTH, break_on_hyphens=False)]
    steps = [step for step in next_steps(entry, all_parts=True) if step.startswith("sepflow fetch")]
    return "\n".join([*lines, *(["", "Next steps:", *(f"  {step}" for step in steps)] if steps else [])])


def next_steps(entry: Entry, all_parts: bool = False) -> list[str]:
    """What to do for the parts that are not there: those that a paper needs, or all."""
    corpus = entry.corpus
    missing = entry.lacking(corpus.parts) if all_parts else entry.wanted()
    free = [f"{corpus.name}/{part.name}" for part in missing if part.free]
    if len(free) == len(corpus.parts):
        free = [corpus.name]
    steps = [f"sepflow fetch {names}" for names in textwrap.wrap(" ".join(free), 90, break_on_hyphens=False)]
    asked = [part for part in missing if not part.free]
    if asked:
        command = f"sepflow {corpus.catalogue} {corpus.name:<14}"
        steps.append(f"{command} # {ASK[asked[0].access]}: says where to ask for it")
    return steps


def _access(corpus: Corpus) -> str:
    return corpus.access if len({part.access for part in corpus.parts.values()}) == 1 else "partly free"


def _left(entry: Entry) -> str:
    missing = [part for part in entry.lacking(entry.corpus.parts) if part.free]
    sizes = [part.size for part in missing]
    known = sum(size for size in sizes if size)
    if not missing:
        return "-"
    return "unknown" if not known else readable(known) + (" +" if None in sizes else "")


def _lacks(paper: str, entries: list[Entry]) -> str:
    words = []
    for entry in entries:
        needed = entry.corpus.papers.get(paper, ())
        missing = [part.name for part in entry.lacking(needed)]
        if missing:
            whole = len(missing) == len(entry.corpus.parts)
            words.append(entry.corpus.name + ("" if whole else f" ({', '.join(missing)})"))
    return "; ".join(words) or "nothing"


def wrapped(start: str, text: str) -> list[str]:
    """`text` after `start`, in lines that are not too wide."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False
    )
