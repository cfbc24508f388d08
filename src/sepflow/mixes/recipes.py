"""What the recipe of a mix says, whatever its kind: speakers (drawn), librimix, wsj0mix (listed), labels."""

from typing import Any

from sepflow.errors import SepflowError

LISTED = ("librimix", "wsj0mix")  # kinds whose mixtures somebody published

Recipe = dict[str, Any]


def unlabelled(recipe: Recipe) -> Recipe:
    """The mix that a labelled mix gives labels to; of others the recipe itself."""
    return recipe.get("mix", recipe)


def rate_of(recipe: Recipe) -> int:
    """The rate of a mix's mixtures, in Hz. A listed mix says it; a drawn one has its corpus's."""
    plain = unlabelled(recipe)
    return plain.get("rate") or plain["corpus"]["rate"]


def corpora_of(recipe: Recipe) -> dict[str, Recipe]:
    """The recipes of the corpora of a mix: `corpus`, its speech, and, where it has one, `noise`."""
    plain = unlabelled(recipe)
    return {part: plain[part] for part in ("corpus", "noise") if part in plain}


def check_mono(recipe: Recipe, where: str) -> None:
    """Raise SepflowError where a corpus of a mix has several channels: mixtures are of one."""
    for part, one in corpora_of(recipe).items():
        if "channels" in one:
            raise SepflowError(
                f"{where}: {part}: a corpus of {one['channels']} channels, and these mixtures have one. Say "
                "`channel` (a number, or mean) in its entry in the scale's file, in place of `channels`."
            )
