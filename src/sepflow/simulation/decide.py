"""Decide mixtures: which utterances, at which level, from where. No audio is touched.

Every row's randomness comes from its own id, so that the first thousand rows of a mix of ten thousand are
the rows of a mix of one thousand, whoever computes them.
"""

from typing import Any

import numpy as np
import pandas as pd

from sepflow.errors import SepflowError
from sepflow.seeding import generator

LEVEL_DB = (
    -25.0
)  # RMS of a source at level difference 0, in dB re full scale: high enough to hear, far from 1


class Pool:
    """The utterances a mix draws from, by speaker."""

    def __init__(self, manifest: pd.DataFrame, speakers_per_mixture: int, where: str):
        manifest = manifest.sort_index()
        self.utterances = {
            speaker: list(
                zip(rows.index, rows["samples"], rows["level_db"], rows["sex"].fillna(""), strict=True)
            )
            for speaker, rows in manifest.groupby("speaker")
        }
        self.speakers = sorted(self.utterances)
        if len(self.speakers) < speakers_per_mixture:
            raise SepflowError(
                f"{where}: {len(self.speakers)} speakers with utterances long enough, but a mixture needs "
                f"{speakers_per_mixture}. Add speakers, raise the split's share (`splits` of the corpus), or "
                "lower min_seconds of the mix, both in the scale's file."
            )

    def draw(self, recipe: dict[str, Any], rng: np.random.Generator) -> list[dict[str, Any]]:
        """One mixture's sources, each of another speaker: utterance, speaker, sex, samples, gain in dB."""
        count = recipe["speakers"]
        chosen = rng.choice(len(self.speakers), size=count, replace=False)
        levels = _levels(recipe["level_difference"], count, rng)
        sources = []
        for index, level in zip(chosen, levels, strict=True):
            speaker = self.speakers[index]
            utterance, samples, level_db, sex = self.utterances[speaker][
                rng.integers(len(self.utterances[speaker]))
            ]
            gain_db = round(float(LEVEL_DB + level - level_db), 6)
            sources.append(
                {
                    "utterance": utterance,
                    "speaker": speaker,
                    "sex": sex,
                    "samples": int(samples),
                    "gain_db": gain_db,
                }
            )
        return sources


def _levels(difference: list[float], count: int, rng: np.random.Generator) -> list[float]:
    """Levels in dB around 0 whose pairwise differences lie in `difference`."""
    low, high = difference
    if count == 2:
        first_over_second = rng.uniform(low, high)
        return [first_over_second / 2, -first_over_second / 2]
    return list(rng.uniform(low / 2, high / 2, size=count)) if count > 2 else [0.0]


def eligible(manifest: pd.DataFrame, recipe: dict[str, Any]) -> pd.DataFrame:
    """The rows of a manifest that a mix may draw: its split, and not shorter than its `min_seconds`."""
    shortest = recipe["min_seconds"] * recipe["corpus"]["rate"]
    return manifest[(manifest["split"] == recipe["split"]) & (manifest["samples"] >= shortest)]


def decide(recipe: dict[str, Any], manifest: pd.DataFrame, where: str = "the corpus") -> pd.DataFrame:
    """The plan of a mix: one row a mixture.

    Columns: id, samples, then for each source k = 1, 2, ...: utterance_k, speaker_k, sex_k, gain_db_k
    (applied to the utterance's samples) and offset_k (where in the mixture the utterance begins, in samples).
    `manifest` is indexed by utterance id. Raises SepflowError where there are too few speakers.
    """
    pool = Pool(eligible(manifest, recipe), recipe["speakers"], f"{where}, split {recipe['split']}")
    rows = []
    for number in range(recipe["mixtures"]):
        name = f"{recipe['split']}-{number:06d}"
        sources = pool.draw(recipe, generator("mixture", name))
        extent = min if recipe["length"] == "min" else max
        row = {"id": name, "samples": extent(source["samples"] for source in sources)}
        for k, source in enumerate(sources, 1):
            row |= {f"{key}_{k}": source[key] for key in ("utterance", "speaker", "sex", "gain_db")}
            row[f"offset_{k}"] = 0
        rows.append(row)
    return pd.DataFrame(rows)
