"""Mixtures of drawn speakers, at drawn levels, perhaps with a stretch of noise."""

from typing import Any

from sepflow.errors import SepflowError
from sepflow.identity import number_of
from sepflow.mixes.declaration import Kind, Scale
from sepflow.mixes.recipes import Recipe

NOISE_ROLE = "room_noise"


def _resolve(mix: dict[str, Any], name: str, scale: Scale, where: str) -> Recipe:
    rate, noise = mix.pop("rate"), mix.pop("noise", False)
    if "subset" in mix:
        raise SepflowError(f"{where}.subset: {name} is no list of mixtures: what is drawn from it has none")
    if bool(noise) != ("noise_difference" in mix):
        raise SepflowError(f"{where}: noise and noise_difference: only one of them is set")
    recipe = {"kind": "speakers", "recipe": number_of("mix"), "corpus": scale.corpus(name, rate), **mix}
    if noise:
        role = NOISE_ROLE if noise is True else noise
        recipe["noise"] = scale.corpus(scale.player(role, f"{where}.noise"), rate)
    return recipe


KIND = Kind(_resolve, may=("noise", "noise_difference", "among"), code="mix")
