"""Trees of audio files for other tools: rendered in shards, by several processes, resumed after a kill.

Beside the tree lies a journal, ROOT/.sepflow/NAME/DIGEST/: recipe.json, one file a finished shard with what
its items returned, and complete.json. Nothing in it depends on time, machine or the number of processes.
"""

import functools
import io
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soundfile
from scipy.io import wavfile
from tqdm import tqdm

from sepflow.corpora.parallel import in_order
from sepflow.errors import SepflowError
from sepflow.files import replacing, write_json
from sepflow.identity import difference_in_words, digest

Item = TypeVar("Item")

JOURNAL = ".sepflow"
SHARD = 32  # items: what a kill may cost each process


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

    @property
    def journal(self) -> Path:
        """The directory of this rendering's journal."""
        return self.root / JOURNAL / self.name / digest({"source": self.source, "variant": self.variant})

    def write_pcm16(self, path: str | Path, samples: np.ndarray, rate: int) -> None:
        """Write `samples` (float in -1..1, or int16; [T] or [T, channels]) as soundfile does it."""
        with io.BytesIO() as file, replacing(self.root / path, self._scratch()) as temporary:
            # Through memory: of a file on disk libsndfile waits until it is on the platter.
            soundfile.write(file, samples, rate, subtype="PCM_16", format="WAV")
            temporary.write_bytes(file.getbuffer())

    def write_float(self, path: str | Path, samples: np.ndarray, rate: int) -> None:
        """Write `samples` ([T] or [T, channels]) as 32-bit float WAV, without clipping.

        By scipy: soundfile puts the time of day into the file (its PEAK chunk).
        """
        with replacing(self.root / path, self._scratch()) as temporary:
            wavfile.write(temporary, rate, np.asarray(samples, np.float32))

    def write_text(self, path: str | Path, text: str) -> None:
        """Write `text` as UTF-8, whole or not at all."""
        with replacing(self.root / path, self._scratch()) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def _scratch(self) -> Path:
        # Not beside the target: what a kill leaves behind would be taken for a recording.
        return self.journal / "tmp"

    def render(
        self,
        items: Sequence[Item],
        render: Callable[["Tree", Item], Any],
        files: Callable[[Item], Iterable[Path]],
        jobs: int,
    ) -> list[Any]:
        """Do `render(tree, item)` for every item that is not done yet; return what all of them returned.

        `render` writes the item's files and returns what JSON holds; `files` names those files, below `root`:
        an item one of whose files is missing is rendered again. Both must pickle. The items' order is kept.
        Raises SepflowError where the tree was made from another source, and what `render` raises.
        """
        self.begin()
        shards = [(n, items[i : i + SHARD]) for n, i in enumerate(range(0, len(items), SHARD))]
        do = functools.partial(_shard, self, render, files)
        rows: list[Any] = []
        with tqdm(total=len(items), desc=self.name, unit="item", smoothing=0.05) as progress:
            for result in in_order(do, shards, jobs):
                rows += result
                progress.update(len(result))
        return rows

    def finish(self, files: int) -> None:
        """Write the completion file, once all is there (metadata too), and sweep the temporaries."""
        shutil.rmtree(self._scratch(), ignore_errors=True)
        write_json(self.journal / "complete.json", {"files": files})

    def begin(self) -> None:
        """Write the journal's recipe. Raises SepflowError where the tree was made from another source."""
        for other in sorted((self.root / JOURNAL / self.name).glob("*/recipe.json")):
            there = json.loads(other.read_text())["source"]
            if there != self.source:
                raise SepflowError(
                    f"{self.root}: its {self.name} was made from something else (there, now: "
                    f"{difference_in_words(there, self.source)}). Choose another --out, or remove it and "
                    f"{other.parent.parent}."
                )
        write_json(self.journal / "recipe.json", {"source": self.source, "variant": self.variant})


def _shard(
    tree: Tree,
    render: Callable[[Tree, Item], Any],
    files: Callable[[Item], Iterable[Path]],
    shard: tuple[int, Sequence[Item]],
) -> list[Any]:
    number, items = shard
    done = tree.journal / f"{number:05d}.json"
    whole = done.exists() and all((tree.root / path).exists() for item in items for path in files(item))
    if not whole:
        write_json(done, [render(tree, item) for item in items])
    return json.loads(done.read_text())
