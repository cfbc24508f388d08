"""An echo taken away, as a frozen judge hears it, and nothing from clips that have none."""

from sepflow.tasks.declaration import LOWER, Declaration, Part, Use

DECLARED = Declaration(
    objectives=(("judged", "mse"),),
    metrics=("separation", "errors", "judged"),
    parts={
        "data": Part(speakers=1),
        "clips": Part(speakers=1),
        "validation": Part(speakers=1, validated=True),
    },
    uses={"judge": Use(("separation",)), "level": Use(("level", "dereverb"), applied=True)},
    settings="dereverb",
    select={"validation_loss": LOWER, "error_rate": LOWER},
)
