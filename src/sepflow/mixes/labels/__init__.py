"""A mix with a run's estimates: they are what a model should give back or, said so, what it hears."""

from typing import Any, NoReturn

from sepflow.errors import SepflowError
from sepflow.mixes.declaration import Kind, Scale

LABELS = "labels.f32"


def _resolve(mix: dict[str, Any], name: str, scale: Scale, where: str) -> NoReturn:
    raise SepflowError(f"{where}: kind: labels are of a part of a run: say `labels` beside its mix")


KIND = Kind(_resolve, keys=(), own=("mix", "run", "selection", "unit", "segment", "as"), files=(LABELS,))
