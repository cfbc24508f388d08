"""DNSMOS P.835 and P.808: what a network thinks that listeners would say, without a clean signal beside it.

Of the first estimate. The package speechmos, which has its weights, is no part of the lock.
"""

from sepflow.metrics.metric import MIXTURE, Group, Metric

GROUP = Group(
    {
        "dnsmos_sig": Metric("DNSMOS SIG", by=MIXTURE, decimals=2),
        "dnsmos_bak": Metric("DNSMOS BAK", by=MIXTURE, decimals=2),
        "dnsmos_ovrl": Metric("DNSMOS OVRL", by=MIXTURE, decimals=2),
        "dnsmos_p808": Metric("DNSMOS P.808", by=MIXTURE, decimals=2),
    },
    scorers=("speechmos", "onnxruntime", "librosa"),
)
