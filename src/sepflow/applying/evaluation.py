"""A run applied to a test mix: estimated and scored together, whole utterances, never an average."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sepflow.applying.inference import Separator, select, selections
from sepflow.files import write_json, write_text
from sepflow.metrics import SEPARATION
from sepflow.metrics.separation import score
from sepflow.mixes.mix import Mix
from sepflow.tasks.task import Pretext


def evaluate(
    model: Path,
    mix: Mix,
    out: Path,
    device: str = "auto",
    run: str | None = None,
    origin: dict[str, Any] | None = None,
) -> None:
    """Score a model on every mixture of `mix`; write a row a mixture x selection x source x metric to `out`.

    A pretext task has metrics of its own. Where a reference is digital silence (a gated recording, cut) no
    score is defined: the mixture's are NaN. Beside `out`, as .json, lies what the scores are of: the `run`
    (which the model must be of, else SepflowError), the mix, digests, and the `origin` that the caller says.
    """
    separator = Separator(model, device, run)
    rows: list[dict] = []
    for row in range(len(mix)):
        for selection, scores in _scores(separator, mix, row):
            head = {"mixture": mix.ids[row], "pair": mix.pair(row), "selection": selection}
            rows += [
                {**head, "source": source, "metric": metric, "value": np.round(value, 6)}
                for metric, values in scores.items()
                for source, value in enumerate(values, 1)
            ]
    text = pd.DataFrame(rows).to_csv(index=False)
    write_text(out, text)
    of = {"run": run, "mix": mix.directory.name, "mixtures": len(mix)}
    digests = {"model": hashlib.sha256(model.read_bytes()), "scores": hashlib.sha256(text.encode())}
    write_json(
        out.with_suffix(".json"),
        {**(origin or {}), **of, **{what: digest.hexdigest() for what, digest in digests.items()}},
    )


def _scores(separator: Separator, mix: Mix, row: int) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """(selection, the values of each metric, one a source) of a mixture."""
    references, mixture = mix.references(row), mix.mixture(row)
    if isinstance(separator.task, Pretext):
        scores = separator.task.scores(mixture, references[0], mix.ids[row])
        yield "none", {metric: [value] for metric, value in scores.items()}
        return
    estimates = separator(mixture)
    for selection in selections(len(estimates), len(references)):
        if (np.ptp(references, axis=1) == 0).any():
            yield selection, {metric: [np.nan] * len(references) for metric in SEPARATION}
        else:
            found = score(references, select(estimates, selection, references).numpy(), mixture)
            yield selection, {metric: found[metric] for metric in SEPARATION}
