"""The mixtures of wsj0-mix's published lists."""

from typing import Any

from sepflow.errors import SepflowError
from sepflow.mixes.declaration import DRAWN, Kind, Scale
from sepflow.mixes.published import resolve_list
from sepflow.mixes.recipes import Recipe


def _resolve(mix: dict[str, Any], name: str, scale: Scale, where: str) -> Recipe:
    if "subset" in mix:
        raise SepflowError(f"{where}.subset: {name}: has one a split")
    if mix.pop("noise", False):
        raise SepflowError(f"{where}.noise: {scale.file}: corpora.{name} names no noise")
    return resolve_list("wsj0mix", mix, name, scale, where)


KIND = Kind(_resolve, keys=(*DRAWN, "rate"), own=("corpus", "list"), listed=True)
