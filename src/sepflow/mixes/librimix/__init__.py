"""The mixtures of LibriMix's published tables, with their noise or without."""

from typing import Any

from sepflow.errors import SepflowError
from sepflow.mixes.declaration import DRAWN, Kind, Scale
from sepflow.mixes.published import resolve_list
from sepflow.mixes.recipes import Recipe
from sepflow.simulation.published import NATIVE_RATE


def _resolve(mix: dict[str, Any], name: str, scale: Scale, where: str) -> Recipe:
    noisy, entry = mix.pop("noise", False), scale.entry(name)
    if "subset" not in mix:
        raise SepflowError(f"{where}.subset: {name}: not set; say which list, e.g. train-clean-100")
    if noisy and (noisy is not True or "noise" not in entry):
        raise SepflowError(f"{where}.noise: {scale.file}: corpora.{name} names no noise")
    recipe = resolve_list("librimix", mix, name, scale, where)
    return recipe | ({"noise": scale.corpus(entry["noise"], NATIVE_RATE)} if noisy else {})


KIND = Kind(_resolve, keys=(*DRAWN, "rate", "subset"), may=("noise",), own=("corpus", "list"), listed=True)
