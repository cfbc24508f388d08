"""Mixtures with a run's estimates."""

from pathlib import Path

import numpy as np
import pandas as pd

from sepflow.files.contracts import check_size
from sepflow.mixes import code_of
from sepflow.mixes.labels import LABELS
from sepflow.mixes.mix import Corpus, Mix
from sepflow.mixes.recipes import Recipe


class LabelledMix(Mix):
    """A mix whose references are another run's estimates: labels.f32, row after row, each [C, samples]."""

    def __init__(self, directory: str | Path, mix: Mix):
        super().__init__(directory, mix.corpus, mix.table, mix.noise_corpus)
        self._mix = mix  # of its own kind, with the plan of this one
        check_size(self.directory / LABELS, 4 * len(self._sources) * int(self.samples.sum()))
        self._labels = np.memmap(self.directory / LABELS, dtype="<f4", mode="r")
        self._begin = np.concatenate([[0], np.cumsum(self.samples * len(self._sources))])

    @classmethod
    def opened(cls, recipe: Recipe, directory: Path, table: pd.DataFrame, corpora: dict[str, Corpus]) -> Mix:
        """The mix of `recipe`, whose labels are targets, or inputs."""
        kind = InputsMix if recipe.get("as") == "inputs" else cls
        mix = code_of(recipe["mix"]["kind"]).MIX
        return kind(directory, mix.opened(recipe["mix"], directory, table, corpora))

    def mixture(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The mixture, [T] float32, as its kind has it."""
        return self._mix.mixture(row, start, length)

    def references(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The pseudo-labels, [C, T] float32; zeros past the end of the mixture."""
        labels = self._labels[self._begin[row] : self._begin[row + 1]].reshape(len(self._sources), -1)
        length = labels.shape[1] - start if length is None else length
        cut = np.array(labels[:, start : start + length])
        return np.pad(cut, ((0, 0), (0, length - cut.shape[1])))


class InputsMix(LabelledMix):
    """A mix of which another run's estimates are heard, and whose references are its own sources."""

    def mixture(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The estimates, [C, T] float32."""
        return super().references(row, start, length)

    def references(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """What a model should give back by the mix's own kind, [C, T] float32."""
        return self._mix.references(row, start, length)


MIX = LabelledMix
