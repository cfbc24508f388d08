"""A paper's figure of its trainings, its runs resolved: whose curves, and how many steps an epoch has."""

from typing import Any

from sepflow.errors import SepflowError
from sepflow.files.config import unknown_name
from sepflow.identity import batch_of
from sepflow.mixes.recipes import unlabelled
from sepflow.planning.comparisons import Seeded


def epoch_steps(spec: dict[str, Any]) -> float:
    """The steps of one pass over the mixtures that a run trains on."""
    data = spec["data"]
    heard = batch_of(spec, "data") * spec["accumulate"]
    return (data["first"] or unlabelled(data["mix"])["mixtures"]) / heard


def resolve_figure(
    figure: dict[str, Any], planned: set[str], seeds: list[int], seeded: Seeded, where: str
) -> dict[str, Any]:
    """A figure with those of its panels whose runs, by strategy, are all `planned`, each with its runs.

    Raises SepflowError naming the key of what is wrong.
    """
    panels = []
    for key, panel in figure["panels"].items():
        place = f"{where}.panels.{key}"
        named = [panel["baseline"], *(point["strategy"] for point in panel.get("published", []))]
        for strategy in named:
            if strategy not in panel["runs"]:
                raise SepflowError(f"{place}: {unknown_name('strategy', strategy, list(panel['runs']))}")
        if set(panel["runs"].values()) <= planned:
            runs = [one for pair in panel["runs"].items() for one in _runs(*pair, seeds, seeded, place)]
            panels.append({"published": [], **panel, "id": key, "runs": runs})
    return {**figure, "panels": panels}


def _runs(strategy: str, label: str, seeds: list[int], seeded: Seeded, where: str) -> list[dict[str, Any]]:
    runs, spec = seeded(label, where)
    if spec["data"]["crop"] != "fixed":
        raise SepflowError(f"{where}.runs.{strategy}: {label} counts no switches: data: {{crop: fixed}}")
    if (spec["objective"]["name"], spec["objective"]["loss"]) != ("pit", "si_snr"):
        raise SepflowError(f"{where}.runs.{strategy}: {label}: its loss is no SI-SNR, which the figure shows")
    epoch = round(epoch_steps(spec), 3)
    return [
        {"strategy": strategy, "run": run, "seed": seed, "epoch": epoch}
        for run, seed in zip(runs, seeds, strict=True)
    ]
