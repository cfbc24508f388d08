"""Render mixtures from their plan, sample by sample, as they are needed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sepflow.contracts import check_mix, check_size
from sepflow.corpora.packed import PackedCorpus


class Mix:
    """A decided mix over a packed corpus; row i is a mixture.

    `references` are what a model should give back: here the sources themselves, [C, T] float32.
    """

    def __init__(self, directory: str | Path, corpus: PackedCorpus, table: pd.DataFrame | None = None):
        self.directory, self.corpus = Path(directory), corpus
        self.table = read_plan(self.directory / "mix.csv") if table is None else table
        self.ids = list(self.table["id"])
        self.samples = self.table["samples"].to_numpy()
        count = sum(column.startswith("utterance_") for column in self.table.columns)
        self._sources = [
            list(zip(*(self.table[f"{key}_{k}"] for key in ("utterance", "gain_db", "offset")), strict=True))
            for k in range(1, count + 1)
        ]

    def __len__(self) -> int:
        return len(self.ids)

    def sources(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The sources of a mixture as they lie in it, [C, T] float32, from `start` for `length` samples."""
        length = int(self.samples[row]) - start if length is None else length
        placed = [
            (utterance, gain_db, offset - start)
            for utterance, gain_db, offset in (source[row] for source in self._sources)
        ]
        return render(self.corpus, placed, length)

    def mixture(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The mixture, [T] float32: the sum of its sources."""
        return self.sources(row, start, length).sum(0)

    def references(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """What a model should give back, [C, T] float32."""
        return self.sources(row, start, length)

    def pair(self, row: int) -> str:
        """ "same" or "different" sex of the speakers of a mixture; empty where one is not known."""
        sexes = [self.table[f"sex_{k}"].iat[row] for k in range(1, len(self._sources) + 1)]
        return "" if "" in sexes else "same" if len(set(sexes)) == 1 else "different"

    def segments(self, samples: int) -> "Mix":
        """The mix with every mixture cut into segments of `samples`; what is left of each is left out."""
        return Mix(self.directory, self.corpus, cut_segments(self.table, samples))


class LabelledMix(Mix):
    """A mix whose references are another run's estimates: labels.f32, row after row, each [C, samples]."""

    def __init__(self, directory: str | Path, corpus: PackedCorpus):
        super().__init__(directory, corpus)
        check_size(self.directory / "labels.f32", 4 * len(self._sources) * int(self.samples.sum()))
        self._labels = np.memmap(self.directory / "labels.f32", dtype="<f4", mode="r")
        self._begin = np.concatenate([[0], np.cumsum(self.samples * len(self._sources))])

    def references(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The pseudo-labels, [C, T] float32; zeros past the end of the mixture."""
        labels = self._labels[self._begin[row] : self._begin[row + 1]].reshape(len(self._sources), -1)
        length = labels.shape[1] - start if length is None else length
        cut = np.array(labels[:, start : start + length])
        return np.pad(cut, ((0, 0), (0, length - cut.shape[1])))


def read_plan(path: Path) -> pd.DataFrame:
    """The plan of a mix, checked. Names are strings: "007" is a speaker, "NA" too."""
    columns = pd.read_csv(path, nrows=0).columns
    names = {column: str for column in columns if column.startswith(("id", "utterance_", "speaker_", "sex_"))}
    table = pd.read_csv(path, keep_default_na=False, dtype=names, float_precision="round_trip")
    check_mix(table, str(path))
    return table


def render(corpus: PackedCorpus, placed: list[tuple[str, float, int]], length: int) -> np.ndarray:
    """Sources (utterance, gain in dB, offset in samples) as they lie in a mixture of T = `length`: [C, T]."""
    out = np.zeros((len(placed), length), dtype=np.float32)
    for target, (utterance, gain_db, offset) in zip(out, placed, strict=True):
        begin, skip = max(offset, 0), max(-offset, 0)
        count = min(length - begin, corpus.samples(utterance) - skip)
        if count > 0:
            samples = corpus.read(utterance, skip, count)
            target[begin : begin + count] = samples * np.float32(10 ** (gain_db / 20))
    return out


def open_mix(recipe: dict[str, Any], directory: str | Path, corpus: str | Path) -> Mix:
    """The mix of `recipe` at `directory`, over the packed corpus in the directory `corpus`."""
    kind = LabelledMix if recipe["kind"] == "labels" else Mix
    return kind(directory, PackedCorpus(corpus))


def cut_segments(table: pd.DataFrame, samples: int) -> pd.DataFrame:
    """A plan with every mixture cut into segments of `samples`, each a mixture of its own."""
    rows = []
    offsets = [column for column in table.columns if column.startswith("offset_")]
    for row in table.to_dict("records"):
        for start in range(0, row["samples"] - samples + 1, samples):
            moved = {column: row[column] - start for column in offsets}
            rows.append({**row, **moved, "id": f"{row['id']}-{start}", "samples": samples})
    return pd.DataFrame(rows, columns=table.columns)
