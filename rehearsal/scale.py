"""The scale of a rehearsal: another one's corpora, roles, mixes and runs, cut in nothing but their sizes."""

import copy
from pathlib import Path
from typing import Any

from rehearsal.lookalikes import SYNTHESISED
from sepflow.identity import digest, merge

HERE = Path(__file__).parent
NAME = "rehearsal"
FEW = 2  # mixtures, steps, epochs, examples in a batch
TESTED = 4  # mixtures of a test: enough for its figures to have groups
SECONDS = 0.5  # of a segment, and the longest that any utterance must be
COUNTS = ("mixtures", "first", "batch", "steps", "epochs", "verification.speakers")
LENGTHS = {"segment": SECONDS, "min_seconds": SECONDS, "seconds": SECONDS, "enrolment": SECONDS}
LENGTHS |= {"shortest": SECONDS / 2}  # of the lengths up to a segment

Layer = dict[str, Any]


def derive(scale: Layer, papers: dict[str, Layer]) -> Layer:
    """`scale` (the content of its file) in small, for `papers` (by name), each of which has an entry then.

    Every size that a paper or the scale says is cut where it is said, so that the last word stays the last.
    `untrained` is set.
    """
    small = copy.deepcopy(scale) | {"untrained": True}
    small["papers"] = {
        name: merge(scale["papers"].get(name), _sizes(merge(paper, scale["papers"].get(name))))
        for name, paper in papers.items()
    }
    return small


def version_of(small: Layer, papers: dict[str, Layer]) -> str:
    """Which look-alikes a derived scale needs: what is asked of them, and the code that writes them."""
    files = [HERE / "sound.py", HERE / "spheres.py", *sorted((HERE / "lookalikes").glob("*.py"))]
    code = {path.name: path.read_text() for path in files}
    return digest({"scale": small, "mixes": {x: paper["mixes"] for x, paper in papers.items()}, "code": code})


def released(small: Layer, version: str) -> Layer:
    """A derived scale whose releases say that they are a look-alike's, and which.

    So nothing that is made here goes by the name of what is made of the real corpus.
    """
    marked = copy.deepcopy(small)
    for name, entry in marked["corpora"].items():
        if entry["kind"] not in SYNTHESISED:
            entry["release"] = f"look-alike {version} of {entry.get('release', name)}"
    return marked


def cut(layer: Layer, part: str = "") -> Layer:
    """The sizes in `layer` alone (which `part` names), wherever they stand in it, each cut."""
    small = {}
    for key, value in layer.items():
        if isinstance(value, dict):
            small |= {key: inner} if (inner := cut(value, key)) else {}
        elif {key, f"{part}.{key}"} & {*COUNTS} and value:
            small[key] = min(value, TESTED if layer.get("split") == "test" else FEW)
        elif key == "validate_every":
            small[key] = 1
        elif key in LENGTHS:
            small[key] = min(value, LENGTHS[key])
    return small


def _sizes(paper: Layer) -> Layer:
    parts = {part: cut(paper[part]) for part in ("mixes", "base", "stages", "runs") if part in paper}
    for part in {"stages", "runs"} & parts.keys():
        parts[part] = merge(parts[part], _without(paper[part], parts["base"]))
    seeds = {"seeds": paper["seeds"][:FEW]} if "seeds" in paper else {}
    return {part: small for part, small in parts.items() if small} | seeds


def _without(layers: Layer, base: Layer) -> Layer:
    """What of a small `base` some `layers` say that they have not: again, as it is heard before that base."""
    absent = {
        name: {key: None for key, value in layer.items() if value is None and isinstance(base.get(key), dict)}
        for name, layer in layers.items()
    }
    return {name: layer for name, layer in absent.items() if layer}
