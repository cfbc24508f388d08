"""The plan of LibriMix's mixtures: its tables, over packed corpora."""

import functools
from math import log10
from pathlib import Path

from sepflow.files.contracts import refuse
from sepflow.mixes import lists as listed
from sepflow.mixes.lists import MISSING, Finder, Row
from sepflow.mixes.mix import Corpus, Mix
from sepflow.mixes.recipes import Recipe
from sepflow.simulation.librimix.inputs import read_rows


def planned(recipe: Recipe, lists: Path, corpora: dict[str, Corpus]) -> list[Row]:
    """The rows of all mixtures of a table; SepflowError with the recordings that are missing."""
    path = lists / f"libri{recipe['speakers']}mix_{recipe['subset']}.csv"
    speech = Finder(corpora["corpus"], "speech")
    noise = Finder(corpora["noise"], "noise") if "noise" in corpora else None
    extent = min if recipe["length"] == "min" else max
    rows = []
    for line in read_rows(path, recipe["speakers"]):
        utterances = speech(line.sources)
        hissing = noise([line.noise]) if noise else []
        if utterances is None or hissing is None:
            continue
        samples = extent(map(corpora["corpus"].samples, utterances))
        row = {"id": line.mixture, "samples": samples} | speech.sources(utterances, line.gains)
        if hissing:
            longest = max(map(corpora["corpus"].native_samples, utterances))
            row |= {"noise": hissing[0], "noise_gain_db": 20 * log10(line.noise_gain)}
            row |= {"noise_samples": longest, "offset_noise": 0}
        rows.append(row)
    refuse(str(path), [*speech.missing, *(noise.missing if noise else [])], MISSING)
    return rows


MIX = Mix
decide = functools.partial(listed.decide_in, planned)
