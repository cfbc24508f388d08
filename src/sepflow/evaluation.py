"""A run applied to a test mix: estimated and scored together, whole utterances, never an average."""

from pathlib import Path

import numpy as np
import pandas as pd

from sepflow.files import write_text
from sepflow.inference import Separator, select, selections
from sepflow.metrics.separation import score
from sepflow.simulation.mix import Mix

METRICS = ("si_snr", "si_snri", "sdr", "sdri")


def evaluate(model: Path, mix: Mix, out: Path, device: str = "auto") -> None:
    """Score a model on every mixture of `mix`; write one row a mixture x selection x source x metric.

    Where a reference is digital silence (a gated recording, cut) no score is defined: the mixture's are NaN.
    """
    separator = Separator(model, device)
    rows: list[dict] = []
    for row in range(len(mix)):
        references, mixture = mix.references(row), mix.mixture(row)
        estimates = separator(mixture)
        for selection in selections(len(estimates), len(references)):
            head = {"mixture": mix.ids[row], "pair": mix.pair(row), "selection": selection}
            if (np.ptp(references, axis=1) == 0).any():
                scores = {metric: [np.nan] * len(references) for metric in METRICS}
            else:
                scores = score(references, select(estimates, selection, references).numpy(), mixture)
            rows += _rows(head, scores, len(references))
    write_text(out, pd.DataFrame(rows).to_csv(index=False))


def _rows(head: dict, scores: dict, sources: int) -> list[dict]:
    return [
        {**head, "source": source + 1, "metric": metric, "value": np.round(scores[metric][source], 6)}
        for source in range(sources)
        for metric in METRICS
    ]
