"""What lies in ROOT/.sepflow beside a corpus: archives on their way, and what was fetched."""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sepflow.corpora.catalogue import Archive
from sepflow.errors import SepflowError
from sepflow.files import read_json, write_json, write_text

FOLDER = ".sepflow"
WAIT = 10.0  # seconds for another's lock: aria2c outlives a killed sepflow by a few


@dataclass(frozen=True)
class Journal:
    """The stations of `archive` on its way into the corpus's folder `root`, each left by a rename."""

    root: Path
    archive: Archive

    @property
    def part(self) -> Path:
        """What was transferred so far."""
        return self._path(".part")

    @property
    def whole(self) -> Path:
        """The archive, all of it."""
        return self._path("")

    @property
    def verified(self) -> Path:
        """What was found out about the whole archive: url, size, sha256; some of its files."""
        return self._path(".verified")

    @property
    def unpacking(self) -> Path:
        """What was unpacked so far."""
        return self._path(".unpacking")

    @property
    def unpacked(self) -> Path:
        """All that it holds, on its way into `root`."""
        return self._path(".unpacked")

    @property
    def record(self) -> Path:
        """That it is in its place; the content of `verified`."""
        return self._path(".json")

    @property
    def begun(self) -> bool:
        """Whether anything of it came."""
        stations = (self.part, self.whole, self.unpacking, self.unpacked, self.record)
        return any(path.exists() for path in stations)

    @property
    def intact(self) -> bool:
        """Whether it is in its place, by its record and by some of its files."""
        if not self.record.exists():
            return False
        files = self._names(self.record)
        return all((self.root / name).exists() for name in files)

    def begin_at(self, url: str) -> None:
        """Note the address that a transfer is begun from."""
        write_text(self._path(".from"), url)

    def begun_at(self) -> str:
        """The address that `part` was begun from; "" where that is not known."""
        path = self._path(".from")
        return path.read_text() if path.exists() else ""

    def verify(self, facts: dict[str, Any]) -> None:
        """Note what was facts out about the whole archive."""
        write_json(self.verified, facts)

    def found(self) -> dict[str, Any]:
        """What `verify` noted."""
        return self._note(self.verified)

    def complete(self, to: str) -> None:
        """Write the record: all of the archive is below `to`."""
        files = [str(Path(to) / name) for name in self._names(self.verified)]
        write_json(self.record, self.found() | {"files": files})

    def sweep(self, keep_archive: bool) -> None:
        """Remove what is needed no more, once the record is written."""
        for path in (self.verified, self._path(".from"), *([] if keep_archive else [self.whole])):
            path.unlink(missing_ok=True)

    def _note(self, path: Path) -> dict[str, Any]:
        """What was noted at `path`. Raises SepflowError where it is damaged."""
        content = read_json(path)
        if not isinstance(content, dict):
            raise SepflowError(f"{path}: damaged. Remove it, and start again.")
        return content

    def _names(self, path: Path) -> list[str]:
        """The files that a note names, once they are known. Raises SepflowError where it is damaged."""
        files = self._note(path).get("files")
        if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
            raise SepflowError(f"{path}: damaged. Remove it, and start again.")
        return files

    def _path(self, end: str) -> Path:
        return self.root / FOLDER / f"{self.archive.name}{end}"


def part_record(root: Path, part: str) -> Path:
    """Where it is written that a part is complete."""
    return root / FOLDER / f"{part}.json"


@contextlib.contextmanager
def locked(path: Path, wait: float = WAIT) -> Iterator[int]:
    """Hold the lock file `path`; yields its descriptor. Raises SepflowError where another keeps it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        end = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise SepflowError(
                        f"{path}: another sepflow is at it. Wait until it has ended, then start again."
                    ) from None
                time.sleep(0.1)
        yield file.fileno()
