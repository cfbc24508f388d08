"""The perceptual scores of files on disk, ready for JSON: of one estimate, or of many and their means."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError
from sepflow.metrics.alike import none_for_nan, read_alike
from sepflow.metrics.dnsmos import scores as dnsmos
from sepflow.metrics.perceptual.scores import score

Scores = dict[str, Any]  # metric: value or None; perhaps `noisy` and `improvement`, each of such


def score_files(clean: Sequence[Path], enhanced: Sequence[Path], noisy: Sequence[Path] = ()) -> Scores:
    """Scores of mono files, each with the clean one of the same place; None where a score is undefined.

    One estimate has its scores, and where there is a noisy file `noisy` and `improvement`. Several have
    `files`, a list of such with the names `clean` and `enhanced`; `mean`, over the files where a score is
    defined; and `counted`, how many those are.

    Raises SepflowError, with the file's name, for one that `read_alike` refuses, or of another rate than the
    files before; and where the numbers of files differ.
    """
    if len(clean) != len(enhanced) or len(noisy) not in (0, len(clean)) or not clean:
        raise SepflowError(
            f"Scoring needs one enhanced file, and one noisy file or none at all, for each clean one: "
            f"{len(clean)} clean, {len(enhanced)} enhanced, {len(noisy)} noisy."
        )
    together = list(zip(clean, enhanced, *([noisy] if noisy else []), strict=True))
    rate, found = None, []
    for paths in together:
        signals, own = read_alike(paths)
        if rate not in (None, own):
            raise SepflowError(
                f"{paths[0]}: {own} Hz, but {clean[0]} has {rate} Hz; score files of one rate at once."
            )
        rate = own
        found.append(_of_one(*signals, rate=rate))
    if len(found) == 1:
        return found[0]
    files = [{"clean": str(x[0]), "enhanced": str(x[1]), **y} for x, y in zip(together, found, strict=True)]
    return {"files": files, "mean": _over(found, _mean), "counted": _over(found, len)}


def _of_one(clean: Any, enhanced: Any, noisy: Any = None, *, rate: int) -> Scores:
    """The scores of an estimate [T]; with those of the `noisy` signal [T], and what was gained over it."""
    scores = _scored(clean, enhanced, rate)
    if noisy is None:
        return scores
    before = _scored(clean, noisy, rate)
    gained = {
        key: None if None in (scores[key], before[key]) else scores[key] - before[key] for key in scores
    }
    return {**scores, "noisy": before, "improvement": gained}


def _scored(clean: Any, estimate: Any, rate: int) -> Scores:
    scores = score(clean, estimate, rate) | (dnsmos.score(estimate, rate) if dnsmos.available() else {})
    return {key: none_for_nan(value) for key, value in scores.items()}


def _over(found: list[Scores], summary: Any) -> Scores:
    """The `summary` of each score's defined values over the files."""
    over = {}
    for key, first in found[0].items():
        values = [scores[key] for scores in found]
        nested = isinstance(first, dict)
        over[key] = _over(values, summary) if nested else summary([x for x in values if x is not None])
    return over


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
