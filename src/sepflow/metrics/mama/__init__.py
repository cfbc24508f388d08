"""How well altered parts of noisy speech come back; computed by the task of this name."""

from sepflow.metrics.metric import Group, Metric

GROUP = Group(
    {"masked_snr": Metric("masked SNR", "dB"), "masked_snri": Metric("masked SNRi", "dB")},
    scorers=("numpy", "torch"),
)
