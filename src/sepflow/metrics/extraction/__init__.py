"""How well a voice was picked out of a mixture, and whether it was the right one."""

from sepflow.metrics.metric import MIXTURE, Group, Metric

GROUP = Group(
    {
        "target_sdr_before": Metric("SDR before", "dB", by=MIXTURE, decimals=2),
        "target_sdr": Metric("SDR", "dB", by=MIXTURE, decimals=2),
        "target_sdri": Metric("SDR improved", "dB", by=MIXTURE, decimals=2),
        "right_speaker": Metric("right speaker", "%", by=MIXTURE, scale=100.0),
    },
    scorers=("fast_bss_eval", "numpy"),
)
