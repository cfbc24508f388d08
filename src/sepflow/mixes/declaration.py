"""What a kind of mix declares, without numpy, beside its code: its recipe, and the files that it has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from sepflow import plugs
from sepflow.errors import SepflowError
from sepflow.identity import number_of
from sepflow.mixes.recipes import Recipe

DRAWN = ("split", "mixtures", "speakers", "level_difference", "length", "min_seconds")


class Scale(Protocol):
    """What a kind asks of a scale, of the file `file`. All raise SepflowError where something is missing."""

    file: str

    def player(self, role: str, where: str) -> str:
        """What the scale calls the corpus that plays a role."""

    def corpus(self, name: str, rate: int) -> Recipe:
        """The recipe of a corpus of recordings, at a rate."""

    def entry(self, name: str) -> dict[str, Any]:
        """What the scale says of a corpus."""

    def lists(self, name: str) -> dict[str, str]:
        """The release, or the digest, of lists of mixtures."""


@dataclass(frozen=True)
class Kind:
    """A kind of mix.

    resolve: from a mix as a paper describes it (without its role), the name of the corpus that plays the
    role, the scale, and where this is said, its recipe; raises SepflowError naming the key. keys: of the
    description, all of which it needs; may: of which it may have some; own: what `resolve` adds to these;
    properties: the schema of those that no other kind has. files: what it has beside mix.csv. listed: whether
    its mixtures are somebody's list, which a corpus of the scale is, and are decided with the audio at hand.
    several: whether they hear corpora of several channels. code: its number in RECIPES, if not under its
    name.
    """

    resolve: Callable[[dict[str, Any], str, Scale, str], Recipe]
    keys: tuple[str, ...] = DRAWN
    may: tuple[str, ...] = ()
    own: tuple[str, ...] = ("corpus",)
    properties: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    listed: bool = False
    several: bool = False
    code: str = ""


def check(said: Any, where: str) -> None:
    """Raise SepflowError where what a kind of mix says in `where` is not what a Kind is."""
    if not isinstance(said, Kind):
        raise SepflowError(f"{where}: KIND: a Kind is needed, not {said!r}")
    if not callable(said.resolve):
        raise SepflowError(f"{where}: resolve: a function is needed, not {said.resolve!r}")
    plugs.check_words(where, keys=said.keys, may=said.may, own=said.own, files=said.files)
    if not isinstance(said.properties, dict):
        raise SepflowError(f"{where}: properties: a schema by each key is needed, not {said.properties!r}")


def check_recipe(recipe: Any, kind: Kind, name: str, where: str) -> None:
    """Raise SepflowError where what `resolve` of the kind `name` returns is no recipe of it.

    A paper's keys are held against schemas before; these are those of all recipes, and the kind's own.
    """
    head, code = f"{where}: {getattr(kind.resolve, '__name__', 'resolve')} returns", kind.code or name
    if not isinstance(recipe, dict):
        raise SepflowError(f"{head} {recipe!r}, where a recipe is needed: a dict")
    if recipe.get("kind") != name:
        raise SepflowError(f'{head} a recipe of the kind {recipe.get("kind")!r}; it is "kind": {name!r}')
    if recipe.get("recipe") != number_of(code):
        raise SepflowError(f'{head} no number of its code; it is "recipe": number_of({code!r})')
    wanted = dict.fromkeys(("mixtures", "speakers", "corpus", *kind.own, *kind.keys))
    if missing := [key for key in wanted if key not in recipe]:
        raise SepflowError(f"{head} no {', '.join(missing)}, which a recipe of this kind has")
    if not isinstance(recipe["corpus"], dict) or "rate" not in recipe["corpus"]:
        raise SepflowError(
            f'{head} as corpus {recipe["corpus"]!r}; it is scale.corpus(name, mix.pop("rate"))'
        )
