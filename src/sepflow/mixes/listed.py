"""The plan of a mix that somebody published: LibriMix's tables, wsj0-mix's lists, over packed corpora."""

from collections.abc import Iterator, Sequence
from math import log10
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from sepflow.errors import SepflowError
from sepflow.files.contracts import refuse
from sepflow.mixes.mix import Corpus
from sepflow.mixes.recipes import Recipe
from sepflow.simulation.librimix.inputs import read_rows
from sepflow.simulation.wsj0mix import mixtures as wsj0mix
from sepflow.simulation.wsj0mix.lists import list_path, read_list, read_powers

WSJ0MIX_SPLITS = {"train": "tr", "validation": "cv", "test": "tt"}
MISSING = (
    "Is all of the corpus there that the list was made from? Build it with these parts too. (Noise at other "
    "speeds, ...sp08 and ...sp12, is written by sepflow simulate librimix-noise.)"
)

Row = dict[str, Any]


def decide_listed(recipe: Recipe, lists: Path, corpora: dict[str, Corpus]) -> pd.DataFrame:
    """The plan of a mix from its published `lists`, one row a mixture, in the order of the list.

    Columns as `decide`'s; with noise also noise, noise_gain_db, noise_samples (at the noise's own rate) and
    offset_noise. It has the first `mixtures` rows that are not shorter than `min_seconds`.
    Raises SepflowError where there are fewer, and with all recordings that are missing in the corpora.
    """
    planned = (_librimix if recipe["kind"] == "librimix" else _wsj0mix)(recipe, lists, corpora)
    shortest, wanted = recipe["min_seconds"], recipe["mixtures"]
    rows = [row for row in planned if row["samples"] >= shortest * recipe["rate"]][:wanted]
    if len(rows) < wanted:
        raise SepflowError(
            f"{lists}: {len(rows)} mixtures of {shortest:g} s or more, and the mix asks for {wanted}. Is the "
            "list whole? Else lower `mixtures` or `min_seconds` of the mix, in the scale's file."
        )
    return pd.DataFrame(rows)


class Finder:
    """The utterances of a corpus by the names of their files, whatever their directories and suffixes."""

    def __init__(self, corpus: Corpus, what: str):
        self.corpus, self.what = corpus, what
        manifest = corpus.manifest
        names = [PurePosixPath(path).stem.lower() for path in manifest["path"]]
        self.ids = dict(zip(names, manifest.index, strict=True))
        self.labels = dict(
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
            speaker, sex = self.labels[utterance]
            row |= {f"utterance_{k}": utterance, f"speaker_{k}": speaker, f"sex_{k}": sex}
            row |= {f"gain_db_{k}": 20 * log10(gain), f"offset_{k}": 0}
        return row


def _librimix(recipe: Recipe, lists: Path, corpora: dict[str, Corpus]) -> list[Row]:
    path = lists / f"libri{recipe['speakers']}mix_{recipe['subset']}.csv"
    speech = Finder(corpora["corpus"], "speech")
    noise = Finder(corpora["noise"], "noise") if "noise" in corpora else None
    extent = min if recipe["length"] == "min" else max
    rows = []
    for line in read_rows(path, recipe["speakers"]):
        found = speech(line.sources)
        hissing = noise([line.noise]) if noise else []
        if found is None or hissing is None:
            continue
        samples = extent(map(corpora["corpus"].samples, found))
        row = {"id": line.mixture, "samples": samples} | speech.sources(found, line.gains)
        if hissing:
            longest = max(map(corpora["corpus"].native_samples, found))
            row |= {"noise": hissing[0], "noise_gain_db": 20 * log10(line.noise_gain)}
            row |= {"noise_samples": longest, "offset_noise": 0}
        rows.append(row)
    refuse(str(path), [*speech.missing, *(noise.missing if noise else [])], MISSING)
    return rows


def _wsj0mix(recipe: Recipe, lists: Path, corpora: dict[str, Corpus]) -> Iterator[Row]:
    path = list_path(lists, recipe["speakers"], WSJ0MIX_SPLITS[recipe["split"]])
    lines = read_list(path, recipe["speakers"], read_powers(lists / "activlev"))
    corpus, speech = corpora["corpus"], Finder(corpora["corpus"], "speech")
    found = [speech(line.paths) for line in lines]
    refuse(str(path), list(speech.missing), MISSING)
    for line, utterances in zip(lines, found, strict=True):
        # One gain for all keeps the peaks below 0.9, so the samples themselves must be read.
        sources = [corpus.read(utterance) for utterance in utterances]
        samples = wsj0mix.samples(sources, recipe["length"])
        gain, _, _ = wsj0mix.normalise(wsj0mix.scale(sources, line.powers, line.snrs)[:, :samples])
        gains = [
            10 ** (snr / 20) / power**0.5 / gain for snr, power in zip(line.snrs, line.powers, strict=True)
        ]
        yield {"id": line.name.removesuffix(".wav"), "samples": samples} | speech.sources(utterances, gains)
