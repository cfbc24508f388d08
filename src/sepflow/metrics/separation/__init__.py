"""How well separated sources match their references."""

from sepflow.metrics.metric import Group, Metric

GROUP = Group(
    {
        "si_snr": Metric("SI-SNR", "dB"),
        "si_snri": Metric("SI-SNRi", "dB"),
        "sdr": Metric("SDR", "dB"),
        "sdri": Metric("SDRi", "dB"),
    },
    scorers=("fast_bss_eval", "numpy", "scipy"),
    pictures=True,
)
