"""Raw corpora in, one flat file of samples and one manifest out; one module a kind of corpus."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from sepflow.corpora import kinds


def build(recipe: dict[str, Any], out: Path, path: Path | None, jobs: int) -> None:
    """Build the corpus that `recipe` describes into `out`: first `audio.i16`, at last `manifest.csv`.

    Between them, tables of the corpus's own, where its layout has any: `trials.csv`.

    `path` is where the raw audio lies (None: the kind needs none); neither it nor `jobs`, the number of
    processes, changes a byte of what is written. Raises SepflowError where the corpus is not as it must be.
    """
    _module(recipe).build(recipe, Path(out), None if path is None else Path(path), jobs)


def build_table(recipe: dict[str, Any], out: Path, path: Path, table: str) -> None:
    """Write one table of the corpus's own into `out`, for the corpus that is to be built there.

    No audio is heard. Raises SepflowError where the table is not as it must be.
    """
    _module(recipe).build_table(recipe, Path(out), Path(path), table)


def _module(recipe: dict[str, Any]) -> ModuleType:
    kinds.find(recipe.get("kind"))
    # Only now: to plan a workflow must not import soundfile, soxr or the synthesiser.
    return importlib.import_module(f"{__name__}.{recipe['kind']}")
