"""Mixtures with an enrolment: decided by name, the target first; brought to their levels when rendered."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyloudnorm

from sepflow.corpora.packed import read_manifest
from sepflow.errors import SepflowError
from sepflow.identity import digest
from sepflow.mixes.mix import Corpus, Mix
from sepflow.mixes.recipes import Recipe, corpora_of, rate_of
from sepflow.mixes.speakers.mixtures import eligible
from sepflow.results import Results
from sepflow.seeding import generator

LUFS = -23.0  # of each voice: what FFmpeg's normalising (EBU R128) aims at
SHORTEST = 0.4  # s, of a block of that loudness


def decide(recipe: Recipe, results: Path, lists: Path | None = None) -> pd.DataFrame:
    """One row a mixture: a target with its enrolment, and an interferer or noise; stretches drawn of each.

    enrolment_1 is another utterance of the target, enrolment_2 one of another speaker (the interferer, where
    there is one). Raises SepflowError where there are too few speakers with two utterances.
    """
    places = {part: Results(results).corpus(digest(one)) for part, one in corpora_of(recipe).items()}
    tables = {part: read_manifest(place, place.name) for part, place in places.items()}
    rows = eligible(tables["corpus"], recipe).sort_index()
    noise = tables.get("noise")
    if noise is not None:
        noise = noise[noise["split"] == recipe["split"]].sort_index()
        if noise.empty:
            raise SepflowError(f"{places['noise']}: no recording in the split {recipe['split']}")
    voices = {name: own for name, own in rows.groupby("speaker") if len(own) > 1}
    if len(voices) < 2:
        raise SepflowError(
            f"{places['corpus']}: {len(voices)} speakers with two utterances of {recipe['min_seconds']:g} s "
            f"in the split {recipe['split']}: a target needs an enrolment, and somebody "
            "to be told apart from. Add speakers, or lower min_seconds of the mix"
        )
    names = (f"{recipe['split']}-{number:06d}" for number in range(recipe["mixtures"]))
    return pd.DataFrame([_draw(name, voices, noise, recipe) for name in names])


def _draw(
    name: str, voices: dict[str, pd.DataFrame], noise: pd.DataFrame | None, recipe: Recipe
) -> dict[str, Any]:
    rng, samples = generator("enrolled", name), round(recipe["seconds"] * rate_of(recipe))
    row: dict[str, Any] = {"id": name, "samples": samples}
    for k, speaker in enumerate(rng.choice(sorted(voices), 2, replace=False), 1):
        mixed, other = rng.choice(len(voices[speaker]), 2, replace=False)
        row[f"enrolment_{k}"] = voices[speaker].index[other]
        if k == 1 or noise is None:
            own = voices[speaker].iloc[mixed]
            row |= {f"utterance_{k}": own.name, f"speaker_{k}": speaker, f"sex_{k}": own["sex"]}
            row |= {f"gain_db_{k}": 0.0, f"offset_{k}": _offset(int(own["samples"]), samples, rng)}
    if noise is not None:
        own = noise.iloc[int(rng.integers(len(noise)))]
        whole = max(int(own["samples"]), samples)
        level = -round(float(rng.uniform(*recipe["noise_difference"])), 6)
        row |= {"noise": own.name, "noise_gain_db": level, "noise_samples": whole}
        row["offset_noise"] = _offset(whole, samples, rng)
    return row


def _offset(whole: int, samples: int, rng: np.random.Generator) -> int:
    """Where in a mixture of so many samples an utterance begins: a stretch of it, or all at the beginning."""
    return -int(rng.integers(whole - samples + 1)) if whole > samples else 0


class Enrolled(Mix):
    """Mixtures of a target and an interferer of its loudness (BS.1770), or noise at a level below it.

    The gains of a plan are beside that: all 0 dB, and of noise its level over the target's. `references` are
    both, [2, T], the target first; an example has an `enrolment` [E] too.
    """

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self.meter: pyloudnorm.Meter | None = None
        self.enrolment = 0

    @classmethod
    def opened(
        cls, recipe: Recipe, directory: Path, table: pd.DataFrame, corpora: dict[str, Corpus]
    ) -> "Enrolled":
        """The mix of `recipe`, with how its loudness is measured, and how much of an enrolment is heard."""
        mix = cls(directory, table=table, **corpora)
        mix.meter = pyloudnorm.Meter(rate_of(recipe))
        mix.enrolment = round(recipe["enrolment"] * rate_of(recipe))
        return mix

    def sources(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The target, and what is beside it, as they lie in the mixture, [2, T] float32."""
        whole = np.stack([self._loud(signal) for signal in super().sources(row)])
        if self.noise_corpus is not None:
            noise = super().noise(row)
            gain = 10 ** (self.table["noise_gain_db"].iat[row] / 20)
            powers = [np.square(x, dtype=np.float64).mean() for x in (whole[0], noise)]
            # The noise as it was read has that gain already: what is wanted is a ratio of powers.
            noise = noise * np.float32(gain * np.sqrt(powers[0] / powers[1])) if powers[1] else noise
            whole = np.stack([whole[0], noise])
        length = whole.shape[1] - start if length is None else length
        cut = whole[:, start : start + length]
        return np.pad(cut, ((0, 0), (0, length - cut.shape[1])))

    def noise(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The noise of a mixture as it lies in it, at its level below the target, [T] float32."""
        return self.sources(row, start, length)[1]

    def mixture(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """Both together, [T] float32."""
        return self.sources(row, start, length).sum(0)

    def example(self, row: int, start: int, length: int) -> dict[str, np.ndarray]:
        """mixture [T], references [2, T], and the enrolment's beginning [E], over again where it ends."""
        sources = self.sources(row, start, length)
        enrolment = np.resize(self.enrolled(row)[0][: self.enrolment], self.enrolment)
        return {"mixture": sources.sum(0), "references": sources, "enrolment": enrolment}

    def enrolled(self, row: int) -> list[np.ndarray]:
        """The whole enrolments of the target, and of the other speaker."""
        return [self.corpus.read(self.table[f"enrolment_{k}"].iat[row]) for k in (1, 2)]

    def facts(self, row: int) -> dict[str, Any]:
        """The whole enrolments of the target and of the other; whether `voices` alone are mixed."""
        return {"enrolments": self.enrolled(row), "voices": self.noise_corpus is None}

    def _loud(self, signal: np.ndarray) -> np.ndarray:
        """A signal at that loudness; silence, and what is too short to have any, as it is."""
        if len(signal) < SHORTEST * self.meter.rate:
            return signal
        loudness = self.meter.integrated_loudness(signal)
        return signal * np.float32(10 ** ((LUFS - loudness) / 20)) if np.isfinite(loudness) else signal


MIX = Enrolled
