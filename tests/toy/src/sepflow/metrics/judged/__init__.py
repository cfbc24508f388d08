"""What a judge hears of an estimate's error: a network of another run computes it."""

from sepflow.metrics.metric import MIXTURE, Group, Metric

GROUP = Group(
    {
        "judged": Metric(
            "judged error", "%", True, of=("heard", "energy"), by=MIXTURE, aggregate="ratio", scale=100.0
        )
    },
    scorers=("torch",),
    uses={"judge": ("separation", "fetched")},
)
