"""What is wrong of estimates: less is better."""

from sepflow.metrics.metric import MIXTURE, Group, Metric

GROUP = Group(
    {
        "error": Metric(
            "error", "%", True, of=("wrong", "energy"), by=MIXTURE, aggregate="ratio", scale=100.0
        ),
        "largest": Metric("largest error", "%", True, by=MIXTURE, aggregate="largest", scale=100.0),
    },
    scorers=("numpy",),
)
