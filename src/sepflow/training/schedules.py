"""Learning rates that are a function of the step."""

from typing import Any


def factor(spec: dict[str, Any], step: int) -> float:
    """The share of a run's learning rate at `step`, from 0: up over the warm-up, then level or down to 0.

    With `optimizer.noam` as Chen et al. train DPTNet (2020, section 3.3), an epoch being what lies between
    two validations.
    """
    settings, steps = spec["optimizer"], spec["steps"]
    if settings["noam"]:
        return _noam(settings, step + 1, step // spec["validate_every"]) / settings["lr"]
    up = min(1.0, (step + 1) / (settings["warmup"] + 1))
    left = (steps - step) / max(steps - settings["warmup"], 1)
    return up * (min(1.0, left) if settings["decay"] == "linear" else 1.0)


def _noam(settings: dict[str, Any], n: int, epoch: int) -> float:
    """scale features^-0.5 n warmup^-1.5 up to step `n` = warmup, then lr 0.98^floor(epoch / 2)."""
    warmup, noam = settings["warmup"], settings["noam"]
    if n <= warmup:
        return noam["scale"] * noam["features"] ** -0.5 * n * warmup**-1.5
    return settings["lr"] * 0.98 ** (epoch // 2)
