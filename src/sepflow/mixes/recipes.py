"""What the recipe of a mix says, whatever its kind: speakers (drawn), librimix, wsj0mix (listed), labels."""

from typing import Any

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
