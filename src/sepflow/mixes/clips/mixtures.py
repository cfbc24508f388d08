"""The plan of clips: which recordings of a corpus, in an order of their own."""

from pathlib import Path

import pandas as pd

from sepflow.corpora.packed import read_manifest
from sepflow.corpora.splits import place
from sepflow.errors import SepflowError
from sepflow.identity import digest
from sepflow.mixes.mix import Mix
from sepflow.mixes.recipes import Recipe
from sepflow.mixes.speakers.mixtures import eligible
from sepflow.results import Results


def decide(recipe: Recipe, results: Path, lists: Path | None = None) -> pd.DataFrame:
    """One row a clip: the columns of a mixture of one source, at the level that it was recorded at.

    The first `mixtures` recordings in the order of their hashed ids, so that fewer are the first of more.
    Raises SepflowError where there are not so many.
    """
    corpus = Results(results).corpus(digest(recipe["corpus"]))
    rows = chosen(eligible(read_manifest(corpus, corpus.name), recipe), recipe, str(corpus))
    columns = {
        "id": rows.index,
        "samples": rows["samples"],
        "utterance_1": rows.index,
        "speaker_1": rows["speaker"],
        "sex_1": rows["sex"].fillna(""),
        "gain_db_1": 0.0,
        "offset_1": 0,
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def chosen(rows: pd.DataFrame, recipe: Recipe, where: str) -> pd.DataFrame:
    """Of the rows of a manifest those that a recipe wants, in their order."""
    wanted = recipe.get("where", {})
    for column, value in wanted.items():
        if column not in rows:
            raise SepflowError(
                f"{where}: its manifest has no column {column!r}, which `where` of the mix asks"
            )
        rows = rows[rows[column] == value]
    if len(rows) < recipe["mixtures"]:
        said = "".join(f", {column} {value}" for column, value in wanted.items())
        raise SepflowError(
            f"{where}: {len(rows)} clips of {recipe['min_seconds']:g} s or more in the split "
            f"{recipe['split']}{said}, and the mix asks for {recipe['mixtures']}. Lower its `mixtures`."
        )
    return rows.loc[sorted(rows.index, key=place)].head(recipe["mixtures"])


MIX = Mix
