"""Which groups of metrics a task is scored in."""

PRETEXTS = ("mama", "contrastive")  # the pretext tasks


def of_task(task: str) -> tuple[str, ...]:
    """The groups of metrics that runs of a task are scored in."""
    return (task,) if task in PRETEXTS else ("separation",)
