"""Keys that nothing would do: what a run, its stage or the scale says itself must have an effect.

What is only inherited from the paper's `base`, or from what the paper says of a mix, stays: a base is of many
runs. So does what a stage or the scale says of several runs or mixes, if one of them heeds it.
"""

from collections.abc import Callable, Iterable
from typing import Any

from sepflow import tasks
from sepflow.errors import SepflowError
from sepflow.identity import flatten
from sepflow.mixes import kind_of
from sepflow.mixes.recipes import unlabelled
from sepflow.tasks.declaration import Idle, Spec, always

PLATEAU = "optimizer.plateau alone moves the learning rate; take one of the two away (plateau: null)"
FIXED = "what a run is validated on is always the same"


def _plateau(spec: Spec, _: dict[str, Spec]) -> bool:
    return bool(spec["optimizer"]["plateau"])


def _no_pairs(spec: Spec, _: dict[str, Spec]) -> bool:
    return not tasks.declared(spec["task"]).of_mixtures(spec)


def _nobody_else(spec: Spec, _: dict[str, Spec]) -> bool:
    return not spec["init"] and len(tasks.declared(spec["task"]).trained_on) == 1


def _as_many(part: str) -> Callable[[Spec, dict[str, Spec]], bool]:
    def when(spec: Spec, specs: dict[str, Spec]) -> bool:
        mix = spec[part]["mix"]
        return mix["kind"] == "labels" and specs[mix["run"]]["model"]["sources"] == mix["mix"]["speakers"]

    return when


def of_run(spec: Spec) -> Iterable[Idle]:
    """The keys that may be idle in a run, those of its task too."""
    task = tasks.declared(spec["task"])
    yield Idle("optimizer.warmup", 0, _plateau, PLATEAU, True)
    yield Idle("optimizer.decay", "none", _plateau, PLATEAU, True)
    nobody = "without init or joint nobody is to be apart from"
    yield Idle("disjoint_speakers", False, _nobody_else, nobody, True)
    for part in task.parts:
        alone = "only MixIT leaves speakers out of mixtures"
        yield Idle(f"{part}.single_speaker", 0, _no_pairs, alone, True)
        many = "the run has no more outputs than sources"
        yield Idle(f"{part}.labels.selection", "none", _as_many(part), many)
    for part in task.validated_on:
        yield Idle(f"{part}.crop", "random", always, FIXED, True)
    yield from task.idle


def alone_of_run(spec: Spec) -> Iterable[Idle]:
    """Of these, what a spec can be asked by itself."""
    return (idle for idle in of_run(spec) if idle.alone)


def _alone(part: Spec, _: dict[str, Spec]) -> bool:
    return unlabelled(part["mix"])["speakers"] == 1


def _levels_listed(part: Spec, _: dict[str, Spec]) -> bool:
    return kind_of(unlabelled(part["mix"])["kind"]).listed and not part.get("dynamic")


def _subset(part: Spec, _: dict[str, Spec]) -> bool:
    return "subset" in unlabelled(part["mix"])


def of_mix(part: Spec) -> Iterable[Idle]:
    """The keys that may be idle in a mix: of a part of a run that hears it, or of a table tested on it."""
    yield Idle("level_difference", None, _alone, "of one speaker there is no difference")
    yield Idle("level_difference", None, _levels_listed, "the list says the levels")
    yield Idle("length", None, _alone, "one speaker is as long as the shortest and the longest")
    yield Idle("split", None, _subset, "subset says which list")


class Said:
    """What each place of the files says itself, and what it is a part of: specs, or parts of them.

    `idle` has the keys that may be so in one of these.
    """

    def __init__(self, idle: Callable[[Spec], Iterable[Idle]]):
        self.idle = idle
        self.places: dict[str, tuple[dict[str, Any], list[Spec]]] = {}

    def note(self, place: str, layer: dict[str, Any] | None, spec: Spec) -> None:
        """`layer`, said at `place`, became a part of `spec`."""
        self.places.setdefault(place, (flatten(layer or {}), []))[1].append(spec)

    def check(self, specs: dict[str, Spec]) -> None:
        """Raises SepflowError where a place says a key that does nothing in all that it is a part of."""
        for place, (layer, parts) in self.places.items():
            for key, value in layer.items():
                reasons = [self._why(key, value, part, specs) for part in parts]
                if all(reasons):
                    raise SepflowError(f"{place}.{key}: {value}: would do nothing: {reasons[0]}")

    def _why(self, key: str, value: Any, part: Spec, specs: dict[str, Spec]) -> str:
        """Why a key does nothing in a part, if it does; else empty."""
        reasons = (x.why for x in self.idle(part) if x.key == key and x.off != value and x.when(part, specs))
        return next(reasons, "")


def check_alone(spec: Spec, where: str) -> None:
    """Raises SepflowError naming the key where a resolved spec says one that does nothing in it."""
    said = Said(alone_of_run)
    said.note(where, spec, spec)
    said.check({})
