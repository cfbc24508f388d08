"""Synthesised noise, for trying a workflow without any download: hisses, hums and rumbles that swell.

Every recording is white noise through a resonance and a slope of its own, as loud as a slow wave says. All of
it is drawn from the recording's name.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import lfilter

from sepflow.corpora.packed import quantise, write_corpus
from sepflow.corpora.splits import deal
from sepflow.errors import SepflowError
from sepflow.identity import RECIPES
from sepflow.seeding import generator

KIND = {
    "on_disk": False,
    "entry": {
        "required": ["recordings", "seconds", "splits"],
        "properties": {
            "recordings": {"type": "integer", "minimum": 1},
            "seconds": {"type": "number", "exclusiveMinimum": 1},
            "splits": {"$ref": "scale.yaml#/$defs/counts"},
        },
    },
}
RECIPE = RECIPES["noise"]
PEAK = 0.5


def build(recipe: dict[str, Any], out: Path, path: Path | None, jobs: int) -> None:
    """Build the corpus; see `sepflow.corpora.build`. `path` and `jobs` play no part.

    Recipe: kind, rate (Hz), recordings, seconds (of each), splits {validation, test: number of recordings}
    and recipe. Every recording is a source of its own. Raises SepflowError where splits take them all.
    """
    if recipe.get("recipe", RECIPE) != RECIPE:
        raise SepflowError(f"recipe {recipe['recipe']} of the noise corpus: this sepflow follows {RECIPE}.")
    write_corpus(out, _recordings(recipe))


def _recordings(recipe: dict[str, Any]) -> Iterator[tuple[dict[str, str], np.ndarray, float]]:
    names = [f"noise-{number:04d}" for number in range(recipe["recordings"])]
    splits = deal(names, **({"validation": 0, "test": 0} | (recipe.get("splits") or {})))
    for name in names:
        labels = {"id": name, "speaker": name, "sex": "", "split": splits[name], "text": "", "path": ""}
        yield labels, *quantise(synthesise(name, recipe["rate"], recipe["seconds"]))


def synthesise(name: str, rate: int, seconds: float) -> np.ndarray:
    """The noise of that name: float64, shape (n,), at `rate` Hz, with a peak of PEAK."""
    rng = generator("noise", name)
    slope, sharpness = rng.uniform(-0.5, 0.95), rng.uniform(0.0, 0.95)
    frequency, depth, swell = (
        np.exp(rng.uniform(*np.log([80, 3000]))),
        rng.uniform(0, 0.8),
        rng.uniform(0.2, 4),
    )
    samples = round(rate * seconds)
    # One pole for the slope, a pair for the resonance.
    resonance = [1, -2 * sharpness * np.cos(2 * np.pi * frequency / rate), sharpness**2]
    noise = lfilter([1], np.convolve([1, -slope], resonance), rng.standard_normal(samples))
    time = np.arange(samples) / rate
    noise *= 1 - depth * (0.5 + 0.5 * np.sin(2 * np.pi * (swell * time + rng.uniform())))
    return PEAK * noise / np.abs(noise).max()
