"""Speaker verification: whether two utterances are of one speaker, by the cosine of their embeddings."""

from collections.abc import Iterator

from sepflow.mixes.recipes import rate_of
from sepflow.tasks.declaration import LOWER, Declaration, Idle, Part, Spec, always

KINDS = {"data": "clips", "validation": "trials"}


def _problems(spec: Spec) -> Iterator[str]:
    for part, kind in KINDS.items():
        if (said := spec[part]["mix"]["kind"]) != kind:
            yield f"{part}: mix: of the kind {said}, where a verification hears {kind}"
    own, rate = spec["verification"], rate_of(spec["data"]["mix"])
    if own["shortest"] > spec["segment"]:
        yield f"verification: shortest: {own['shortest']} s, and the longest (segment) is {spec['segment']} s"
    if own["shortest"] < own["frame"] or round(own["hop"] * rate) < 1:
        yield f"verification: no frame of {own['frame']} s fits into shortest, {own['shortest']} s, or no hop"


DECLARED = Declaration(
    (("speakers", "cross_entropy"),),
    ("verification",),
    parts={"data": Part(speakers=1), "validation": Part(speakers=1, validated=True)},
    settings="verification",
    select={"eer": LOWER},
    separates=False,
    idle=(
        Idle("objective.max_snr", None, always, "the loss of the task verification has no bound"),
        Idle("objective.consistency", False, always, "the task verification makes no estimates"),
    ),
    problems=_problems,
)
