"""Decide mixtures: which utterances, at which level, from where. No audio is touched.

Every row's randomness comes from its own id, so that the first thousand rows of a mix of ten thousand are
the rows of a mix of one thousand, whoever computes them.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sepflow.corpora.packed import read_manifest
from sepflow.corpora.splits import place
from sepflow.errors import SepflowError
from sepflow.identity import digest
from sepflow.mixes import check_channels
from sepflow.mixes.mix import Mix
from sepflow.mixes.recipes import corpora_of
from sepflow.results import Results
from sepflow.seeding import generator
from sepflow.simulation.librimix.mixtures import FADE

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
                f"{speakers_per_mixture}. Add speakers, raise the split's share (`splits` of the corpus), "
                "lower min_seconds of the mix, or widen its `among`, all in the scale's file."
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
    """The rows of a manifest that a mix may draw: its split, its share of the speakers, not too short."""
    shortest = recipe["min_seconds"] * recipe["corpus"]["rate"]
    low, high = recipe.get("among", (0, 1))
    among = manifest["speaker"].map(lambda speaker: low <= place(speaker) < high)
    return manifest[(manifest["split"] == recipe["split"]) & (manifest["samples"] >= shortest) & among]


def decide(recipe: dict[str, Any], results: Path, lists: Path | None = None) -> pd.DataFrame:
    """The plan of a mix over the corpora that are built in `results`."""
    check_channels(recipe, f"mix {digest(recipe)}")
    places = {part: Results(results).corpus(digest(one)) for part, one in corpora_of(recipe).items()}
    manifests = {part: read_manifest(place, place.name) for part, place in places.items()}
    return draw(recipe, manifests["corpus"], str(places["corpus"]), manifests.get("noise"))


def draw(
    recipe: dict[str, Any],
    manifest: pd.DataFrame,
    where: str = "the corpus",
    noise: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The plan of a mix: one row a mixture.

    Columns: id, samples, then for each source k = 1, 2, ...: utterance_k, speaker_k, sex_k, gain_db_k
    (applied to the utterance's samples) and offset_k (where in the mixture the utterance begins, in samples).
    With a manifest of `noise` also noise, noise_gain_db, noise_samples (to which it is extended, of its own)
    and offset_noise. The manifests are indexed by id.
    Raises SepflowError where there are too few speakers, or no noise.
    """
    hisses = None if noise is None else _eligible_noise(noise, recipe, where)
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
        if hisses is not None:
            row |= _draw_noise(recipe, hisses, row["samples"], generator("noise", name))
        rows.append(row)
    return pd.DataFrame(rows)


def _eligible_noise(noise: pd.DataFrame, recipe: dict[str, Any], where: str) -> pd.DataFrame:
    rows = noise[(noise["split"] == recipe["split"]) & (noise["samples"] > FADE)].sort_index()
    if rows.empty:
        raise SepflowError(f"{where}: the mix's noise has no recording over {FADE} samples in its split")
    return rows


def _draw_noise(
    recipe: dict[str, Any], noise: pd.DataFrame, samples: int, rng: np.random.Generator
) -> dict[str, Any]:
    """A mixture's noise: a stretch of a longer recording, or a shorter one that is repeated, at its level.

    Of its own randomness, so that a noisy mix has the speech of its clean twin.
    """
    chosen = noise.iloc[int(rng.integers(len(noise)))]
    spare = int(chosen["samples"]) - samples
    level = LEVEL_DB - rng.uniform(*recipe["noise_difference"])
    return {
        "noise": chosen.name,
        "noise_gain_db": round(float(level - chosen["level_db"]), 6),
        "noise_samples": max(int(chosen["samples"]), samples),
        "offset_noise": -int(rng.integers(spare + 1)) if spare > 0 else 0,
    }


MIX = Mix
