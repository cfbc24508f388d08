"""The metrics of scores and tables: what each is called, its unit, which task has it, who computes it."""

from typing import NamedTuple

from sepflow.metrics import SEPARATION


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
PRETEXTS = {  # the pretext tasks and their metrics
    "mama": ("masked_snr", "masked_snri"),
    "contrastive": ("accuracy", "chance", "majority", "accuracy_over_chance"),
}


def of_task(task: str) -> tuple[str, ...]:
    """The metrics that runs of a task are scored in."""
    return PRETEXTS.get(task, SEPARATION)


def scorers_of(task: str) -> tuple[str, ...]:
    """The packages that compute the metrics of a task with us: another version may score otherwise."""
    return ("numpy", "torch") if task in PRETEXTS else ("fast_bss_eval", "numpy", "scipy")
