"""What an enrolment does: chosen by it, swapped for another speaker's, and what the attention attends to.

Computed by the task. Chosen: of several outputs the one that the speaker network finds nearest to the
enrolment; SDR and right speaker are of the one nearest to the truth, which nobody knows. Swapped: with an
enrolment of the other speaker.
"""

from sepflow.metrics.metric import MIXTURE, Group, Metric

GROUP = Group(
    {
        "chosen_sdri": Metric("SDR improved, output chosen by the speaker network", "dB", by=MIXTURE),
        "chosen_right": Metric("right speaker, so chosen", "%", by=MIXTURE, scale=100.0),
        "swapped_right": Metric("other speaker, by the other's enrolment", "%", by=MIXTURE, scale=100.0),
        "swapped_pesq_wb": Metric("PESQ wb, by the other's enrolment", by=MIXTURE, decimals=2),
        "entropy": Metric("entropy of attention", "% of log K", by=MIXTURE, scale=100.0),
    },
    scorers=("fast_bss_eval", "numpy", "pesq", "torch"),
)
