"""What a part of a plan has to say, and which keys of a spec go together."""

from typing import Any

from sepflow.errors import SepflowError
from sepflow.metrics.names import PRETEXTS
from sepflow.simulation.recipes import unlabelled

_SEPARATIONS = tuple((name, loss) for name in ("pit", "mixit") for loss in ("thresholded_snr", "si_snr"))
OBJECTIVES = {  # of each task: (name, loss)
    "separation": _SEPARATIONS,
    "multi_task": _SEPARATIONS,
    "mama": (("masked_snr", "thresholded_snr"),),
    "contrastive": (("contrastive", "info_nce"),),
}


def complete(part: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    """Raises SepflowError naming the `keys` that `part` lacks."""
    missing = [key for key in keys if key not in part]
    if missing:
        raise SepflowError(f"{where}: {', '.join(missing)}: not set, here or in what it is a difference from")


def check_spec(spec: dict[str, Any], where: str) -> None:
    """Raises SepflowError where the keys of a resolved spec do not go together."""
    if spec["steps"] % spec["validate_every"]:
        raise SepflowError(
            f"{where}: validate_every: {spec['steps']} steps are no multiple of {spec['validate_every']}; "
            "the last steps would never be validated"
        )
    if spec["objective"]["name"] == "mixit" and spec["model"]["sources"] < 2:
        raise SepflowError(f"{where}: model.sources: MixIT needs two estimates or more")
    if (spec["task"] == "multi_task") != bool(spec["joint"]):
        raise SepflowError(f"{where}: joint: what the task multi_task trains on beside, and no other task")
    if spec["joint"] and spec["objective"]["consistency"]:
        raise SepflowError(f"{where}: objective.consistency: multi_task's outputs make up no one mixture")
    if (spec["task"] in PRETEXTS) != bool(spec["pretext"]):
        raise SepflowError(f"{where}: pretext: the settings of {' or '.join(PRETEXTS)}, and of no other task")
    objective = spec["objective"]["name"], spec["objective"]["loss"]
    if objective not in OBJECTIVES[spec["task"]]:
        there = "; ".join(", ".join(pair) for pair in OBJECTIVES[spec["task"]])
        raise SepflowError(
            f"{where}: objective: name and loss {', '.join(objective)}: the task {spec['task']} has {there}"
        )
    alone = ["data"] * (spec["task"] in PRETEXTS) + ["joint"] * (spec["task"] == "multi_task")
    for part in alone:
        if (speakers := unlabelled(spec[part]["mix"])["speakers"]) != 1:
            raise SepflowError(f"{where}.{part}: mix: {speakers} speakers, where this task hears one")
    settings = spec["optimizer"]
    if settings["noam"] and (settings["plateau"] or settings["decay"] != "none"):
        raise SepflowError(f"{where}: optimizer.noam: beside it decay is none and plateau null")
