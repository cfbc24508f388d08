"""Files read only where there is something to read, and written whole or not at all: beside, then renamed."""

import contextlib
import errno
import functools
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_REASONS = {errno.ENOENT: "no such file", errno.ELOOP: "a link that leads back to itself"}
_ABANDONED = 24 * 3600.0  # s without a change, after which a temporary file is nobody's


def reason_of(error: OSError | ValueError) -> str:
    """An error of the file system in words; a ValueError is a path that holds a NUL."""
    if isinstance(error, OSError):
        return _REASONS.get(error.errno) or error.strerror or str(error)
    return str(error)


def is_file(path: str | Path) -> bool:
    """Whether there is a file at `path`; pathlib raises for a path too long, or with a NUL in it."""
    return os.path.isfile(path)  # noqa: PTH113


def is_directory(path: str | Path) -> bool:
    """Whether there is a directory at `path`, of any length."""
    return os.path.isdir(path)  # noqa: PTH112


def check_regular(path: str | Path) -> None:
    """Raise SepflowError, with the reason alone, where `path` is no file that can be read to its end.

    A directory, a pipe without a writer or a device would fail late, or never: it is not opened at all.
    """
    try:
        kind = stat.S_IFMT(Path(path).stat().st_mode)
    except (OSError, ValueError) as error:
        raise SepflowError(reason_of(error)) from None
    if kind != stat.S_IFREG:
        raise SepflowError(f"{_KINDS.get(kind, 'something else')}, not a file")
    if not os.access(path, os.R_OK):
        raise SepflowError(os.strerror(errno.EACCES))


def read_bytes(path: str | Path) -> bytes:
    """All of the file at `path`. Raises SepflowError, with the path, where it is none or does not read."""
    try:
        check_regular(path)
        return Path(path).read_bytes()
    except OSError as error:
        raise SepflowError(f"{path}: does not read ({reason_of(error)}).") from None
    except SepflowError as reason:
        raise SepflowError(f"{path}: does not read ({reason}).") from None


def read_json(path: str | Path) -> Any:
    """The JSON value in the file at `path`. Raises SepflowError, with the path, where it does not read."""
    try:
        return json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise SepflowError(f"{path}: no JSON ({type(error).__name__}).") from None


@contextlib.contextmanager
def replacing(path: str | Path, scratch: Path | None = None) -> Iterator[Path]:
    """Yield a temporary name; rename it to `path` if the block ends well, else remove it.

    The name is this process's own, so that two writers of one file never mix their bytes. It lies beside
    `path`, or in `scratch`, which must be on the same file system. What killed writers of `path` left behind
    is removed.
    Raises SepflowError where the disk is full or the place cannot be written; whatever stood at `path` is
    then still there.
    """
    path = Path(path)
    # The suffix stays last: some writers choose the format by it.
    name = f".{path.stem}.{os.uname().nodename}.{os.getpid()}{path.suffix}"
    temporary = (scratch or path.parent) / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        _sweep(temporary.parent, path.stem, path.suffix)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise _explained(error, path, temporary) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _explained(error: OSError, path: Path, temporary: Path) -> Exception:
    """What to raise for an `error` while `path` was written: itself, where it is about some other file."""
    kept = "What was there before is untouched"
    if error.errno in _NO_SPACE:
        return SepflowError(
            f"{path}: no space left to write it ({error.strerror}). {kept}; free some space and start again."
        )
    if error.filename is not None and Path(os.fsdecode(error.filename)) in {temporary, path, *path.parents}:
        return SepflowError(
            f"{path}: cannot be written ({error.strerror}). {kept}; choose a place that is yours to write."
        )
    return error


@functools.cache
def _temporaries(directory: Path) -> tuple[str, ...]:
    """What looked like temporary files when this process first wrote there: listed once, however many."""
    names = (path.name for path in directory.iterdir())
    return tuple(name for name in names if re.fullmatch(r"\..+\.\d+(\.[^.]*)?", name))


def _sweep(directory: Path, stem: str, suffix: str) -> None:
    """Remove the temporary files of `stem` + `suffix` whose writers are no more.

    Those of this host by their processes; those of others, or whose process has a namesake, by their age.
    """
    named = re.compile(rf"\.{re.escape(stem)}\.(?P<host>.+)\.(?P<process>\d+){re.escape(suffix)}")
    for match in filter(None, map(named.fullmatch, _temporaries(directory))):
        left = directory / match[0]
        with contextlib.suppress(OSError):
            here = match["host"] == os.uname().nodename
            if here and int(match["process"]) == os.getpid():
                continue
            gone = here and not _alive(int(match["process"]))
            if gone or time.time() - left.lstat().st_mtime > _ABANDONED:
                left.unlink()


def sweep(path: Path) -> None:
    """Remove what killed writers of `path`, of any machine, left beside it; nobody may be writing it now."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(path.parent):  # noqa: PTH208
            if re.fullmatch(rf"\.{re.escape(path.stem)}\..+\.\d+{re.escape(path.suffix)}", name):
                (path.parent / name).unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def replace_all(files: Sequence[Path], targets: Sequence[Path], scratch: Path) -> None:
    """Rename each of `files` to its target: all of them or, where one cannot be placed, none.

    What stood there is kept in `scratch` until all are placed. Raises OSError, with the targets as they were.
    """
    placed: list[tuple[Path, Path]] = []
    try:
        for number, (file, target) in enumerate(zip(files, targets, strict=True)):
            if target.is_dir() and not target.is_symlink():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
            kept = scratch / f"{number}.before"
            with contextlib.suppress(FileNotFoundError):
                target.rename(kept)
            placed.append((kept, target))
            file.replace(target)
    except BaseException:
        for kept, target in reversed(placed):
            if os.path.lexists(kept):
                kept.replace(target)
            else:
                target.unlink(missing_ok=True)
        raise


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")
