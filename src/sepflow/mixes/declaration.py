"""What a kind of mix declares, without numpy, beside its code: its recipe, and the files that it has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

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
    code: its number in RECIPES, if not under its name.
    """

    resolve: Callable[[dict[str, Any], str, Scale, str], Recipe]
    keys: tuple[str, ...] = DRAWN
    may: tuple[str, ...] = ()
    own: tuple[str, ...] = ("corpus",)
    properties: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    listed: bool = False
    code: str = ""
