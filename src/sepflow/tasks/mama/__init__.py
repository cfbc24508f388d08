"""MAMA, masked acoustic model with alterations (TERA: Liu, Li & Lee 2021), for a network that separates."""

from collections.abc import Iterator

from sepflow.mixes.recipes import rate_of
from sepflow.tasks.declaration import Declaration, Spec
from sepflow.tasks.pretext import IDLE, PARTS


def _problems(spec: Spec) -> Iterator[str]:
    rate, hop = rate_of(spec["data"]["mix"]), spec["pretext"]["hop"]
    if not round(hop * rate):
        yield f"pretext: hop must be a sample at least, at {rate} Hz, not {hop} s"


DECLARED = Declaration(
    (("masked_snr", "thresholded_snr"),),
    "mama",
    parts=PARTS,
    settings="pretext",
    separates=False,
    idle=IDLE,
    problems=_problems,
)
