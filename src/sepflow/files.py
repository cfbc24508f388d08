"""Files that are either whole or absent: written under a temporary name, then renamed."""

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def replacing(path: str | Path, scratch: Path | None = None) -> Iterator[Path]:
    """Yield a temporary name; rename it to `path` if the block ends well, else remove it.

    The name is this process's own, so that two writers of one file never mix their bytes. It lies beside
    `path`, or in `scratch`, which must be on the same file system.
    Raises SepflowError where the disk is full; whatever stood at `path` is then still there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: some writers choose the format by it.
    name = f".{path.stem}.{os.uname().nodename}.{os.getpid()}{path.suffix}"
    temporary = (scratch or path.parent) / name
    temporary.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise SepflowError(
                f"{path}: no space left to write it ({error.strerror}). "
                "What was there before is untouched; free some space and start again."
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


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
