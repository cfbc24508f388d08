"""Pseudo-labels: a run's estimates on a mix, once, as float32 and unclipped; with their plan, a mix again."""

from pathlib import Path
from typing import Any

import numpy as np

from sepflow.files import replacing, write_text
from sepflow.inference import Separator, select
from sepflow.simulation.mix import Mix
from sepflow.simulation.recipes import rate_of


def write_labels(recipe: dict[str, Any], mix: Mix, model: Path, out: Path, device: str = "auto") -> None:
    """Write `out`/labels.f32 and then `out`/mix.csv, the sign that both are whole.

    `recipe` is that of the labelled mix: `selection` says how the estimates become as many as the sources,
    `unit` whether the run hears (and the selection is made for) whole mixtures or segments of them.
    """
    if recipe["unit"] == "segment":
        mix = mix.segments(round(recipe["segment"] * rate_of(recipe)))
    separator = Separator(model, device, recipe["run"])
    with replacing(out / "labels.f32") as temporary, temporary.open("wb") as file:
        for row in range(len(mix)):
            estimates = separator(mix.mixture(row))
            chosen = select(estimates, recipe["selection"], mix.sources(row))
            file.write(np.ascontiguousarray(chosen.numpy(), dtype="<f4").tobytes())
    write_text(out / "mix.csv", mix.table.to_csv(index=False))
