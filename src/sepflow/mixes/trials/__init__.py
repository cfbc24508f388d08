"""Trials: two utterances each, of one speaker or of two."""

from typing import Any

from sepflow.identity import number_of
from sepflow.mixes.declaration import Kind, Scale
from sepflow.mixes.recipes import Recipe


def _resolve(mix: dict[str, Any], name: str, scale: Scale, where: str) -> Recipe:
    corpus = scale.corpus(name, mix.pop("rate"))
    return {"kind": "trials", "recipe": number_of("trials"), "corpus": corpus, "speakers": 1, **mix}


KIND = Kind(
    _resolve,
    keys=("split", "mixtures", "min_seconds"),
    may=("among", "published"),
    own=("corpus", "speakers"),
    # Whether the corpus's own list of trials is taken, in its order, in place of trials drawn.
    properties={"published": {"const": True}},
)
