"""DNSMOS, as the package speechmos computes it."""

import importlib
import importlib.util
import math

import numpy as np

from sepflow.errors import SepflowError
from sepflow.metrics.dnsmos import GROUP
from sepflow.metrics.signals import Signals

RATE = 16_000  # Hz
EXTRA = "pip install speechmos onnxruntime librosa requests"


def available() -> bool:
    """Whether the package is there."""
    return importlib.util.find_spec("speechmos") is not None


def score(estimate: np.ndarray, rate: int) -> dict[str, float]:
    """The metrics of the group of a signal [T]; NaN where it is silent (constant) or not at 16 kHz.

    What is louder than full scale is brought down to it: the network hears no more. Under 9.01 s it is heard
    again and again.

    Raises SepflowError where the package is missing.
    """
    if rate != RATE or not np.ptp(estimate):
        return dict.fromkeys(GROUP.metrics, math.nan)
    signal = (estimate / max(1.0, np.abs(estimate).max())).astype(np.float32)
    try:  # librosa imports its parts as they are needed
        found = importlib.import_module("speechmos.dnsmos").run(signal, RATE)
    except ImportError as reason:
        raise SepflowError(f"DNSMOS needs packages that are not here ({reason}): {EXTRA}") from None
    return {metric: float(found[f"{metric.removeprefix('dnsmos_')}_mos"]) for metric in GROUP.metrics}


def of_signals(signals: Signals) -> dict[str, list[float]]:
    """One value a mixture: of the first estimate."""
    return {metric: [value] for metric, value in score(signals.estimates[0], signals.rate).items()}


SCORES = of_signals
