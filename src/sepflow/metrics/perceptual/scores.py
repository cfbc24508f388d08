"""All perceptual scores of one estimate against the clean signal."""

import math

import numpy as np

from sepflow.errors import SepflowError
from sepflow.metrics.perceptual import GROUP
from sepflow.metrics.perceptual.composite import Parts, composites, raw_of_nb
from sepflow.metrics.perceptual.frames import frames_of
from sepflow.metrics.perceptual.llr import log_likelihood_ratio
from sepflow.metrics.perceptual.packages import pesq, stoi
from sepflow.metrics.perceptual.snr import segmental_snr, si_sdr
from sepflow.metrics.perceptual.wss import weighted_spectral_slope
from sepflow.metrics.signals import Signals


def score(clean: np.ndarray, estimate: np.ndarray, rate: int) -> dict[str, float]:
    """The metrics of the group, of `estimate` [T] against `clean` [T] at `rate` Hz.

    What is undefined is NaN: all, where one of the two is silent (constant); PESQ at other rates than its
    mode's, without an utterance, under 0.25 and over 19 s, and the composites with it; STOI of too little
    speech. The composites are made with PESQ wb at 16 kHz, and with the raw score of nb at 8 kHz.

    Raises SepflowError where the shapes differ, a sample is not finite or a package is missing.
    """
    clean, estimate = _checked(clean, estimate)
    if np.ptp(clean) == 0 or np.ptp(estimate) == 0:
        return dict.fromkeys(GROUP.metrics, math.nan)
    wb, nb = (pesq(clean, estimate, rate, mode) for mode in ("wb", "nb"))
    framed = frames_of(clean, rate), frames_of(estimate, rate)
    parts = Parts(
        pesq=raw_of_nb(nb) if rate == 8_000 else wb,
        llr=log_likelihood_ratio(*framed, rate),
        wss=weighted_spectral_slope(*framed, rate),
        segsnr=segmental_snr(*framed),
    )
    return {
        "pesq_wb": wb,
        "pesq_nb": nb,
        "stoi": stoi(clean, estimate, rate),
        "estoi": stoi(clean, estimate, rate, extended=True),
        "segsnr": parts.segsnr,
        **composites(parts),
        "si_sdr": si_sdr(clean, estimate),
    }


def of_signals(signals: Signals) -> dict[str, list[float]]:
    """One value a mixture: of the first reference and the first estimate."""
    scores = score(signals.references[0], signals.estimates[0], signals.rate)
    return {metric: [value] for metric, value in scores.items()}


SCORES = of_signals


def _checked(clean: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    clean, estimate = np.asarray(clean, np.float64), np.asarray(estimate, np.float64)
    if clean.ndim != 1 or clean.shape != estimate.shape or not clean.size:
        raise SepflowError(
            f"Scoring needs a clean signal and an estimate of one length, [T]: "
            f"clean {list(clean.shape)}, estimate {list(estimate.shape)}."
        )
    if not (np.isfinite(clean).all() and np.isfinite(estimate).all()):
        raise SepflowError("A signal to be scored has samples that are not finite (NaN or infinite).")
    return clean, estimate
