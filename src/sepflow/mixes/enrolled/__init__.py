"""One voice with something beside it, another voice or noise, and an enrolment: another utterance of it."""

from typing import Any

from sepflow.errors import SepflowError
from sepflow.identity import number_of
from sepflow.mixes.declaration import Kind, Scale
from sepflow.mixes.recipes import Recipe


def _resolve(mix: dict[str, Any], name: str, scale: Scale, where: str) -> Recipe:
    rate, noise = mix.pop("rate"), mix.pop("noise", None)
    if bool(noise) != ("noise_difference" in mix):
        raise SepflowError(f"{where}: noise and noise_difference: only one of them is set")
    recipe = {"kind": "enrolled", "recipe": number_of("enrolled"), "corpus": scale.corpus(name, rate), **mix}
    if noise:
        recipe["noise"] = scale.corpus(scale.player(str(noise), f"{where}.noise"), rate)
    return {"speakers": 1, **recipe}


SECONDS = {"type": "number", "exclusiveMinimum": 0, "maximum": 3600}

KIND = Kind(
    _resolve,
    keys=("split", "mixtures", "seconds", "enrolment", "min_seconds"),
    may=("noise", "noise_difference", "among"),
    own=("corpus", "speakers"),
    # How long mixtures are, and what of an enrolment is heard in training; shorter ones are repeated.
    properties={"seconds": SECONDS, "enrolment": SECONDS},
)
