"""How often a masked frame's own code is told from others; computed by the task of this name."""

from sepflow.metrics.metric import Group, Metric

GROUP = Group(
    {
        "accuracy": Metric("accuracy", "%"),
        "chance": Metric("chance", "%"),
        "majority": Metric("commonest code", "%"),
        "accuracy_over_chance": Metric("accuracy over chance", "times"),
    },
    scorers=("numpy", "torch"),
)
