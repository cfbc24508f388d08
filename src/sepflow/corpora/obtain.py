"""One archive of a corpus: from the web, by whichever address gives it whole, to what it holds."""

import errno
import hashlib
import itertools
import os
import shutil
from pathlib import Path
from typing import Any

from sepflow.corpora.catalogue import Archive, readable
from sepflow.corpora.journal import Journal
from sepflow.corpora.transfer import Patience, TransferError, discard, progress, stored, transfer
from sepflow.corpora.unpack import TooLargeError, check_kind, unpack, unpack_nested
from sepflow.errors import SepflowError

PIECE = 1 << 20
# An archive may unpack to so many times what the catalogue says, or its own size where that says nothing.
BOMB_DECLARED, BOMB_UNDECLARED, BOMB_LEAST = 3, 30, 1 << 26


def obtain(journal: Journal, urls: list[str], lock: int, patience: Patience) -> None:
    """Bring the archive to `journal.unpacked`: transferred (aria2c holds `lock` too), verified, unpacked.

    Raises SepflowError, with what each of `urls` gave, where none gives it whole, and where it holds what it
    must not.
    """
    archive, failures = journal.archive, []
    for url in urls:
        again = True
        while again:
            resumed = bool(stored(journal.part)) or journal.whole.exists()
            try:
                return _attempt(journal, url, lock, patience)
            except TransferError as error:
                failures.append(f"{url}\n    {error}")
                if error.spoiled and journal.begun_at() == url:
                    discard(journal.part)
            # What was there may have been of a file that has changed since: then once from the beginning.
            again = resumed and not stored(journal.part)
    wanted = f"{readable(archive.size)}, {archive.checksum or 'no checksum is published'}"
    begun = f"{journal.part} is kept. Remove it to begin anew. " if stored(journal.part) else ""
    raise SepflowError(
        f"{archive.name} ({wanted}) did not come:\n  " + "\n  ".join(dict.fromkeys(failures)) + "\n"
        f"Start again later. {begun}Or see whether it has moved (its addresses are in config/), or "
        f"fetch the archive otherwise, put it at {journal.whole} and start again."
    )


def disk_error(error: OSError, path: Path) -> SepflowError:
    """An error of the file system at `path`, with its way out."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _no_space(path)
    if error.errno == errno.EXDEV:
        return SepflowError(f"{path}: leads to another file system. Give the folder itself with --to.")
    return SepflowError(f"{error.filename or path}: {error.strerror}. Mend that and start again.")


def _no_space(path: Path) -> SepflowError:
    return SepflowError(f"{path}: no space left. Make room and start again: nothing is transferred twice.")


def _attempt(journal: Journal, url: str, lock: int, patience: Patience) -> None:
    archive = journal.archive
    if not (journal.verified.exists() and journal.whole.exists()):
        if not journal.whole.exists():
            if not stored(journal.part):
                journal.begin_at(url)
            try:
                transfer(url, journal.part, patience, archive.size, (lock,))
            except TransferError as error:
                if error.full:
                    raise _no_space(journal.part) from None
                raise
            journal.part.replace(journal.whole)
        try:
            journal.verify({"url": url, **_verify(journal.whole, archive)})
        except TransferError:
            journal.whole.unlink()
            raise
    _unpack(journal)


def _verify(path: Path, archive: Archive) -> dict[str, Any]:
    """The size and SHA-256 of the archive. Raises TransferError where it is not what was published."""
    try:
        check_kind(path, archive.kind)
    except SepflowError as error:
        raise TransferError(f"what came is {error}") from None
    size = path.stat().st_size
    if archive.exact and size != archive.size:
        raise TransferError(f"{size} bytes came, {archive.size} were wanted")
    algorithm, _, wanted = (archive.checksum or "sha256:").partition(":")
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in {"sha256", algorithm}}
    with path.open("rb") as file, progress(size, f"check {archive.name}") as bar:
        while piece := file.read(PIECE):
            for each in hashes.values():
                each.update(piece)
            bar.update(len(piece))
    came = hashes[algorithm].hexdigest()
    if wanted and wanted != came:
        raise TransferError(f"what came has the {algorithm} {came}, wanted was {wanted}")
    return {"size": size, "sha256": hashes["sha256"].hexdigest(), "checksum": archive.checksum}


def _unpack(journal: Journal) -> None:
    """From `whole` to `unpacked`; where it is broken, and no checksum vouches for it, it is thrown away."""
    archive, out, free = journal.archive, journal.unpacking, shutil.disk_usage(journal.root).free
    shutil.rmtree(out, ignore_errors=True)
    size = journal.whole.stat().st_size
    most = archive.unpacked * BOMB_DECLARED if archive.unpacked else size * BOMB_UNDECLARED
    limit = min(max(most, BOMB_LEAST), free)
    try:
        if archive.kind == "file":
            out.mkdir()
            journal.whole.replace(out / archive.name)
        else:
            unpack(journal.whole, archive.kind, out, limit)
            if archive.nested:
                unpack_nested(out, archive.nested, limit)
        journal.verify(journal.found() | {"files": _sample(out)})
        out.replace(journal.unpacked)
    except OSError as error:
        raise disk_error(error, out) from error
    except SepflowError as error:
        if isinstance(error, TooLargeError) and limit == free:
            raise _no_space(out) from None
        if archive.checksum:
            raise SepflowError(f"{error}\nThe archive is as published. Nothing was put in place.") from None
        journal.whole.unlink()
        journal.verified.unlink()
        raise TransferError(f"what came could not be unpacked: {error}") from None


def _sample(root: Path) -> list[str]:
    """Some files below `root`, by which it is seen later whether they were removed."""
    walk = ((folder, name) for folder, _, files in os.walk(root) for name in files)
    first = [os.path.relpath(Path(folder) / name, root) for folder, name in itertools.islice(walk, 1000)]
    return sorted({first[0], first[-1]}) if first else []
