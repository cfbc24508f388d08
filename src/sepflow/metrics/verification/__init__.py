"""How well scores of trials tell whether both utterances are of one speaker.

The untrained network, as its training began, is scored beside the trained: it tells voices apart too.
"""

from sepflow.metrics.metric import MIXTURE, Group, Metric


def _of_trials(name: str, unit: str, aggregate: str, *more: str, scale: float = 100.0) -> Metric:
    of = ("score", "same", *more)
    return Metric(name, unit, True, of, MIXTURE, aggregate, scale, 2, True)


GROUP = Group(
    {
        "eer": _of_trials("EER", "%", "eer"),
        "min_dcf": _of_trials("minDCF", "", "min_dcf", scale=1.0),
        "eer_same_sex": _of_trials("EER, impostors of the same sex", "%", "eer_of_some", "counted"),
        "eer_untrained": _of_trials("EER, untrained", "%", "eer"),
    },
    scorers=("numpy",),
)
