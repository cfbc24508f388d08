"""The scores of a mix as a file, and beside it what they are of.

A file has the columns mixture, pair, selection, source, metric and value: a row for each source of each
mixture in each metric, never an average. A metric that is made of counted columns has a row for each of
them, under `wer.errors` and `wer.words`. `source` is the number of a source, from 1; of what is counted by
mixture (an utterance, a trial) it is 1; of what is counted by class, the name of the class. An undefined
value is empty.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sepflow.errors import SepflowError
from sepflow.files import write_json, write_text
from sepflow.metrics.declared import metrics_of
from sepflow.metrics.metric import CLASS, MIXTURE, Metric
from sepflow.metrics.signals import Values
from sepflow.mixes.mix import Mix

Scored = tuple[int, str, dict[str, Values]]  # a row of the mix, a selection, the values of each column


def write_scores(
    scored: Iterable[Scored], groups: Iterable[str], mix: Mix, out: Path, of: dict[str, Any]
) -> None:
    """Write what was `scored` of a mix in the metrics of `groups` to `out`; beside it, as .json, a stamp.

    That says what the scores are `of`, with the mix, and their digest. Raises SepflowError where the values
    are not those that a group declares.
    """
    metrics = metrics_of(groups)
    rows = [line for row, *of_row in scored for line in _lines(mix, row, *of_row, metrics)]
    text = pd.DataFrame(rows).to_csv(index=False)
    write_text(out, text)
    own = {"mix": mix.directory.name, "mixtures": len(mix)}
    write_json(out.with_suffix(".json"), of | own | {"scores": hashlib.sha256(text.encode()).hexdigest()})


def _lines(
    mix: Mix, row: int, selection: str, values: dict[str, Values], metrics: dict[str, Metric]
) -> Iterator[dict[str, Any]]:
    head = {"mixture": mix.ids[row], "pair": mix.pair(row), "selection": selection}
    for key, metric in metrics.items():
        for column in metric.counted(key):
            for source, value in _by_source(column, metric, values):
                yield {**head, "source": source, "metric": column, "value": np.round(value, 6)}


def _by_source(column: str, metric: Metric, values: dict[str, Values]) -> Iterable[tuple[int | str, float]]:
    """The values of a column, each with what stands in `source`."""
    if column not in values:
        raise SepflowError(
            f"no {column} was computed, which {metric.name} is declared to be made of: by scores.py of its "
            "group, or by the task's own `score`"
        )
    counted = values[column]
    if not isinstance(counted, Mapping) and np.ndim(counted) != 1:
        raise SepflowError(f"{column}: a list of values is needed, one a {metric.by}, not {counted!r}")
    if isinstance(counted, Mapping) != (metric.by == CLASS) or (metric.by == MIXTURE and len(counted) != 1):
        raise SepflowError(f"{column}: {metric.name} is declared by {metric.by}, and was computed otherwise")
    return counted.items() if isinstance(counted, Mapping) else enumerate(counted, 1)
