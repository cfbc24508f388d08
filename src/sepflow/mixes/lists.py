"""The plan of a mix that somebody published as a list, over packed corpora."""

from collections.abc import Callable, Iterable, Sequence
from math import log10
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from sepflow.errors import SepflowError
from sepflow.mixes.mix import Corpus, open_corpora
from sepflow.mixes.recipes import Recipe

MISSING = (
    "Is all of the corpus there that the list was made from? Build it with these parts too. (Noise at other "
    "speeds, ...sp08 and ...sp12, is written by sepflow simulate librimix-noise.)"
)

Row = dict[str, Any]
Planned = Callable[[Recipe, Path, dict[str, Corpus]], Iterable[Row]]


def decide_listed(planned: Planned, recipe: Recipe, lists: Path, corpora: dict[str, Corpus]) -> pd.DataFrame:
    """The plan of a mix from its published `lists`, one row a mixture, in the order of the list.

    Columns as those of drawn mixtures; with noise also noise, noise_gain_db, noise_samples (at the noise's
    own rate) and offset_noise. It has the first `mixtures` rows, of those that are `planned`, that are not
    shorter than `min_seconds`. Raises SepflowError where there are fewer, and with all recordings that are
    missing in the corpora.
    """
    shortest, wanted = recipe["min_seconds"], recipe["mixtures"]
    candidates = planned(recipe, lists, corpora)
    rows = [row for row in candidates if row["samples"] >= shortest * recipe["rate"]][:wanted]
    if len(rows) < wanted:
        raise SepflowError(
            f"{lists}: {len(rows)} mixtures of {shortest:g} s or more, and the mix asks for {wanted}. Is the "
            "list whole? Else lower `mixtures` or `min_seconds` of the mix, in the scale's file."
        )
    return pd.DataFrame(rows)


def decide_in(planned: Planned, recipe: Recipe, results: Path, lists: Path | None) -> pd.DataFrame:
    """`decide_listed` over the corpora that are built in `results`."""
    if lists is None:
        raise SepflowError("made where its lists are, by snakemake")
    return decide_listed(planned, recipe, lists, open_corpora(recipe, results))


class Finder:
    """The utterances of a corpus by the names of their files, whatever their directories and suffixes."""

    def __init__(self, corpus: Corpus, what: str):
        self.corpus, self.what = corpus, what
        manifest = corpus.manifest
        names = [PurePosixPath(path).stem.lower() for path in manifest["path"]]
        self.ids = dict(zip(names, manifest.index, strict=True))
        self.speakers = dict(
            zip(manifest.index, zip(manifest["speaker"], manifest["sex"], strict=True), strict=True)
        )
        self.missing: dict[str, None] = {}

    def __call__(self, paths: Sequence[str]) -> list[str] | None:
        """The ids of the utterances at `paths`; None, and a note of it, where one is not in the corpus."""
        names = [PurePosixPath(path).stem.lower() for path in paths]
        absent = [path for path, name in zip(paths, names, strict=True) if name not in self.ids]
        self.missing |= dict.fromkeys(f"{path}: not in the corpus of the {self.what}" for path in absent)
        return None if absent else [self.ids[name] for name in names]

    def sources(self, utterances: Sequence[str], gains: Sequence[float]) -> Row:
        """The columns of a mixture's sources: utterance, speaker, sex, gain in dB, offset."""
        row: Row = {}
        for k, (utterance, gain) in enumerate(zip(utterances, gains, strict=True), 1):
            speaker, sex = self.speakers[utterance]
            row |= {f"utterance_{k}": utterance, f"speaker_{k}": speaker, f"sex_{k}": sex}
            row |= {f"gain_db_{k}": 20 * log10(gain), f"offset_{k}": 0}
        return row
