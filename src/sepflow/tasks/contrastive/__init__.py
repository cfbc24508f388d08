"""The contrastive pretext task (CC): the masked contrastive task of wav2vec 2.0, for a separator."""

import math
from collections.abc import Iterator

from sepflow.declarations import declaration
from sepflow.identity import run_name
from sepflow.mixes.recipes import rate_of
from sepflow.tasks.declaration import Declaration, Idle, Spec, always
from sepflow.tasks.pretext import IDLE, PARTS


def _problems(spec: Spec) -> Iterator[str]:
    if _masked(spec) < 2:
        yield (
            f"pretext: in a segment of {spec['segment']} s are fewer than two masked frames to compare; "
            "lengthen segment, or raise pretext.share"
        )


def _masked(spec: Spec) -> int:
    """How many frames of a segment are masked."""
    model = {key: value for key, value in spec["model"].items() if key != "name"}
    model = declaration("models", spec["model"]["name"]).check(model)
    rate, stride = rate_of(spec["data"]["mix"]), model["stride"] or max(1, model["kernel"] // 2)
    # With a frame's ends before and after.
    samples = round(spec["segment"] * rate) + model["kernel"] - 2 * stride
    frames = max(0, math.ceil(samples / stride)) + 1
    hop = max(1, round(spec["pretext"]["frame"] * rate / stride))
    return round(spec["pretext"]["share"] * (frames // hop))


def _masks_unheard(spec: Spec, specs: dict[str, Spec]) -> bool:
    name = run_name(spec)  # whoever begins with the run has its whole network, masks too
    return all(other["init"] != name for other in specs.values())


DECLARED = Declaration(
    (("contrastive", "info_nce"),),
    ("contrastive",),
    parts=PARTS,
    settings="pretext",
    separates=False,
    idle=(
        *IDLE,
        Idle("objective.max_snr", None, always, "the loss of the task contrastive has no bound"),
        Idle("model.mask", None, _masks_unheard, "the task contrastive makes no estimates"),
    ),
    problems=_problems,
)
