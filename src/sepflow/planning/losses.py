"""What validation losses are measured against: only where that is the same do two of them compare."""

from typing import Any

from sepflow.identity import digest
from sepflow.planning.plan import Plan
from sepflow.tasks import declared


def comparable(table: dict[str, Any], plan: Plan) -> list[dict[str, Any]]:
    """The runs of a table in groups whose validation losses compare, in the table's order.

    A group: `against`, in words, and `runs`, each with what the paper calls it.
    """
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for row in table["rows"]:
        for run, label in row["runs"].items():
            spec = plan.runs[run].spec
            words, recipe = against(spec, plan), spec["validation"]["mix"]
            key = (words, digest(recipe.get("mix", recipe)))
            groups.setdefault(key, {"against": words, "runs": {}})["runs"][run] = label
    return list(groups.values())


def against(spec: dict[str, Any], plan: Plan) -> str:
    """What the validation loss of a run's `spec` is, and on what, in words."""
    objective, validation = spec["objective"], spec["validation"]
    mixture = validation["mix"].get("mix", validation["mix"])
    if declared(spec["task"]).of_mixtures(spec):
        target = "the two mixtures of a pair"
    elif validation["mix"]["kind"] == "labels":
        teacher = plan.runs[validation["mix"]["run"]].label
        target = f"the pseudo-labels of {teacher.split('@')[0]}"
    else:
        target = "the sources"
    loss = objective["loss"].replace("_", " ").replace("snr", "SNR")
    name = {"mixit": "MixIT", "pit": "PIT"}.get(objective["name"], objective["name"])
    count = f"{validation['first'] or mixture['mixtures']} validation mixtures"
    single = f", {validation['single_speaker']:.0%} of one speaker" if validation["single_speaker"] else ""
    return f"{name}, {loss}, against {target} ({count}{single})"
