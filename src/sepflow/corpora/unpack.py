"""Archives of strangers, unpacked so that nothing leaves the folder and nothing comes out short.

Python's own `filter="data"` refuses devices and links to the outside, but strips a leading "/" in silence,
lets a member stand twice, knows no zip, and a tar whose headers are broken half-way just ends early.
"""

import bz2
import contextlib
import errno
import gzip
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sepflow.corpora.tars import BLOCK, TooLargeError, members_of_tar
from sepflow.errors import SepflowError
from sepflow.files import reason_of

MAGIC = {
    "tar": {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open},
    "zip": {b"PK\x03\x04": None, b"PK\x05\x06": None},
}
BROKEN = (EOFError, NotImplementedError, RecursionError, ValueError, lzma.LZMAError, struct.error,
          tarfile.TarError, zipfile.BadZipFile, zlib.error)  # fmt: skip
PASSED_OVER = ("__MACOSX", ".DS_Store")
JOURNAL = ".sepflow"  # never a name of a corpus's own
PIECE = 1 << 20
DEEPEST = 64  # folders in one another
LONGEST_LINK = 4096  # bytes
SHOWN = 100  # characters of a name in a message
# What the file system says of a name or link that it cannot make; of the disk it says other things.
UNNAMEABLE = {errno.ENAMETOOLONG, errno.ENOENT, errno.EINVAL, errno.EILSEQ, errno.ELOOP, errno.EMLINK}


@dataclass(frozen=True)
class Member:
    """One entry; its `kind` is file, directory, symlink, hardlink, or what else it is."""

    name: str
    kind: str
    size: int = 0
    target: str = ""  # of a link
    source: Any = None  # a file's bytes, to be read

    def __str__(self) -> str:
        return _shown(self.name)


def check_kind(path: Path, kind: str) -> None:
    """Raise SepflowError where the file at `path` does not begin like an archive of `kind`.

    A file of kind "file" may be anything but a web page.
    """
    with path.open("rb") as file:
        start = file.read(512)
    page = start.lstrip().lower()
    if page.startswith((b"<!doctype html", b"<html")) or (page.startswith(b"<?xml") and b"<error" in page):
        text = " ".join(start[:120].decode("utf-8", "replace").split())
        raise SepflowError(f"not {_named(kind)} but a web page: {text!r}")
    known = MAGIC.get(kind)
    plain_tar = kind == "tar" and start[257:262] == b"ustar"
    if known and not plain_tar and not any(start.startswith(magic) for magic in known):
        raise SepflowError(f"not {_named(kind)}: it begins with {start[:16]!r}")


def unpack(archive: Path, kind: str, out: Path, limit: int) -> None:
    """Unpack `archive` ("tar", compressed or not, or "zip") into `out`, which must not be there yet.

    Refused are members that lead out of `out` (by "..", "/" or a link), devices, links that lead back to
    themselves, names that stand twice or cannot be made, more than `limit` bytes in all (each folder on the
    way to a member counts as a block), and archives that are cut short or damaged: SepflowError, with the
    member, and `out` is removed. Links that stay inside are made. Owners, modes and times are not kept.
    """
    out.mkdir(parents=True)
    try:
        with _reading(archive):
            most = 4 * limit + PIECE  # of the stream: what is written, what is passed over, padding
            tar = kind != "zip"
            members = members_of_tar(_opened(archive), Member, most) if tar else _members_of_zip(archive)
            _extract(members, out, limit)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise


def unpack_nested(out: Path, pattern: str, limit: int) -> None:
    """Unpack the tars in `out` that match `pattern`, each where it lies, and remove them."""
    for inner in sorted(out.glob(pattern)):
        aside = inner.with_name(f".{inner.name}.unpacking")
        unpack(inner, "tar", aside, limit)
        inner.unlink()
        place(aside, inner.parent)


def place(unpacked: Path, target: Path) -> None:
    """Move what lies in `unpacked` to `target`, into folders that are there already; `unpacked` is gone then.

    A file that is there with the same bytes stays. Raises SepflowError, before anything is moved, where
    others would be written over. Broken off, it goes on when it is called again.
    """
    clashes = list(_clashes(unpacked, target))
    if clashes:
        shown = "".join(f"\n  {path}" for path in clashes[:10])
        raise SepflowError(
            f"{target}: {len(clashes)} of the files for it are there already, and different:{shown}\n"
            "Remove or rename them and start again: nothing is transferred twice. Or choose another --to."
        )
    _move(unpacked, target)


def _named(kind: str) -> str:
    return {"tar": "a tar archive", "zip": "a zip archive"}.get(kind, "a file")


