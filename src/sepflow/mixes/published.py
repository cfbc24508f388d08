"""What kinds of mix that somebody published as lists declare alike."""

from typing import Any

from sepflow.errors import SepflowError
from sepflow.identity import number_of
from sepflow.mixes.declaration import Scale
from sepflow.mixes.recipes import Recipe
from sepflow.simulation.published import NATIVE_RATE


def resolve_list(kind: str, mix: dict[str, Any], name: str, scale: Scale, where: str) -> Recipe:
    """The recipe of a mix whose speakers and levels a list says; SepflowError where the mix says them too."""
    for key, what in (("noise_difference", "levels"), ("among", "speakers")):
        if key in mix:
            raise SepflowError(f"{where}.{key}: {name} is a list of mixtures, which says its {what}")
    recipe = {"kind": kind, "recipe": number_of(kind), "list": scale.lists(name), **mix}
    recipe["corpus"] = scale.corpus(scale.entry(name)["speech"], NATIVE_RATE)
    return recipe
