"""How well scores of trials tell whether both utterances are of one speaker.

The untrained network, as its training began, is scored beside the trained: it tells voices apart too.
"""

from sepflow.metrics.metric import MIXTURE, Group, Metric


def _eer(name: str, aggregate: str, *more: str) -> Metric:
    of = ("score", "same", *more)
    return Metric(name, "%", True, of=of, by=MIXTURE, aggregate=aggregate, scale=100.0)


GROUP = Group(
    {
        "eer": _eer("EER", "eer"),
        "min_dcf": Metric(
            "minDCF", "", True, of=("score", "same"), by=MIXTURE, aggregate="min_dcf", decimals=3
        ),
        "eer_same_sex": _eer("EER, impostors of the same sex", "eer_of_some", "counted"),
        "eer_untrained": _eer("EER, untrained", "eer"),
    },
    scorers=("numpy",),
)
