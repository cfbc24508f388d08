"""The plan of trials, and their two sides. Nothing is mixed: a trial's mixture is its first utterance."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sepflow.corpora.packed import read_manifest
from sepflow.errors import SepflowError
from sepflow.files.reading import read_table
from sepflow.identity import digest
from sepflow.mixes.mix import Mix, render
from sepflow.mixes.recipes import Recipe
from sepflow.mixes.speakers.mixtures import eligible
from sepflow.results import Results
from sepflow.seeding import generator

TRIALS = "trials.csv"  # of a corpus


def decide(recipe: Recipe, results: Path, lists: Path | None = None) -> pd.DataFrame:
    """One row a trial: two sources, and the second one's length as samples_2.

    Drawn, every other trial is of one speaker, in two utterances, the rest of two. Raises SepflowError where
    there are too few speakers or utterances, or the corpus has no list of its own, or one of another length.
    """
    corpus = Results(results).corpus(digest(recipe["corpus"]))
    rows = eligible(read_manifest(corpus, corpus.name), recipe).sort_index()
    if recipe.get("published"):
        return _published(rows, recipe, corpus)
    speakers = {name: list(own.index) for name, own in rows.groupby("speaker")}
    names = sorted(name for name, own in speakers.items() if len(own) > 1)
    if len(names) < 2:
        raise SepflowError(
            f"{corpus}: {len(names)} speakers with two utterances of {recipe['min_seconds']:g} s in the "
            f"split {recipe['split']}, and trials need two. Add speakers, or lower min_seconds of the mix"
        )
    trials = []
    for number in range(recipe["mixtures"]):
        name = f"{recipe['split']}-{number:06d}"
        rng = generator("trial", name)
        first, second = rng.choice(names, 2, replace=False)
        if number % 2 == 0:
            sides = rng.choice(speakers[first], 2, replace=False)
        else:
            sides = [rng.choice(speakers[speaker]) for speaker in (first, second)]
        trials.append(_row(name, *sides, rows))
    return pd.DataFrame(trials)


def _published(rows: pd.DataFrame, recipe: Recipe, corpus: Path) -> pd.DataFrame:
    """The trials of the corpus's own list."""
    path = corpus / TRIALS
    if not path.exists():
        raise SepflowError(
            f"{corpus}: no {TRIALS} of its own; without `published` in the mix trials are drawn"
        )
    trials = read_table(path, (), "Make the corpus again.", dtype=str)
    if len(trials) != recipe["mixtures"]:
        raise SepflowError(f"{path}: {len(trials)} trials, and the mix asks for {recipe['mixtures']}")
    if unknown := sorted({*trials["enrolment"], *trials["test"]} - {*rows.index}):
        raise SepflowError(
            f"{path}: {unknown[0]} and {len(unknown) - 1} others are not in the split {recipe['split']}, or "
            f"shorter than {recipe['min_seconds']:g} s"
        )
    sides = enumerate(zip(trials["enrolment"], trials["test"], strict=True))
    table = pd.DataFrame([_row(f"{recipe['split']}-{k:06d}", *two, rows) for k, two in sides])
    said = trials["same"] == "1"
    if wrong := list(table["id"][(table["speaker_1"] == table["speaker_2"]) != said.to_numpy()]):
        raise SepflowError(f"{path}: {len(wrong)} trials are not as their speakers say, {wrong[0]} the first")
    return table


def _row(name: str, first: str, second: str, rows: pd.DataFrame) -> dict[str, Any]:
    trial: dict[str, Any] = {
        "id": name,
        "samples": rows["samples"][first],
        "samples_2": rows["samples"][second],
    }
    for k, side in enumerate((first, second), 1):
        sex = rows["sex"].fillna("")[side]
        trial |= {f"utterance_{k}": side, f"speaker_{k}": rows["speaker"][side], f"sex_{k}": sex}
        trial |= {f"gain_db_{k}": 0.0, f"offset_{k}": 0}
    return trial


class Trials(Mix):
    """Trials; `mixture` is the first utterance, [T1], and `references` the second, [1, T2], both float32."""

    def mixture(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The first utterance, or `length` samples from `start`, zeros past its end."""
        return self._side(row, 1, start, length)

    def references(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The second utterance."""
        return self._side(row, 2, start, length)[None]

    def facts(self, row: int) -> dict[str, Any]:
        """Whether both are of the `same` speaker, and of one sex (`alike`); the names of the two `sides`."""
        trial = self.table.iloc[row]
        speakers, sides = ([trial[f"{key}_{k}"] for k in (1, 2)] for key in ("speaker", "utterance"))
        return {"same": speakers[0] == speakers[1], "alike": self.pair(row) == "same", "sides": sides}

    def _side(self, row: int, k: int, start: int, length: int | None) -> np.ndarray:
        samples = self.table["samples" if k == 1 else "samples_2"].iat[row]
        utterance = self.table[f"utterance_{k}"].iat[row]
        return render(self.corpus, [(utterance, 0.0, -start)], samples - start if length is None else length)[
            0
        ]


MIX = Trials
