"""Recordings as they are, each once: clips that are no mixtures of anything."""

from typing import Any

from sepflow.identity import number_of
from sepflow.mixes.declaration import Kind, Scale
from sepflow.mixes.recipes import Recipe


def _resolve(mix: dict[str, Any], name: str, scale: Scale, where: str) -> Recipe:
    corpus = scale.corpus(name, mix.pop("rate"))
    return {"kind": "clips", "recipe": number_of("clips"), "corpus": corpus, "speakers": 1, **mix}


KIND = Kind(
    _resolve,
    keys=("split", "mixtures", "min_seconds"),
    may=("among", "where"),
    own=("corpus", "speakers"),
    # Columns of the manifest, and what they have to say of a clip: {labelled: weak}.
    properties={"where": {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}},
)
