"""What the pretext tasks declare alike: they hear one noisy speaker, and separators begin with them."""

from sepflow.tasks.declaration import Idle, Part, always

PARTS = {"data": Part(speakers=1), "validation": Part(speakers=1, validated=True)}
IDLE = (
    Idle("objective.consistency", False, always, "one speaker's estimates make up no mixture"),
    Idle("model.sources", 1, always, "a pretext task hears the first output alone; say 1"),
)
