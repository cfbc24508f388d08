"""What a thing is, as a name: the hash of the whole recipe that determines it."""

import copy
import hashlib
import json
from typing import Any

# The recipe of the code: bump one, and everything made by it gets a new name and is made again.
RECIPES = {
    "espeak": 2,
    "folder": 1,
    "noise": 1,
    "mix": 1,
    "librimix": 1,
    "wsj0mix": 1,
    "labels": 1,
    "train": 1,
}


def number_of(code: str) -> int:
    """The number of the code of a kind of corpus or mix, or of a stage: 1, until it is bumped here."""
    return RECIPES.get(code, 1)


# A key at its neutral value is left out of the hash, so that a new option renames nothing.
NEUTRAL_PART = {
    "first": None,
    "dynamic": False,
    "single_speaker": 0.0,
    "labels": None,
    "crop": "random",
    "batch": None,
}
NEUTRAL = {
    "init": None,
    "uses": {},
    "joint": None,
    "pretext": None,
    "disjoint_speakers": False,
    "select": "validation_loss",
    "accumulate": 1,
    "precision": "32",
    "optimizer.weight_decay": 0.0,
    "optimizer.noam": None,
}


def digest(recipe: dict[str, Any]) -> str:
    """Twelve hexadecimal digits that name `recipe`: the same for equal recipes in any order of keys."""
    text = json.dumps(canonical(recipe), separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def canonical(value: Any) -> Any:
    """A recipe in the one form that is hashed and handed to jobs: keys in order, 30.0 as 30.

    How somebody writes a number or orders keys in YAML must neither rename a run nor start it again.
    """
    if isinstance(value, dict):
        return {key: canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def run_name(spec: dict[str, Any]) -> str:
    """The name of a run: the hash of its whole spec, less the keys at their neutral value."""
    return digest(without_neutral(spec))


def parts_of(spec: dict[str, Any]) -> list[str]:
    """The keys of a spec under which there is a mix: data, validation, and what else its task hears."""
    return [key for key, value in spec.items() if isinstance(value, dict) and "mix" in value]


def batch_of(spec: dict[str, Any], part: str) -> int:
    """How many examples of a part make a batch: as many as it says, or else the run."""
    return spec[part].get("batch") or spec["batch"]


def runs_of(spec: dict[str, Any]) -> dict[str, str]:
    """The runs that a spec builds on, by how: init, uses.<name>, or the part whose mix they labelled."""
    named = {"init": spec["init"]} | {f"uses.{name}": run for name, run in spec["uses"].items()}
    named |= {part: spec[part]["mix"].get("run") for part in parts_of(spec)}
    return {how: run for how, run in named.items() if run}


def _neutral(spec: dict[str, Any]) -> dict[str, Any]:
    parts = {f"{part}.{key}": value for part in parts_of(spec) for key, value in NEUTRAL_PART.items()}
    return {key: value for key, value in NEUTRAL.items() if _parent(spec, key)[0] is not None} | parts


def without_neutral(spec: dict[str, Any]) -> dict[str, Any]:
    """A spec less the keys at their neutral value."""
    pruned = copy.deepcopy(spec)
    for path, neutral in _neutral(spec).items():
        part, key = _parent(pruned, path)
        if part.get(key, neutral) == neutral:
            part.pop(key, None)
    return pruned


def fill_neutral(spec: dict[str, Any]) -> dict[str, Any]:
    """A spec with every neutral key that it does not say."""
    filled = copy.deepcopy(spec)
    for path, neutral in _neutral(spec).items():
        part, key = _parent(filled, path)
        part.setdefault(key, copy.deepcopy(neutral))
    return filled


def _parent(spec: dict[str, Any], path: str) -> tuple[dict[str, Any] | None, str]:
    *parents, key = path.split(".")
    for part in parents:
        spec = spec.get(part)
    return spec, key


def merge(*layers: dict[str, Any] | None) -> dict[str, Any]:
    """Nested dicts laid over each other; a later one wins, key by key."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in (layer or {}).items():
            if isinstance(value, dict) and isinstance(result.get(key), dict):
                result[key] = merge(result[key], value)
            else:
                result[key] = copy.deepcopy(value)
    return result


def flatten(recipe: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} as {"a.b": 1}."""
    flat = {}
    for key, value in recipe.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def difference(first: dict[str, Any], second: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """(key, first's value, second's value) wherever two recipes differ; an absent key reads as "-"."""
    a, b = flatten(first), flatten(second)
    return [
        (key, a.get(key, "-"), b.get(key, "-")) for key in sorted(a | b) if a.get(key, "-") != b.get(key, "-")
    ]


def difference_in_words(first: dict[str, Any], second: dict[str, Any]) -> str:
    """`difference` in a line, for a message: ten keys at most; empty where there is none."""
    words = [f"{key} {a!r}, {b!r}" for key, a, b in difference(first, second)]
    more = [f"and {len(words) - 10} more"] if len(words) > 10 else []
    return "; ".join([*words[:10], *more])
