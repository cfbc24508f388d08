"""The metrics of scores and tables: what each is called, its unit, and which task has which."""

from typing import NamedTuple


class Metric(NamedTuple):
    """What a metric is called, and the unit of its values, in scores as in tables."""

    name: str
    unit: str

    @property
    def axis(self) -> str:
        """The name with the unit."""
        return f"{self.name} ({self.unit})"


METRICS = {
    "si_snr": Metric("SI-SNR", "dB"),
    "si_snri": Metric("SI-SNRi", "dB"),
    "sdr": Metric("SDR", "dB"),
    "sdri": Metric("SDRi", "dB"),
    "masked_snr": Metric("masked SNR", "dB"),
    "masked_snri": Metric("masked SNRi", "dB"),
    "accuracy": Metric("accuracy", "%"),
    "chance": Metric("chance", "%"),
    "majority": Metric("commonest code", "%"),
    "accuracy_over_chance": Metric("accuracy over chance", "times"),
}
# SI-SNR and SDR come from 1 - cos^2 in float64; beyond this many dB is mostly rounding, which is cut off.
MOST_DB = 100.0
SEPARATION = ("si_snr", "si_snri", "sdr", "sdri")
PRETEXTS = {  # the pretext tasks and their metrics
    "mama": ("masked_snr", "masked_snri"),
    "contrastive": ("accuracy", "chance", "majority", "accuracy_over_chance"),
}


def of_task(task: str) -> tuple[str, ...]:
    """The metrics that runs of a task are scored in."""
    return PRETEXTS.get(task, SEPARATION)
