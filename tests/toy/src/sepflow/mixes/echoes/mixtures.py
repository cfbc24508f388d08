"""The plan of speakers with an echo, and their samples."""

from pathlib import Path

import numpy as np
import pandas as pd

from sepflow.mixes.clips import mixtures as clips
from sepflow.mixes.mix import Mix, render
from sepflow.mixes.recipes import Recipe
from sepflow.seeding import generator


def decide(recipe: Recipe, results: Path, lists: Path | None = None) -> pd.DataFrame:
    """Clips with one more column: where the echo begins, up to twice the delay."""
    table = clips.decide(recipe, results)
    longest = 2 * recipe["delay"] * recipe["corpus"]["rate"]
    return table.assign(
        offset_echo=[int(generator("echo", name).integers(1, longest)) for name in table["id"]]
    )


class Echoes(Mix):
    """A mix whose mixtures have an echo; their references are the speakers without it."""

    def mixture(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The speaker and the echo, [T] float32."""
        (source,) = self.sources(row, start, length)
        utterance, delay = self.table["utterance_1"][row], int(self.table["offset_echo"][row])
        return source + render(self.corpus, [(utterance, -6.0, delay - start)], len(source))[0]


MIX = Echoes
