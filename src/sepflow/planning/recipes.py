"""The recipes of mixes and corpora, held against the schemas of what they were resolved from."""

from pathlib import Path
from typing import Any

from sepflow.corpora import kinds, layouts
from sepflow.errors import SepflowError, unknown_name
from sepflow.files import config as files
from sepflow.identity import RECIPES
from sepflow.mixes.recipes import LISTED, Recipe
from sepflow.planning import schemas

MIX_KEYS = ("split", "mixtures", "speakers", "level_difference", "length", "min_seconds")
_OWN = ("kind", "recipe", "corpus", "noise", "list")  # what the plan puts into the recipe of a mix


def check_mix(recipe: Any, config: Path, where: str) -> None:
    """Hold the recipe of a mix, and of all that it is made from, against the schemas in `config`.

    Raises SepflowError naming the key, and where the recipe was made for other code than this.
    """
    kind = _kind(recipe, ("labels", "speakers", *LISTED), where)
    if kind == "labels":
        _check_labels(recipe, config, where)
        return
    code = "mix" if kind == "speakers" else kind
    _check_number(recipe, code, RECIPES[code], where)
    noisy = "noise" in recipe
    listed = kind in LISTED
    wanted = [*MIX_KEYS, "corpus", *(["list", "rate"] if listed else [])]
    wanted += ["noise_difference"] * (noisy and not listed) + ["subset"] * (kind == "librimix")
    _check_keys(recipe, wanted, where)
    described = {key: value for key, value in recipe.items() if key not in _OWN}
    files.check(described, "paper#/$defs/mix", config, where)
    refused = {"role"} | (set() if listed else {"rate", "subset"}) | ({"among"} if listed else set())
    refused |= set() if noisy and not listed else {"noise_difference"}
    refused |= {"subset", "noise"} if kind == "wsj0mix" else set()
    if wrong := sorted(refused & set(recipe)):
        raise SepflowError(f"{where}: {', '.join(wrong)}: not of such a mix ({kind})")
    check_intervals(recipe, where)
    for part in ("corpus", "noise") if noisy else ("corpus",):
        _check_corpus(recipe[part], config, f"{where}.{part}")
    if listed:
        _check_source(recipe["list"], f"{where}.list")


def check_intervals(mix: dict[str, Any], where: str) -> None:
    """Raises SepflowError where a pair of a mix's numbers has the greater first, or leaves no speaker."""
    for key in ("level_difference", "noise_difference", "among"):
        low, high = mix.get(key, (0, 1))
        if low > high or (key == "among" and low == high):
            raise SepflowError(f"{where}: {key}: [{low}, {high}]: from the lesser to the greater")


def _check_labels(recipe: Recipe, config: Path, where: str) -> None:
    _check_number(recipe, "labels", RECIPES["labels"], where)
    own = ("kind", "recipe", "mix", "segment")
    described = {key: value for key, value in recipe.items() if key not in own}
    _check_keys(recipe, ["mix", "run", "selection", "unit"], where)
    files.check(described, "paper#/$defs/data/properties/labels", config, where)
    files.check(recipe["run"], "run#/$defs/name", config, f"{where}.run")
    if ("segment" in recipe) != (recipe["unit"] == "segment"):
        raise SepflowError(f"{where}: segment: what labels of the unit segment have, and no others")
    files.check({"segment": recipe.get("segment", 1)}, "paper#/$defs/run", config, where)
    _kind(recipe["mix"], ("speakers", *LISTED), f"{where}.mix")
    check_mix(recipe["mix"], config, f"{where}.mix")


def check_entry(entry: dict[str, Any], config: Path, where: str) -> None:
    """Hold what a scale's file says of one of its corpora against what its kind declares.

    `where` is a file and a key of it, "FILE: corpora.speech". Raises SepflowError naming the key; for a kind
    or layout that there is not, with the name that was meant.
    """
    said = {key: value for key, value in entry.items() if key != "kind"}
    file, _, key = where.rpartition(": ")
    if entry["kind"] in LISTED:
        schemas.check(said, "scale#/$defs/lists", config, file, key)
        return
    if entry["kind"] not in kinds.known():
        words = unknown_name("kind of corpus", entry["kind"], [*kinds.known(), *LISTED])
        raise SepflowError(f"{where}.kind: {words}")
    schemas.check(said, f"scale#/$defs/kinds/{entry['kind']}", config, file, key)
    if "layout" in said and said["layout"] not in layouts.known():
        words = unknown_name("layout", said["layout"], list(layouts.known()))
        raise SepflowError(f"{where}.layout: {words}")


def _check_corpus(recipe: Any, config: Path, where: str) -> None:
    kind = _kind(recipe, tuple(kinds.known()), where)
    _check_number(recipe, kind, kinds.known()[kind].recipe, where)
    own = ("rate", "recipe", "digest")
    check_entry({key: value for key, value in recipe.items() if key not in own}, config, where)
    _check_keys(recipe, ["rate"], where)
    files.check({"rate": recipe["rate"]}, "paper#/$defs/mix", config, where)
    if kinds.known()[kind].on_disk:
        _check_source({key: recipe[key] for key in ("release", "digest") if key in recipe}, where)
    elif "digest" in recipe:
        raise SepflowError(f"{where}: digest: not of a corpus that is synthesised ({kind})")


def _check_source(source: Any, where: str) -> None:
    said = list(source.items()) if isinstance(source, dict) else []
    if len(said) != 1 or said[0][0] not in ("release", "digest") or not isinstance(said[0][1], str):
        raise SepflowError(f"{where}: one of the two is needed, in letters: release or digest")


def _kind(recipe: Any, kinds: tuple[str, ...], where: str) -> str:
    kind = recipe.get("kind") if isinstance(recipe, dict) else None
    if kind not in kinds:
        raise SepflowError(f"{where}: kind: one of {', '.join(kinds)} is needed, not {kind!r}")
    return kind


def _check_keys(recipe: Recipe, wanted: list[str], where: str) -> None:
    if missing := [key for key in wanted if key not in recipe]:
        raise SepflowError(f"{where}: {', '.join(missing)}: not set")


def _check_number(recipe: Recipe, code: str, ours: int, where: str) -> None:
    if (number := recipe.get("recipe")) != ours or isinstance(number, bool):
        raise SepflowError(
            f"{where}: made for other recipes than this sepflow's: {code}: {number!r}, here {ours}"
        )
