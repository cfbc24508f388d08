"""What a directory holds, said beside it: its name, and a digest of each file, taken once, as it was made.

A name is the hash of a recipe: so a seal says whose the files are, and that they are whole. It is no output
of a rule: the results of an older version get theirs from `sepflow verify --seal`, and nothing is made again.
"""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError
from sepflow.files import write_json
from sepflow.files.reading import read_record
from sepflow.results import SEAL

# Bytes. To read so many takes 20 to 80 ms: under 1 % of any job, which begins with seconds of imports.
CHEAP = 2**25


class UnsealedError(SepflowError):
    """A thing without its digests: made by a version that wrote none, or copied without them."""


def write_seal(directory: Path, digests: dict[str, str], **facts: Any) -> None:
    """Say beside the files of `directory` that they are what it is called: their `digests`, and `facts`.

    To be written before the last of the files, which is the sign that all are whole.
    """
    write_json(directory / SEAL, {"name": directory.name, "files": digests} | facts)


def check_seal(directory: Path, name: str, files: Sequence[str], effort: float = CHEAP) -> dict[str, Any]:
    """Hold the `files` of `directory` against its seal, and this against the wanted `name`; return the seal.

    Tables (.csv) are always read to their end, other files where they have at most `effort` bytes. Raises
    SepflowError where there is no seal, or another's, and where a file is missing or not what was made.
    """
    seal = _read(directory, name, files)
    for file in files:
        path = directory / file
        if not path.is_file():
            raise SepflowError(f"{path}: not there. {_way_out(directory, files)}")
        if path.suffix != ".csv" and path.stat().st_size > effort:
            continue
        if digest_of(path) != seal["files"][file]:
            raise SepflowError(
                f"{path}: damaged or replaced: not what {SEAL} tells of. {_way_out(directory, files)}"
            )
    return seal


def digest_of(path: Path) -> str:
    """The SHA-256 of a file; of one that stays as it is, taken once a process."""
    state = path.stat()
    return _digest_of(path.resolve(), state.st_size, state.st_mtime_ns, state.st_ctime_ns)


@functools.lru_cache(maxsize=1024)
def _digest_of(path: Path, *state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(directory: Path, name: str, files: Sequence[str]) -> dict[str, Any]:
    path, way_out = directory / SEAL, _way_out(directory, files)
    if not path.exists():
        raise UnsealedError(
            f"{path}: not there: copied without it, or made by a version that wrote none. If these files are "
            f"what they should be, seal them: sepflow verify --seal {directory}. Else: {way_out}"
        )
    seal = read_record(path, {"name": str, "files": dict}, way_out)
    if seal["name"] != name:
        raise SepflowError(f"{directory}: holds {seal['name']!r}, not {name!r}. {way_out}")
    if not set(files) <= set(seal["files"]):
        raise SepflowError(f"{path}: says nothing of {' or '.join(files)}. {way_out}")
    return seal


def _way_out(directory: Path, files: Sequence[str]) -> str:
    return f"Remove the directory and make it again: snakemake {directory / files[0]}"
