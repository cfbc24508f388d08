"""How enhanced speech sounds beside the clean, by the measures of the field: PESQ, STOI, the composites.

Of the first reference and the first estimate. PESQ says its mode: wb and nb are two scales.
"""

from sepflow.metrics.metric import MIXTURE, Group, Metric

GROUP = Group(
    {
        "pesq_wb": Metric("PESQ wb", by=MIXTURE, decimals=2),
        "pesq_nb": Metric("PESQ nb", by=MIXTURE, decimals=2),
        "stoi": Metric("STOI", "%", by=MIXTURE),
        "estoi": Metric("ESTOI", "%", by=MIXTURE),
        "segsnr": Metric("segSNR", "dB", by=MIXTURE, decimals=2),
        "csig": Metric("CSIG", by=MIXTURE, decimals=2),
        "cbak": Metric("CBAK", by=MIXTURE, decimals=2),
        "covl": Metric("COVL", by=MIXTURE, decimals=2),
        "si_sdr": Metric("SI-SDR", "dB", by=MIXTURE),
    },
    scorers=("numpy", "pesq", "pystoi", "scipy"),  # the last resamples for pystoi
)