@contextlib.contextmanager
def _reading(archive: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # gzip's and bz2's own complaints are OSErrors without a number; the file system's have one.
        # (EINVAL is zipfile's, of an offset before the beginning.)
        if error.errno not in (None, errno.EINVAL) or error.filename is not None:
            raise
        raise SepflowError(f"{archive.name}: cut short or damaged ({error})") from error
    except BROKEN as error:
        raise SepflowError(f"{archive.name}: cut short or damaged ({error})") from error


def _opened(archive: Path) -> IO[bytes]:
    with archive.open("rb") as file:
        start = file.read(8)
    opener = next((known for magic, known in MAGIC["tar"].items() if start.startswith(magic)), open)
    return opener(archive, "rb")


def _members_of_zip(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            if info.flag_bits & 1:
                raise SepflowError(f"{archive.name}: {_shown(info.filename)} is encrypted")
            mode = info.external_attr >> 16
            if info.is_dir():
                yield Member(info.filename, "directory")
            elif stat.S_ISLNK(mode):
                with file.open(info) as source:
                    yield Member(info.filename, "symlink", target=os.fsdecode(source.read(LONGEST_LINK)))
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                yield Member(info.filename, "device")
            else:
                with file.open(info) as source:
                    yield Member(info.filename, "file", info.file_size, source=source)


def _extract(members: Iterator[Member], out: Path, limit: int) -> None:
    """Write the members. Symbolic links come last: so nothing is written through one."""
    links, written = [], 0
    for member in members:
        written += BLOCK * len(PurePosixPath(member.name).parts)
        _check_size(member, written, limit)
        path = _inside(member.name, out)
        if path is None:
            continue
        with _naming(member):
            if member.kind == "directory":
                path.mkdir(parents=True, exist_ok=True)
            elif member.kind == "file":
                path.parent.mkdir(parents=True, exist_ok=True)
                written += _copy(member, path, written, limit)
            elif member.kind == "hardlink":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.hardlink_to(_linked(member, out))
            elif member.kind == "symlink":
                links.append((member, path))
            else:
                raise SepflowError(f"{member}: a {member.kind}; only files, folders and links may be there")
    for member, path in links:
        with _naming(member):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(member.target)
    # Only now: a link's way may lead over links that were made after it.
    root = Path(os.path.realpath(out))
    for member, path in links:
        real = Path(os.path.realpath(path))
        if PurePosixPath(member.target).is_absolute() or not real.is_relative_to(root):
            raise SepflowError(f"{member}: a link that leads out of the archive, to {_shown(member.target)}")
        with _naming(member), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()


def _inside(name: str, out: Path) -> Path | None:
    """Where a member goes; None for what is passed over. Raises SepflowError where it leads out of `out`."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\0" in name:
        raise SepflowError(f"{_shown(name)}: leads out of the folder it is unpacked to")
    if JOURNAL in pure.parts:
        raise SepflowError(f"{_shown(name)}: {JOURNAL} is a name that sepflow keeps for itself")
    if len(pure.parts) > DEEPEST:
        raise SepflowError(f"{_shown(name)}: {len(pure.parts)} folders deep, where {DEEPEST} are the most")
    if not pure.parts or set(PASSED_OVER) & set(pure.parts):
        return None
    return out.joinpath(*pure.parts)


def _linked(member: Member, out: Path) -> Path:
    """The file that a hard link leads to."""
    with contextlib.suppress(SepflowError):
        target = _inside(member.target, out)
        if target is not None and target.is_file():
            return target
    raise SepflowError(f"{member}: a link to {_shown(member.target)}, which is no file of the archive so far")


@contextlib.contextmanager
def _naming(member: Member) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise SepflowError(f"{member}: the name stands twice in the archive") from error
    except OSError as error:
        if error.errno not in UNNAMEABLE:
            raise
        what = f"a link to {_shown(member.target)} that" if member.target else "a name that"
        raise SepflowError(f"{member}: {what} cannot be made ({reason_of(error)})") from error


def _shown(name: str) -> str:
    """A name for a message, which may be megabytes long."""
    return repr(name if len(name) <= SHOWN else name[:SHOWN] + "...")


def _check_size(member: Member, written: int, limit: int) -> None:
    if written > limit:
        raise TooLargeError(
            f"{member}: the archive unpacks to more than {limit} bytes, far beyond what it should or than "
            "there is room for"
        )


def _copy(member: Member, path: Path, before: int, limit: int) -> int:
    """Write a file; how many bytes, after `before` ones of the archive."""
    written = 0
    with path.open("xb") as file:
        while piece := member.source.read(PIECE):
            written += len(piece)
            _check_size(member, before + written, limit)
            file.write(piece)
    if written != member.size:
        raise SepflowError(f"{member}: {written} bytes of {member.size}: cut short")
    return written


def _clashes(unpacked: Path, target: Path) -> Iterator[Path]:
    for path in sorted(unpacked.iterdir()):
        there = target / path.name
        if path.is_dir() and not path.is_symlink() and there.is_dir():
            yield from _clashes(path, there)
        elif os.path.lexists(there) and not _same(path, there):
            yield there


def _same(path: Path, there: Path) -> bool:
    if path.is_symlink() or there.is_symlink():
        return path.is_symlink() and there.is_symlink() and path.readlink() == there.readlink()
    if path.is_dir() or there.is_dir() or path.stat().st_size != there.stat().st_size:
        return False
    with path.open("rb") as a, there.open("rb") as b:
        return all(piece == b.read(PIECE) for piece in iter(lambda: a.read(PIECE), b""))


def _move(unpacked: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(unpacked.iterdir()):
        there = target / path.name
        if path.is_dir() and not path.is_symlink() and there.is_dir():
            _move(path, there)
        else:
            path.replace(there)
    unpacked.rmdir()
