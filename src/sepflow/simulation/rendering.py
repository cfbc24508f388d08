"""Trees of audio files for other tools: rendered in shards, by several processes, resumed after a kill.

Beside the tree lies a journal, ROOT/.sepflow/NAME/DIGEST/: recipe.json, a record of each finished shard, and
complete.json. Nothing in it depends on time, machine or the number of processes. None of it is believed: a
shard whose sources or files have not the content that its record says is rendered again.
"""

import dataclasses
import functools
import hashlib
import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soundfile
from scipy.io import wavfile
from tqdm import tqdm

from sepflow.corpora.parallel import in_order
from sepflow.errors import SepflowError
from sepflow.files import read_json, replacing
from sepflow.identity import difference_in_words, digest
from sepflow.simulation.journal import Record

Item = TypeVar("Item")

JOURNAL = ".sepflow"
SHARD = 32  # items: what a kill may cost each process

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tree:
    """A tree below `root`. `source` and `variant` determine every byte of what lies under `name`.

    Variants (rates, modes) of one source live side by side; of a second source, as of other metadata with
    the same name, none may be added to the tree.
    """

    root: Path
    name: str
    source: dict[str, Any]
    variant: dict[str, Any]
    written: dict[str, str] = field(default_factory=dict, compare=False)  # {file below root: its SHA-256}

    @property
    def journal(self) -> Path:
        """The directory of this rendering's journal."""
        return self.root / JOURNAL / self.name / digest({"source": self.source, "variant": self.variant})

    def write_pcm16(self, path: str | Path, samples: np.ndarray, rate: int) -> None:
        """Write `samples` (float in -1..1, or int16; [T] or [T, channels]) as soundfile does it.

        Raises SepflowError where one is NaN or infinite.
        """
        with io.BytesIO() as file:
            soundfile.write(file, _finite(path, samples), rate, subtype="PCM_16", format="WAV")
            self._write(path, file.getvalue())

    def write_float(self, path: str | Path, samples: np.ndarray, rate: int) -> None:
        """Write `samples` ([T] or [T, channels]) as 32-bit float WAV, without clipping.

        By scipy: soundfile puts the time of day into the file (its PEAK chunk). Raises as `write_pcm16`.
        """
        with io.BytesIO() as file, np.errstate(over="ignore"):
            wavfile.write(file, rate, _finite(path, np.asarray(samples, np.float32)))
            self._write(path, file.getvalue())

    def write_text(self, path: str | Path, text: str) -> None:
        """Write `text` as UTF-8, whole or not at all."""
        self._write(path, text.encode())

    def _write(self, path: str | Path, data: bytes) -> None:
        self._put(self.root / path, data)
        self.written[Path(path).as_posix()] = hashlib.sha256(data).hexdigest()

    def _put(self, path: Path, data: bytes) -> None:
        # Not beside the target: what a kill leaves behind would be taken for a recording.
        with replacing(path, self._scratch()) as temporary:
            temporary.write_bytes(data)

    def _scratch(self) -> Path:
        return self.journal / "tmp"

    def render(
        self,
        items: Sequence[Item],
        render: Callable[["Tree", Item], Any],
        sources: Callable[[Item], dict[str, str]],
        jobs: int,
    ) -> list[Any]:
        """Do `render(tree, item)` for every item that is not done yet; return what all of them returned.

        `render` writes the item's files and returns what JSON holds; `sources` says what they are made from,
        {name: digest}, names that do not depend on where things lie (`journal.contents`). An item whose
        sources or files are others than they were is rendered again. Both must pickle. The order is kept.
        Raises SepflowError where the tree was made from another source, and what the two raise.
        """
        self.begin()
        self._complete().unlink(missing_ok=True)
        shards = [(n, items[i : i + SHARD]) for n, i in enumerate(range(0, len(items), SHARD))]
        do = functools.partial(_shard, self, render, sources)
        rows: list[Any] = []
        with tqdm(total=len(items), desc=self.name, unit="item", smoothing=0.05) as progress:
            for result in in_order(do, shards, jobs):
                rows += result
                progress.update(len(result))
        for variant in self._outdated():
            log.warning(
                "%s: its %s with %s was made from recordings that have changed since: make that again too",
                *(self.root, self.name, ", ".join(f"{key} {value}" for key, value in variant.items())),
            )
        return rows

    def finish(self, files: int) -> None:
        """Write the completion file, once all is there (metadata too), and sweep the temporaries."""
        self._put(self._complete(), _json({"files": files}))
        shutil.rmtree(self._scratch(), ignore_errors=True)

    def begin(self) -> None:
        """Write the journal's recipe. Raises SepflowError where the tree was made from another source."""
        for path, other in self._recipes():
            if other["source"] != self.source:
                raise SepflowError(
                    f"{self.root}: its {self.name} was made from something else (there, now: "
                    f"{difference_in_words(other['source'], self.source)}). Choose another --out, or remove "
                    f"it and {path.parent.parent}."
                )
        self._put(self.journal / "recipe.json", _json({"source": self.source, "variant": self.variant}))

    def _recipes(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Where the recipe of each other variant of this tree lies, and what it says."""
        for path in sorted(self.journal.parent.glob("*/recipe.json")):
            if path.parent == self.journal:
                continue
            try:
                recipe = read_json(path)
            except SepflowError:
                recipe = None
            if not isinstance(recipe, dict) or digest(recipe) != path.parent.name:
                raise SepflowError(
                    f"{path}: damaged. Remove {path.parent}, and make that part of the tree again."
                )
            yield path, recipe

    def _outdated(self) -> Iterator[dict[str, Any]]:
        """The other variants that are made from what has changed since."""
        for path, recipe in self._recipes():
            pairs = (
                (Record.read(record), Record.read(self.journal / record.name))
                for record in sorted(path.parent.glob("[0-9]*.json"))
            )
            if any(theirs and ours and theirs.outdated(ours) for theirs, ours in pairs):
                yield recipe["variant"]

    def _complete(self) -> Path:
        return self.journal / "complete.json"


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _finite(path: str | Path, samples: np.ndarray) -> np.ndarray:
    if not np.isfinite(samples).all():
        raise SepflowError(f"{path}: would hold NaN or infinite samples. Is a level of it out of all bounds?")
    return samples


def _shard(
    tree: Tree,
    render: Callable[[Tree, Item], Any],
    sources: Callable[[Item], dict[str, str]],
    shard: tuple[int, Sequence[Item]],
) -> list[Any]:
    number, items = shard
    path = tree.journal / f"{number:05d}.json"
    # Before anything is read: what changes while it is rendered is then seen the next time.
    made_of = [sources(item) for item in items]
    there = Record.read(path)
    if there and there.sources == made_of and there.whole(tree.root):
        return there.results
    tree = dataclasses.replace(tree, written={})
    results = json.loads(json.dumps([render(tree, item) for item in items]))
    for old in there.files.keys() - tree.written.keys() if there else ():
        (tree.root / old).unlink(missing_ok=True)
    tree._put(path, Record(made_of, tree.written, results).text().encode())
    return results
