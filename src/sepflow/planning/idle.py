"""Keys that nothing would do: what a run, its stage or the scale says itself must have an effect.

What is only inherited from the paper's `base`, or from what the paper says of a mix, stays: a base is of many
runs. So does what a stage or the scale says of several runs or mixes, if one of them heeds it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sepflow.errors import SepflowError
from sepflow.identity import flatten, run_name
from sepflow.metrics.names import PRETEXTS
from sepflow.mixes.recipes import LISTED, unlabelled

Spec = dict[str, Any]


class Idle(NamedTuple):
    """A key without effect `when` it says so of a spec (and of the specs of all runs by their names).

    `off` is the value that asks for nothing; `why` has the way out. `alone` of what a spec can be asked by
    itself; the rest is what a base of several tasks says of the others, or hangs on what other runs are.
    """

    key: str
    off: Any
    when: Callable[[Spec, dict[str, Spec]], bool]
    why: str
    alone: bool = False


def _plateau(spec: Spec, _: dict[str, Spec]) -> bool:
    return bool(spec["optimizer"]["plateau"])


def _contrastive(spec: Spec, _: dict[str, Spec]) -> bool:
    return spec["task"] == "contrastive"


def _masks_unheard(spec: Spec, specs: dict[str, Spec]) -> bool:
    name = run_name(spec)  # whoever begins with the run has its whole network, masks too
    return spec["task"] == "contrastive" and all(other["init"] != name for other in specs.values())


def _pretext(spec: Spec, _: dict[str, Spec]) -> bool:
    return spec["task"] in PRETEXTS


def _no_mixit(spec: Spec, _: dict[str, Spec]) -> bool:
    return spec["objective"]["name"] != "mixit"


def _nobody_else(spec: Spec, _: dict[str, Spec]) -> bool:
    return not (spec["init"] or spec["joint"])


def _as_many(part: str) -> Callable[[Spec, dict[str, Spec]], bool]:
    def when(spec: Spec, specs: dict[str, Spec]) -> bool:
        mix = spec[part]["mix"]
        return mix["kind"] == "labels" and specs[mix["run"]]["model"]["sources"] == mix["mix"]["speakers"]

    return when


_PLATEAU = "optimizer.plateau alone moves the learning rate; take one of the two away (plateau: null)"
RUN = (  # keys of a run
    Idle("optimizer.warmup", 0, _plateau, _PLATEAU, True),
    Idle("optimizer.decay", "none", _plateau, _PLATEAU, True),
    Idle("objective.max_snr", None, _contrastive, "the loss of the task contrastive has no bound"),
    Idle("objective.consistency", False, _pretext, "one speaker's estimates make up no mixture"),
    Idle("model.mask", None, _masks_unheard, "the task contrastive makes no estimates"),
    Idle("model.sources", 1, _pretext, "a pretext task hears the first output alone; say 1"),
    Idle("disjoint_speakers", False, _nobody_else, "without init or joint nobody is to be apart from", True),
    Idle("validation.crop", "random", lambda *_: True, "what a run is validated on is always the same", True),
    *(
        Idle(f"{part}.single_speaker", 0, _no_mixit, "only MixIT leaves speakers out of mixtures", True)
        for part in ("data", "validation", "joint")
    ),
    *(
        Idle(f"{part}.labels.selection", "none", _as_many(part), "the run has no more outputs than sources")
        for part in ("data", "validation")
    ),
)


def _alone(part: Spec, _: dict[str, Spec]) -> bool:
    return unlabelled(part["mix"])["speakers"] == 1


def _levels_listed(part: Spec, _: dict[str, Spec]) -> bool:
    return unlabelled(part["mix"])["kind"] in LISTED and not part.get("dynamic")


def _subset(part: Spec, _: dict[str, Spec]) -> bool:
    return "subset" in unlabelled(part["mix"])


MIX = (  # keys of a mix, of each part of a run that hears it, and of each table that is tested on it
    Idle("level_difference", None, _alone, "of one speaker there is no difference"),
    Idle("level_difference", None, _levels_listed, "the list says the levels"),
    Idle("length", None, _alone, "one speaker is as long as the shortest and the longest"),
    Idle("split", None, _subset, "subset says which list"),
)


class Said:
    """What each place of the files says itself, and what it is a part of: specs, or parts of them."""

    def __init__(self, idle: tuple[Idle, ...]):
        self.idle = idle
        self.places: dict[str, tuple[dict[str, Any], list[Spec]]] = {}

    def note(self, place: str, layer: dict[str, Any] | None, spec: Spec) -> None:
        """`layer`, said at `place`, became a part of `spec`."""
        self.places.setdefault(place, (flatten(layer or {}), []))[1].append(spec)

    def check(self, specs: dict[str, Spec]) -> None:
        """Raises SepflowError where a place says a key that does nothing in all that it is a part of."""
        for place, (layer, parts) in self.places.items():
            for idle in self.idle:
                key = idle.key
                if layer.get(key, idle.off) != idle.off and all(idle.when(part, specs) for part in parts):
                    raise SepflowError(f"{place}.{key}: {layer[key]}: would do nothing: {idle.why}")


def check_alone(spec: Spec, where: str) -> None:
    """Raises SepflowError naming the key where a resolved spec says one that does nothing in it."""
    said = Said(tuple(idle for idle in RUN if idle.alone))
    said.note(where, spec, spec)
    said.check({})
