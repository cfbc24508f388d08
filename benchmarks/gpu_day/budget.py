"""How long the trainings are to be: a scale times a factor, and the largest factor that the minutes
allow.

Steps are in a run's spec, seconds are not. So the factors are few and resolved beforehand, and what a
card was given is one number, with which the scale's file is written again: the plan is then the same
everywhere.
"""

import copy
from typing import Any

FACTORS = (0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
# What a rehearsal changes: small networks, short crops, two steps.
_TINY_MODEL = {"filters": 16, "bottleneck": 8, "hidden": 8, "kernel": 32, "stride": 16}
_TINY = {
    "conv_tasnet": {**_TINY_MODEL, "skip": 8, "blocks": 2, "repeats": 1},
    "dprnn": {**_TINY_MODEL, "chunk": 20, "hop": 10, "repeats": 1},
}
_COUNTED = ("steps", "validate_every", "epochs")

Scale = dict[str, Any]
# Of each run: how long it takes alone, in seconds, and the names of those that it waits for.
Costs = dict[str, tuple[float, list[str]]]


def scaled(scale: Scale, factor: float) -> Scale:
    """`scale` with all trainings `factor` times as long, validated as often as before."""
    scale = copy.deepcopy(scale)
    for layer in _layers(scale):
        for key in _COUNTED:
            if key in layer:
                layer[key] = max(1, round(layer[key] * factor))
        if "steps" in layer:  # a run ends with a validation
            validations = max(1, layer["steps"] // layer["validate_every"])
            layer["steps"] = validations * layer["validate_every"]
    return scale


def tiny(scale: Scale) -> Scale:
    """`scale` for a rehearsal on a CPU: every run of it, in two steps or an epoch or two."""
    scale = scaled(scale, 0.0)
    for layer in _layers(scale):
        for part, first in (("data", 2), ("validation", 4)):
            if part in layer:
                layer[part]["first"] = first
    for paper in scale["papers"].values():
        for mix in paper["mixes"].values():
            mix |= {"mixtures": 4, "min_seconds": 1.0}
        paper["models"] = {name: _TINY[name] for name in _TINY}
        paper["base"] |= {"batch": 2, "segment": 0.5}
    return scale | {"untrained": True}


def seconds_needed(costs: Costs, slots: int, gain: float) -> float:
    """When the last of the runs ends, `slots` at once, the one before the longest chain first.

    The card does `gain` times the work of one run alone where it has enough of them, shared equally.
    """
    left, now, ended = {name: cost for name, (cost, _) in costs.items()}, 0.0, set()
    urgency = {name: chain(name, costs) for name in costs}
    while left:
        ready = [name for name in left if set(costs[name][1]) <= ended]
        active = sorted(ready, key=lambda name: -urgency[name])[:slots]
        speed = min(1.0, gain / len(active))
        first = min(active, key=lambda name: left[name])
        lasts = left[first]
        now += lasts / speed
        for name in active:
            left[name] -= lasts
        del left[first]
        ended.add(first)
    return now


def chain(name: str, costs: Costs) -> float:
    """Seconds of a run and of the longest chain of those that wait for it."""
    after = [chain(other, costs) for other, (_, needs) in costs.items() if name in needs]
    return costs[name][0] + max(after, default=0.0)


def _layers(scale: Scale) -> list[dict[str, Any]]:
    papers = scale["papers"].values()
    parts = [
        layer for paper in papers for part in ("stages", "runs") for layer in paper.get(part, {}).values()
    ]
    return [paper["base"] for paper in papers] + parts
