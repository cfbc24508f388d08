"""The plan of wsj0-mix's mixtures: its lists, over a packed corpus."""

import functools
from collections.abc import Iterator
from pathlib import Path

from sepflow.files.contracts import refuse
from sepflow.mixes import lists as listed
from sepflow.mixes.lists import MISSING, Finder, Row
from sepflow.mixes.mix import Corpus, Mix
from sepflow.mixes.recipes import Recipe
from sepflow.simulation.wsj0mix import mixtures as wsj0mix
from sepflow.simulation.wsj0mix.lists import list_path, read_list, read_powers

SPLITS = {"train": "tr", "validation": "cv", "test": "tt"}


def planned(recipe: Recipe, lists: Path, corpora: dict[str, Corpus]) -> Iterator[Row]:
    """The rows of all mixtures of a list; SepflowError with the recordings that are missing."""
    path = list_path(lists, recipe["speakers"], SPLITS[recipe["split"]])
    lines = read_list(path, recipe["speakers"], read_powers(lists / "activlev"))
    corpus, speech = corpora["corpus"], Finder(corpora["corpus"], "speech")
    by_line = [speech(line.paths) for line in lines]
    refuse(str(path), list(speech.missing), MISSING)
    for line, utterances in zip(lines, by_line, strict=True):
        # One gain for all keeps the peaks below 0.9, so the samples themselves must be read.
        sources = [corpus.read(utterance) for utterance in utterances]
        samples = wsj0mix.samples(sources, recipe["length"])
        gain, _, _ = wsj0mix.normalise(wsj0mix.scale(sources, line.powers, line.snrs)[:, :samples])
        gains = [
            10 ** (snr / 20) / power**0.5 / gain for snr, power in zip(line.snrs, line.powers, strict=True)
        ]
        yield {"id": line.name.removesuffix(".wav"), "samples": samples} | speech.sources(utterances, gains)


MIX = Mix
decide = functools.partial(listed.decide_in, planned)
