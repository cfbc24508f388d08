"""The recipes of mixes and corpora, held against the schemas of what they were resolved from."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError
from sepflow.identity import number_of
from sepflow.mixes import kind_of, kinds
from sepflow.mixes.recipes import Recipe
from sepflow.planning import schemas

_CORPORA = ("espeak", "noise", "folder")


def check_mix(recipe: Any, config: Path, where: str) -> None:
    """Hold the recipe of a mix, and of all that it is made from, against the schemas in `config`.

    Raises SepflowError naming the key, and where the recipe was made for other code than this.
    """
    name = _kind(recipe, kinds(), where)
    if name == "labels":
        _check_labels(recipe, config, where)
        return
    kind = kind_of(name)
    _check_number(recipe, kind.code or name, where)
    _check_keys(recipe, [*kind.own, *kind.keys], where)
    corpora = [part for part in ("corpus", "noise") if part in recipe]
    own = ("kind", "recipe", "list", *corpora)
    described = {key: value for key, value in recipe.items() if key not in own}
    schemas.check(described, "paper#/$defs/mix", config, where)
    if wrong := sorted(set(recipe) - {"kind", "recipe", *kind.own, *kind.keys, *kind.may}):
        raise SepflowError(f"{where}: {', '.join(wrong)}: not of such a mix ({name})")
    if "noise_difference" in kind.may and ("noise" in recipe) != ("noise_difference" in recipe):
        raise SepflowError(f"{where}: noise and noise_difference: only one of them is set")
    check_intervals(recipe, where)
    for part in corpora:
        _check_corpus(recipe[part], config, f"{where}.{part}")
    if kind.listed:
        _check_source(recipe["list"], f"{where}.list")


def check_intervals(mix: dict[str, Any], where: str) -> None:
    """Raises SepflowError where a pair of a mix's numbers has the greater first, or leaves no speaker."""
    for key in ("level_difference", "noise_difference", "among"):
        low, high = mix.get(key, (0, 1))
        if low > high or (key == "among" and low == high):
            raise SepflowError(f"{where}: {key}: [{low}, {high}]: from the lesser to the greater")


def _check_labels(recipe: Recipe, config: Path, where: str) -> None:
    _check_number(recipe, "labels", where)
    own = ("kind", "recipe", "mix", "segment")
    described = {key: value for key, value in recipe.items() if key not in own}
    _check_keys(recipe, ["mix", "run", "selection", "unit"], where)
    schemas.check(described, "paper#/$defs/data/properties/labels", config, where)
    schemas.check(recipe["run"], "run#/$defs/name", config, f"{where}.run")
    if ("segment" in recipe) != (recipe["unit"] == "segment"):
        raise SepflowError(f"{where}: segment: what labels of the unit segment have, and no others")
    schemas.check({"segment": recipe.get("segment", 1)}, "paper#/$defs/run", config, where)
    _kind(recipe["mix"], [kind for kind in kinds() if kind != "labels"], f"{where}.mix")
    check_mix(recipe["mix"], config, f"{where}.mix")


def _check_corpus(recipe: Any, config: Path, where: str) -> None:
    kind = _kind(recipe, _CORPORA, where)
    _check_number(recipe, kind, where)
    own = ("rate", "recipe", "digest")
    entry = {key: value for key, value in recipe.items() if key not in own}
    schemas.check(entry, f"scale#/$defs/{kind}", config, where)
    _check_keys(recipe, ["rate"], where)
    schemas.check({"rate": recipe["rate"]}, "paper#/$defs/mix", config, where)
    if kind == "folder":
        _check_source({key: recipe[key] for key in ("release", "digest") if key in recipe}, where)
    elif "digest" in recipe:
        raise SepflowError(f"{where}: digest: not of a corpus that is synthesised ({kind})")


def _check_source(source: Any, where: str) -> None:
    said = list(source.items()) if isinstance(source, dict) else []
    if len(said) != 1 or said[0][0] not in ("release", "digest") or not isinstance(said[0][1], str):
        raise SepflowError(f"{where}: one of the two is needed, in letters: release or digest")


def _kind(recipe: Any, known: Iterable[str], where: str) -> str:
    kind = recipe.get("kind") if isinstance(recipe, dict) else None
    if kind not in known:
        raise SepflowError(f"{where}: kind: one of {', '.join(known)} is needed, not {kind!r}")
    return kind


def _check_keys(recipe: Recipe, wanted: list[str], where: str) -> None:
    if missing := [key for key in wanted if key not in recipe]:
        raise SepflowError(f"{where}: {', '.join(missing)}: not set")


def _check_number(recipe: Recipe, code: str, where: str) -> None:
    if (number := recipe.get("recipe")) != number_of(code) or isinstance(number, bool):
        raise SepflowError(
            f"{where}: made for other recipes than this sepflow's: {code}: {number!r}, here {number_of(code)}"
        )
