"""Pseudo-labels: a run's estimates on a mix, once, as float32 and unclipped; with their plan, a mix again."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from sepflow.applying.inference import Estimator
from sepflow.files import replacing
from sepflow.files.seals import digest_of
from sepflow.mixes.labels import LABELS
from sepflow.mixes.mix import Mix, write_plan
from sepflow.mixes.recipes import rate_of
from sepflow.tasks.selection import select


def write_estimates(recipe: dict[str, Any], mix: Mix, model: Path, out: Path, device: str = "auto") -> None:
    """Write `out`/labels.f32, its seal and then `out`/mix.csv, the sign that all is whole.

    `recipe` is that of the labelled mix: `selection` says how the estimates become as many as the sources,
    `unit` whether the run hears (and the selection is made for) whole mixtures or segments of them.
    """
    if recipe["unit"] == "segment":
        mix = mix.segments(recipe["mix"], round(recipe["segment"] * rate_of(recipe)))
    estimator = Estimator(model, device, recipe["run"])
    content = hashlib.sha256()
    with replacing(out / LABELS) as temporary, temporary.open("wb") as file:
        for row in range(len(mix)):
            estimates = estimator(mix.mixture(row))
            chosen = select(estimates, recipe["selection"], mix.sources(row))
            data = np.ascontiguousarray(chosen.numpy(), dtype="<f4").tobytes()
            file.write(data)
            content.update(data)
    made = {"run": recipe["run"], "model": digest_of(model)}
    write_plan(out, mix.table, {LABELS: content.hexdigest()}, **made)
