"""Target speaker extraction: one voice out of a mixture, by a frozen speaker network's embedding."""

from collections.abc import Iterator

from sepflow.tasks.declaration import Declaration, Idle, Part, Spec, Use, always

LOSSES = ("l2", "relative_l2")


def _problems(spec: Spec) -> Iterator[str]:
    for part in ("data", "validation"):
        if (said := spec[part]["mix"]["kind"]) != "enrolled":
            yield f"{part}: mix: of the kind {said}, where an extraction hears enrolled"
    segment, seconds = spec["segment"], spec["data"]["mix"].get("seconds", 0.0)
    if spec["objective"]["loss"] == "relative_l2" and segment < seconds:
        yield (
            f"segment: {segment} s of mixtures of {seconds} s: where the other voice is silent in one, "
            "relative_l2 has no bound. Say the mix's seconds, or the loss l2"
        )
    outputs, embedding = (
        spec["model"].get(key, given) for key, given in (("outputs", 1), ("embedding", None))
    )
    if spec["objective"]["name"] == "pit":
        if outputs != 2 or embedding != 0:
            yield "model: PIT is of two outputs, and of no embedding: outputs 2, embedding 0"
        if "noise" in spec["data"]["mix"]:
            yield "objective: name: PIT tells voices apart, and the mix has one beside noise"
    elif outputs != 1 or embedding == 0:
        yield "model: one output, by an embedding: outputs 1, and embedding that of the speaker network"


DECLARED = Declaration(
    tuple((name, loss) for name in ("target", "pit") for loss in LOSSES),
    ("extraction", "choice", "perceptual"),
    parts={"data": Part(speakers=1), "validation": Part(speakers=1, validated=True)},
    uses={"speaker": Use(("verification", "fetched"), applied=True)},
    separates=False,
    idle=(
        Idle("objective.max_snr", None, always, "the loss of the task extraction has no bound"),
        Idle("objective.consistency", False, always, "one voice makes up no mixture"),
    ),
    problems=_problems,
)
