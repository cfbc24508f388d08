"""What a mixture is: a kind of mix is the folder of its name, which says `KIND`; its mixtures.py, `MIX`."""

import importlib
from functools import cache
from types import ModuleType
from typing import Any

from sepflow import plugs
from sepflow.errors import SepflowError
from sepflow.mixes.declaration import Kind, Scale, check, check_recipe
from sepflow.mixes.recipes import Recipe, corpora_of, unlabelled


@cache
def kinds() -> tuple[str, ...]:
    """All kinds of mix."""
    return plugs.folders(__path__)


def kind_of(name: Any) -> Kind:
    """What a kind of mix declares; SepflowError for an unknown name, or what does not hold of it."""
    if name not in kinds():
        raise SepflowError(f"kind must be one of {', '.join(kinds())}, not {name!r}")
    return _checked(name)


@cache
def _checked(name: str) -> Kind:
    kind = plugs.offered(__name__, name, "KIND")
    check(kind, _file(name))
    return kind


def resolved(mix: dict[str, Any], name: str, corpus: str, scale: Scale, where: str) -> Recipe:
    """The recipe of a mix of the kind `name`, over a corpus of the scale; SepflowError naming the key."""
    kind = kind_of(name)
    recipe = kind.resolve(mix, corpus, scale, where)
    check_recipe(recipe, kind, name, _file(name))
    check_channels(recipe, where)
    return recipe


def _file(name: str) -> str:
    return plugs.shown(plugs.PACKAGE / "mixes" / name / "__init__.py")


def check_channels(recipe: Recipe, where: str) -> None:
    """Raise SepflowError where a corpus of a mix has several channels, and its kind hears one."""
    for part, one in corpora_of(recipe).items():
        if "channels" in one and not kind_of(unlabelled(recipe)["kind"]).several:
            raise SepflowError(
                f"{where}: {part}: a corpus of {one['channels']} channels, and these mixtures have one. Say "
                "`channel` (a number, or mean) in its entry in the scale's file, in place of `channels`."
            )


def code_of(name: str) -> ModuleType:
    """The module of a kind that decides and opens its mixtures."""
    kind_of(name)
    plugs.needed(f"{__name__}.{name}", "mixtures", "MIX")
    return importlib.import_module(f"{__name__}.{name}.mixtures")
