"""What a finished shard of a tree was made from, which files it is, and what its items returned."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError
from sepflow.files import check_regular, read_json, reason_of
from sepflow.files.seals import digest_of
from sepflow.files.text import as_on_disk


@dataclass(frozen=True)
class Record:
    """A shard: of each item what it was made from, {name: digest}, and its result; {file below root: digest}.

    Digests are of content, so that neither a time, nor a place, nor a size that stayed is taken for it.
    """

    sources: list[dict[str, str]]
    files: dict[str, str]
    results: list[Any]

    @classmethod
    def read(cls, path: Path) -> "Record | None":
        """The record at `path`; None where there is none, or it is damaged."""
        try:
            there = read_json(path)
            return cls(**there["shard"]) if there["digest"] == _digest_of(there["shard"]) else None
        except (SepflowError, KeyError, TypeError):
            return None

    def text(self) -> str:
        """The record as `read` reads it."""
        shard = asdict(self)
        return json.dumps({"digest": _digest_of(shard), "shard": shard}) + "\n"

    def whole(self, root: Path) -> bool:
        """Whether all of its files lie below `root`, each with the content that was written."""
        return next(self.damaged(root), None) is None

    def damaged(self, root: Path) -> Iterator[str]:
        """Those of its files that do not lie below `root` with the content that was written."""
        for path, digest in self.files.items():
            try:
                whole = _content(root / path) == digest
            except SepflowError:  # not there, or no file
                whole = False
            if not whole:
                yield path

    def outdated(self, other: "Record") -> bool:
        """Whether it was made from a file that had changed when `other`, of the same items, was made."""
        return any(
            mine.get(name, digest) != digest
            for mine, theirs in zip(self.sources, other.sources, strict=False)
            for name, digest in theirs.items()
        )


def contents(files: Mapping[str, Path]) -> dict[str, str]:
    """{name: SHA-256 of the file}, in hexadecimal. Raises SepflowError for what is no file that reads."""
    digests = {}
    for name, path in files.items():
        try:
            digests[name] = _content(as_on_disk(path))
        except SepflowError as reason:
            raise SepflowError(f"{path}: {reason}") from None
    return digests


def contents_of_speakers(files: Mapping[str, Path]) -> dict[str, str]:
    """As `contents`, of the sources of a mixture. Raises SepflowError where two of them are one recording."""
    digests = contents(files)
    names: dict[str, str] = {}
    for name, digest in digests.items():
        if (first := names.setdefault(digest, name)) != name:
            raise SepflowError(
                f"{files[name]}: the same recording as {files[first]}, and both are sources of one mixture. "
                "Take another one, or the published recordings."
            )
    return digests


def _content(path: Path) -> str:
    check_regular(path)  # to open a pipe would wait for ever
    try:
        return digest_of(path)
    except OSError as error:
        raise SepflowError(reason_of(error)) from None


def _digest_of(shard: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(shard).encode()).hexdigest()
