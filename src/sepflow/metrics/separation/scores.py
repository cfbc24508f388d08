"""How well separated sources match their references: SI-SNR and SDR, and what was gained over the mixture.

SI-SNR is the scale-invariant SDR of zero-mean signals. SDR is that of BSS Eval (version 3, and 4 without
frames): what a filter of 512 taps can make of the reference counts as target.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fast_bss_eval
import numpy as np
from scipy.optimize import linear_sum_assignment

from sepflow.errors import SepflowError
from sepflow.metrics import MOST_DB
from sepflow.metrics.alike import none_for_nan, read_alike
from sepflow.metrics.separation import GROUP
from sepflow.metrics.signals import Signals

_TAPS = 512


def score(references: np.ndarray, estimates: np.ndarray, mixture: np.ndarray | None = None) -> dict[str, Any]:
    """Score `estimates` [C, T] against `references` [C, T], and against the `mixture` [T] if there is one.

    Returns lists in the references' order:
      pairing: for each reference the index of its estimate, by the best mean SI-SNR;
      si_snr, sdr: in dB at that pairing, within +-100 dB (a perfect estimate has 100);
      si_snri, sdri: those minus the mixture's own value against the same reference; None without mixture.
    A value that is undefined, because the estimate (or the mixture) is silent, is NaN. Silent means constant.

    Raises SepflowError where shapes differ, a reference is silent or a sample is not finite.
    """
    references, candidates = _checked(references, estimates, mixture)
    si_snr, sdr = _si_snr(references, candidates), _sdr(references, candidates)
    silent = _is_silent(candidates)
    si_snr[:, silent] = sdr[:, silent] = np.nan
    count = len(references)
    # A silent estimate is as bad for every reference, so that any constant leaves the pairing as it is.
    pairing = linear_sum_assignment(np.nan_to_num(si_snr[:, :count], nan=0.0), maximize=True)[1]
    scores: dict[str, Any] = {"pairing": pairing.tolist()}
    for name, values in {"si_snr": si_snr, "sdr": sdr}.items():
        paired = values[np.arange(count), pairing]
        scores[name] = paired.tolist()
        scores[f"{name}i"] = None if mixture is None else (paired - values[:, count]).tolist()
    return scores


def sdr_table(references: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """The SDR in dB of every candidate [N, T] against every reference [C, T], none silent: [C, N].

    NaN of a candidate that is silent.
    """
    table = _sdr(*(_unit_peak(np.asarray(x, np.float64)) for x in (references, candidates)))
    table[:, _is_silent(candidates)] = np.nan
    return table


def of_signals(signals: Signals) -> dict[str, list[float]]:
    """The metrics of the group; all NaN where a reference is digital silence (a gated recording, cut)."""
    references = signals.references
    if (np.ptp(references, axis=1) == 0).any():
        return {metric: [math.nan] * len(references) for metric in GROUP.metrics}
    scores = score(references, signals.estimates, signals.mixture)
    return {metric: scores[metric] for metric in GROUP.metrics}


SCORES = of_signals


def score_files(
    references: Sequence[Path], estimates: Sequence[Path], mixture: Path | None = None
) -> dict[str, Any]:
    """`score` of mono audio files of one rate and length, ready for JSON: NaN becomes None.

    Raises SepflowError, with the file's name, for a file that cannot be decoded, is not mono, holds samples
    that are not finite, differs in rate or length from the first reference, or is a silent reference; and
    where the numbers of references and estimates differ.
    """
    if len(references) != len(estimates) or not references:
        raise SepflowError(
            f"Scoring needs one estimate for each reference, not {len(estimates)} for {len(references)}: "
            f"references {', '.join(map(str, references))}; estimates {', '.join(map(str, estimates))}."
        )
    paths = [*references, *estimates, *([] if mixture is None else [mixture])]
    signals, _ = read_alike(paths)
    count = len(references)
    for path, silent in zip(references, _is_silent(signals[:count]), strict=True):
        if silent:
            raise SepflowError(f"{path}: this reference is silent, no score is defined; leave it out.")
    scores = score(signals[:count], signals[count : 2 * count], None if mixture is None else signals[-1])
    return {name: values and [none_for_nan(value) for value in values] for name, values in scores.items()}


def _checked(
    references: np.ndarray, estimates: np.ndarray, mixture: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The references [C, T] and all that is held against them: the estimates and, last, the mixture."""
    references, estimates = np.asarray(references, np.float64), np.asarray(estimates, np.float64)
    if references.ndim != 2 or references.shape != estimates.shape or not references.size:
        raise SepflowError(
            f"Scoring needs as many estimates as references, of one length, [C, T]: "
            f"references {list(references.shape)}, estimates {list(estimates.shape)}."
        )
    candidates = estimates
    if mixture is not None:
        if np.shape(mixture) != references.shape[1:]:
            raise SepflowError(
                f"Scoring needs a mixture [T] as long as the references: "
                f"mixture {list(np.shape(mixture))}, references {list(references.shape)}."
            )
        candidates = np.vstack([estimates, mixture])
    if not (np.isfinite(references).all() and np.isfinite(candidates).all()):
        raise SepflowError("A signal to be scored has samples that are not finite (NaN or infinite).")
    if _is_silent(references).any():
        raise SepflowError("A reference is silent: no score is defined for it; leave it out.")
    return _unit_peak(references), _unit_peak(candidates)


def _si_snr(references: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """SI-SNR in dB of every candidate [N, T] against every reference [C, T]: [C, N]."""
    return -fast_bss_eval.si_sdr_loss(candidates, references, zero_mean=True, pairwise=True, clamp_db=MOST_DB)


def _sdr(references: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """SDR in dB of every candidate [N, T] against every reference [C, T]: [C, N]."""
    # The filter may be longer than the signals, which are then followed by silence; fast_bss_eval's
    # correlations would wrap around instead.
    short = ((0, 0), (0, max(0, _TAPS - references.shape[1])))
    return -fast_bss_eval.sdr_loss(
        np.pad(candidates, short),
        np.pad(references, short),
        filter_length=_TAPS,
        pairwise=True,
        clamp_db=MOST_DB,
    )


def _unit_peak(signals: np.ndarray) -> np.ndarray:
    """No score depends on the scale, but fast_bss_eval takes a norm under 1e-6 for silence."""
    peaks = np.abs(signals).max(axis=1, keepdims=True)
    return signals / np.where(peaks > 0, peaks, 1.0)


def _is_silent(signals: np.ndarray) -> np.ndarray:
    return np.ptp(signals, axis=1) == 0
