"""Separation and, on one more output of the same network, the enhancement of one noisy speaker."""

from collections.abc import Iterator

from sepflow.tasks.declaration import Declaration, Part, Spec
from sepflow.tasks.separation import PIT


def _problems(spec: Spec) -> Iterator[str]:
    if spec["objective"]["consistency"]:
        yield "objective.consistency: multi_task's outputs make up no one mixture"


DECLARED = Declaration(
    PIT,
    "separation",
    parts={"data": Part(), "joint": Part(speakers=1), "validation": Part(validated=True)},
    problems=_problems,
)
