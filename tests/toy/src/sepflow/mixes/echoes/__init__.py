"""One speaker and, later and softer, the same once more."""

from typing import Any

from sepflow.identity import number_of
from sepflow.mixes.declaration import Kind, Scale
from sepflow.mixes.recipes import Recipe


def _resolve(mix: dict[str, Any], name: str, scale: Scale, where: str) -> Recipe:
    corpus = scale.corpus(name, mix.pop("rate"))
    return {"kind": "echoes", "recipe": number_of("echoes"), "corpus": corpus, "speakers": 1, **mix}


KIND = Kind(
    _resolve,
    keys=("split", "mixtures", "min_seconds", "delay"),
    own=("corpus", "speakers"),
    properties={"delay": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}},  # s
)
