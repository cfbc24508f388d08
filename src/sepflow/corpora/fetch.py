"""A part of a corpus, from the web into its folder: each archive obtained, then put in its place.

Each step ends with a rename (see `journal`), so that a fetch goes on where it was broken off, and nothing
ever stands half under its final name.
"""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sepflow.corpora.catalogue import Archive, Corpus, Part, readable
from sepflow.corpora.journal import FOLDER, Journal, locked, part_record
from sepflow.corpora.obtain import disk_error, obtain
from sepflow.corpora.presence import layout_of, missing_paths
from sepflow.corpora.transfer import Patience, find_aria2, stored
from sepflow.corpora.unpack import place
from sepflow.errors import SepflowError
from sepflow.files import write_json

RESERVE = 1.05
HOUR = 3600.0


@dataclass(frozen=True)
class Options:
    """How to fetch. `mirror`: the first address to be tried, from 1; the others follow."""

    mirror: int = 1
    keep_archives: bool = False
    patience: Patience = field(default_factory=Patience)
    say: Callable[[str], None] = print


def fetch_part(corpus: Corpus, part: Part, root: Path, options: Options | None = None) -> None:
    """Bring `part` of `corpus` into the folder `root`; where it is there already, say so.

    Raises SepflowError where it is not free, there is no room, no address gives it whole, or its archives
    hold what they must not; what was transferred so far is kept, and the next call goes on.
    """
    options = options or Options()
    label = f"{corpus.name}/{part.name}"
    if not part.free:
        raise SepflowError(f"{label} cannot be fetched by sepflow.\n{corpus.instructions.strip()}")
    journals = [Journal(root, archive) for archive in part.archives]
    by_hand = layout_of(part, root) and not any(journal.begun for journal in journals)
    left = [] if by_hand else [journal for journal in journals if not journal.intact]
    if left:
        find_aria2()
        options.say(f"{label}: {_announce(corpus, left)}")
        _check_room(left, root, options.keep_archives)
    try:
        for journal in left:
            with locked(root / FOLDER / f"{journal.archive.name}.lock") as lock:
                _fetch_archive(journal, part, lock, options)
        _finish(corpus, part, root, [] if by_hand else journals, options)
    except OSError as error:
        raise disk_error(error, root) from error
    options.say(f"{label}: {'fetched' if left else 'there already'}, in {root}")


def _announce(corpus: Corpus, left: list[Journal]) -> str:
    sizes = [journal.archive.size for journal in left]
    size = "of unknown size" if None in sizes else readable(sum(sizes))
    files = "1 archive" if len(left) == 1 else f"{len(left)} archives"
    return f"{files}, {size}, from {corpus.homepage}; licence: {corpus.licence} ({corpus.allows})"


def _fetch_archive(journal: Journal, part: Part, lock: int, options: Options) -> None:
    if journal.intact:  # by another process, while this one waited
        return
    journal.record.unlink(missing_ok=True)
    urls = _addresses(journal.archive, options.mirror)
    if not journal.unpacked.exists():
        obtain(journal, urls, lock, options.patience)
    with locked(journal.root / FOLDER / "lock", wait=HOUR):  # parts share folders
        place(journal.unpacked, journal.root / part.to)
    journal.complete(part.to)


def _addresses(archive: Archive, mirror: int) -> list[str]:
    """The addresses of an archive, from the `mirror`-th (from 1) around."""
    if not 1 <= mirror <= len(archive.urls):
        urls = "".join(f"\n  {n}. {url}" for n, url in enumerate(archive.urls, 1))
        raise SepflowError(f"--mirror {mirror}: {archive.name} has these addresses:{urls}")
    return [*archive.urls[mirror - 1 :], *archive.urls[: mirror - 1]]


def _finish(corpus: Corpus, part: Part, root: Path, journals: list[Journal], options: Options) -> None:
    """Write the record of the part, if all is there that must be, and remove what is needed no more."""
    if not layout_of(part, root):
        missing = "".join(f"\n  {path}" for path in missing_paths(part, root))
        raise SepflowError(
            f"{root}: {corpus.name}/{part.name} was unpacked, but this is not in it:{missing}\n"
            f"Has its publisher changed it? Look at what is there, mend `expects` in "
            f"config/{corpus.catalogue}/{corpus.name}.yaml and start again: nothing is transferred twice."
        )
    records = {journal.archive.name: journal.record.read_bytes() for journal in journals}
    content = {"corpus": corpus.name, "part": part.name}
    if records:
        digest = hashlib.sha256(b"".join(records.values())).hexdigest()
        content |= {"archives": list(records), "digest": digest}
    write_json(part_record(root, part.name), content)
    for journal in journals:
        journal.sweep(options.keep_archives)


def _check_room(left: list[Journal], root: Path, keep: bool) -> None:
    """Raise SepflowError where the archives that are left, and what they unpack to, do not fit."""
    transfers = [max((x.archive.size or 0) - stored(x.part) - stored(x.whole), 0) for x in left]
    unpacked = [_unpacked(journal.archive) for journal in left if not journal.unpacked.exists()]
    wanted = round(((sum if keep else max)(transfers) + sum(unpacked)) * RESERVE)
    folder = root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise SepflowError(
            f"{root}: {readable(wanted)} are wanted (archives, what they unpack to, and 5 %), but only "
            f"{readable(free)} are free. Make room, or choose another folder with --to."
        )


def _unpacked(archive: Archive) -> int:
    if archive.kind == "file":
        return 0
    return archive.unpacked or 2 * (archive.size or 0)
