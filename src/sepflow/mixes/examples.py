"""Training examples: crops of mixtures, a pure function of (seed, number of the example)."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from sepflow.errors import SepflowError
from sepflow.mixes.mix import Mix, render
from sepflow.mixes.speakers.mixtures import Pool
from sepflow.seeding import generator


class Examples(Dataset):
    """Example i of a training: mixture [T] and references [C, T], float32, and its number i, by name.

    With `of_mixtures`, an example is a mixture of two mixtures, and these two are its references (MixIT).
    `data` is the part of a run's spec: `first` mixtures only; `dynamic` draws new sources and levels for each
    example from the utterances of the mix; `single_speaker` is the share of mixtures left with one speaker.
    With `crop` "fixed" a mixture is cropped alike each time, and an example has its pass and row too.
    """

    def __init__(self, mix: Mix, data: dict[str, Any], segment: int, seed: int, of_mixtures: bool):
        self.mix, self.data, self.segment, self.seed, self.of_mixtures = mix, data, segment, seed, of_mixtures
        self.rows = min(data["first"] or len(mix), len(mix))
        if self.rows < 1 + of_mixtures:
            raise SepflowError(f"{mix.directory}: {self.rows} mixtures are too few to train on")
        self.pool = self._pool() if data["dynamic"] else None
        self._orders: dict[int, np.ndarray] = {}

    def __getitem__(self, index: int) -> dict[str, Any]:
        example: dict[str, Any] = {"number": index}
        if self.data["crop"] == "fixed":
            example |= {"pass": index // self.rows, "row": self._crop(index)[0]}
        return example | {name: torch.from_numpy(x) for name, x in self._signals(index).items()}

    def _signals(self, index: int) -> dict[str, np.ndarray]:
        if self.of_mixtures:
            references = np.stack([self._half(2 * index + k, index) for k in range(2)])
        elif self.data["dynamic"]:
            references = self._references(index, index)
        else:
            return self.mix.example(*self._crop(index), self.segment)
        return {"mixture": references.sum(0), "references": references}

    def _half(self, number: int, example: int) -> np.ndarray:
        """Mixture `number` of the training, one of the two of a pair, with its noise where it has one."""
        mixture = self._references(number, example).sum(0)
        if self.mix.noise_corpus is None:
            return mixture
        return mixture + self.mix.noise(*self._crop(number), self.segment)

    def _references(self, number: int, example: int) -> np.ndarray:
        """The sources of mixture `number` of the training, cropped; one only, where the spec says so."""
        sources = self._draw(number) if self.pool else self.mix.sources(*self._crop(number), self.segment)
        return sources[:1] if self.of_mixtures and number == self._single(example) else sources

    def _single(self, example: int) -> int | None:
        """Which mixture of an example's pair has a single speaker: at most one, the share of all as asked."""
        share = self.data["single_speaker"]
        if not share:
            return None
        rng = generator(self.seed, "single", example)
        return 2 * example + int(rng.integers(2)) if rng.random() < 2 * share else None

    def _crop(self, number: int) -> tuple[int, int]:
        """Row and first sample of mixture `number`: every row once an epoch, in the epoch's own order.

        (Of an odd number of rows a pair leaves one out: it is never made of one mixture twice.)
        """
        epoch, position = divmod(number, self.rows - self.rows % 2 if self.of_mixtures else self.rows)
        if epoch not in self._orders:
            self._orders = {epoch: self._order(epoch)}
        row = int(self._orders[epoch][position])
        spare = int(self.mix.samples[row]) - self.segment
        name = ("fixed crop", row) if self.data["crop"] == "fixed" else ("crop", number)
        start = int(generator(self.seed, *name).integers(spare + 1)) if spare > 0 else 0
        return row, start

    def _order(self, epoch: int) -> np.ndarray:
        return generator(self.seed, "epoch", epoch).permutation(self.rows)

    def _pool(self) -> Pool:
        rows = self.mix.table.iloc[: self.rows]
        columns = [column for column in rows.columns if column.startswith("utterance_")]
        used = set(rows[columns].to_numpy().ravel())
        manifest = self.mix.corpus.manifest
        return Pool(manifest[manifest.index.isin(used)], len(columns), str(self.mix.directory))

    def _draw(self, number: int) -> np.ndarray:
        """A mixture that stands in no plan: new sources and levels, each source cropped on its own."""
        rng = generator(self.seed, "dynamic", number)
        sources = self.pool.draw(self.data["mix"], rng)
        spare = [max(source["samples"] - self.segment, 0) for source in sources]
        placed = [
            (source["utterance"], source["gain_db"], -int(rng.integers(room + 1)))
            for source, room in zip(sources, spare, strict=True)
        ]
        return render(self.mix.corpus, placed, self.segment)


class FixedExamples(Examples):
    """The examples that a run is validated on: the same each time, a row (or a pair of rows) each once."""

    def __len__(self) -> int:
        return self.rows // 2 if self.of_mixtures else self.rows

    def _order(self, epoch: int) -> np.ndarray:
        return np.arange(self.rows)
