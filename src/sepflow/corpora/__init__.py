"""Raw corpora in, one flat file of samples and one manifest out; one module a kind of corpus."""

import importlib
from pathlib import Path
from typing import Any

from sepflow.corpora import kinds


def build(recipe: dict[str, Any], out: Path, path: Path | None, jobs: int) -> None:
    """Build the corpus that `recipe` describes into `out`: first `audio.i16`, at last `manifest.csv`.

    `path` is where the raw audio lies (None: the kind needs none); neither it nor `jobs`, the number of
    processes, changes a byte of what is written. Raises SepflowError where the corpus is not as it must be.
    """
    kinds.find(recipe.get("kind"))
    # Only now: to plan a workflow must not import soundfile, soxr or the synthesiser.
    module = importlib.import_module(f"{__name__}.{recipe['kind']}")
    module.build(recipe, Path(out), None if path is None else Path(path), jobs)
