"""Recordings as a corpus: a published one by its layout, or anybody's by metadata.csv or directories."""

import functools
import hashlib
import logging
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sepflow.corpora import events, layouts
from sepflow.corpora.decode import Keep, load, several
from sepflow.corpora.listing import Row, list_recordings
from sepflow.corpora.packed import OwnTable, write_corpus, write_own
from sepflow.corpora.parallel import in_order
from sepflow.corpora.splits import deal
from sepflow.errors import SepflowError
from sepflow.files.audio import choose
from sepflow.files.contracts import CHANNELS, refuse, shared_speakers

KIND = {
    "on_disk": True,
    "entry": {
        "properties": {
            "release": {"type": "string"},
            # A published corpus as it lies on disk: docs/layouts.md; without it, anybody's folder.
            "layout": {"type": "string"},
            "subsets": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            # Corpora that fit, for whom has none: no part of the recipe.
            "public": {"type": "array", "items": {"type": "string"}},
            "splits": {"$ref": "scale.yaml#/$defs/shares"},
            "channel": {"oneOf": [{"type": "integer", "minimum": 0}, {"const": "mean"}, {"type": "null"}]},
            "channels": {"type": "integer", "minimum": 2},  # so many are kept; without it, one
            "min_seconds": {"type": "number", "minimum": 0},
        },
        "dependentRequired": {"subsets": ["layout"]},
        "allOf": [
            {
                "not": {"required": ["channel", "channels"]},
                "$comment": "channel, beside channels: one picks a channel, the other keeps several; say one",
            }
        ],
    },
}
SHARES = {"validation": 0.1, "test": 0.1}
MIN_SECONDS = 0.5
MEND = "Mend these files or leave them out, then start again."

Listed = tuple[list[Row], list[str], dict[str, OwnTable]]  # recordings, problems, tables of the corpus's own

log = logging.getLogger(__name__)


def build(recipe: dict[str, Any], out: Path, path: Path | None, jobs: int) -> None:
    """Build the corpus of the recordings in `path`; see `sepflow.corpora.build`.

    Recipe: kind, rate (Hz), digest (of `layouts.corpus_digest`) or release, and optionally layout (a name of
    `layouts.known`) with subsets (a list), splits {validation, test: share of the speakers}, channel (None,
    a number from 0, or "mean"; unsaid, the layout's own) or channels (from 2: so many are kept), and
    min_seconds.
    Raises SepflowError with every offender of the corpus in one message.
    """
    if path is None:
        raise SepflowError("a corpus of kind folder needs to know where it lies: set its path in the config.")
    _check_digest(recipe, path)
    rows, problems, own = (_list_layout if "layout" in recipe else _list_folder)(recipe, path)
    write_corpus(out, _utterances(recipe, path, jobs, rows, problems), own)


def build_table(recipe: dict[str, Any], out: Path, path: Path, table: str) -> None:
    """Write a table of the corpus's own, as `build` does; see `sepflow.corpora.build_table`."""
    _check_digest(recipe, path)
    rows, _, own = layouts.recordings_and_own(path, recipe["layout"], recipe.get("subsets"))
    refuse(str(path), own[table][1], MEND)
    write_own(out, table, _own(recipe["layout"], table, own[table][0]), (row["id"] for row in rows))


def _check_digest(recipe: dict[str, Any], path: Path) -> None:
    if "digest" in recipe and recipe["digest"] != layouts.corpus_digest(recipe, path):
        raise SepflowError(
            f"{path}: its files have changed since this corpus was planned. Start the workflow again: "
            "what is made from the new files then gets a name of its own."
        )


def split_speakers(speakers: list[str], shares: dict[str, float]) -> dict[str, str]:
    """{speaker: split}: the first ceil(share * n) by the hash of their names test, the next validation.

    Of six speakers or more a split with a share gets two at least: a mixture needs two.

    By speaker, since a separator that has heard a voice before does better on it. Rounded up, so that
    every split with a share has someone even in a small corpus; by hash, so that the order of files or
    the language of the computer changes nothing. Raises SepflowError where none is left for train.
    """
    # Fractions of the decimals as written: 0.07 * 100 is 7.000000000000001, and its ceiling 8.
    validation, test = (Fraction(str(shares[name])) for name in ("validation", "test"))
    if min(validation, test) < 0 or validation + test > 1:
        raise SepflowError(f"splits: {shares} are not shares of one whole. Set numbers from 0 to 1.")
    count = len(set(speakers))
    least = 2 if count >= 6 else 1
    tested = max(math.ceil(test * count), least) if test else 0
    validated = max(math.ceil(validation * count), least) if validation else 0
    validated = min(validated, count - tested)
    return deal(speakers, validated, tested, train=validation + test < 1)


def _list_folder(recipe: dict[str, Any], path: Path) -> Listed:
    """Anybody's folder, each row with a `split`; without tables."""
    rows, problems = list_recordings(path)
    if not any("split" in row for row in rows):
        _deal(rows, SHARES | (recipe.get("splits") or {}))
    return rows, problems + _in_two_splits(rows), {}


def _list_layout(recipe: dict[str, Any], path: Path) -> Listed:
    """A published corpus, each row with a `split`: what it does not say is dealt."""
    name, shares = recipe["layout"], recipe.get("splits") or {}
    published = layouts.find(name).published
    if given := sorted(set(shares) & set(published)):
        raise SepflowError(
            f"splits: {', '.join(given)}: {name} has its own. Take {'this' if len(given) == 1 else 'these'} "
            "out of the corpus's entry in the scale's file."
        )
    rows, problems, own = layouts.recordings_and_own(path, name, recipe.get("subsets"))
    problems += [problem for _, faults in own.values() for problem in faults]
    _deal([row for row in rows if "split" not in row], SHARES | shares | dict.fromkeys(published, 0.0))
    problems += _in_two_splits(rows)
    short = layouts.shortfall(rows, name)
    if "release" in recipe:  # no digest is part of its name, so it must be all that the release says
        problems += short
    elif short:
        log.warning("%s: %s", path, "; ".join(short))
    return rows, problems, {table: _own(name, table, table_rows) for table, (table_rows, _) in own.items()}


def _own(layout: str, table: str, rows: list[Row]) -> OwnTable:
    own = layouts.find(layout).own[table]
    return OwnTable(pd.DataFrame(rows, columns=own.columns), own.ids)


def _in_two_splits(rows: list[Row]) -> list[str]:
    return shared_speakers((row["speaker"] for row in rows), (row["split"] for row in rows))


def _deal(rows: list[Row], shares: dict[str, float]) -> None:
    """Set `split` of every row, by its speaker."""
    if rows:
        splits = split_speakers([row["speaker"] for row in rows], shares)
        for row in rows:
            row["split"] = splits[row["speaker"]]


def _utterances(
    recipe: dict[str, Any], path: Path, jobs: int, rows: list[Row], problems: list[str]
) -> Iterator[tuple[Row, np.ndarray, float]]:
    """(labels, int16 codes, scale) of each row that is long enough.

    Raises SepflowError at the end, with `problems` and those of the decoding together.
    """
    shortest = recipe.get("min_seconds", MIN_SECONDS)
    decode = functools.partial(_attempt, path, recipe["rate"], _keep(recipe), shortest)
    short, problems, heard = 0, list(problems), _Heard()
    for row, result in zip(rows, in_order(decode, [row["path"] for row in rows], jobs), strict=True):
        labels = {key: value for key, value in row.items() if key != "place"}
        if CHANNELS in recipe and CHANNELS in labels:  # somebody's own, of metadata.csv
            labels[f"metadata_{CHANNELS}"] = labels.pop(CHANNELS)
        if isinstance(result, str):
            problems.append(f"{row['place']}: {result}")
        elif result is None:
            short += 1
        else:
            problems += _fit(labels, row["place"], len(result[0]), recipe["rate"])
            if "layout" not in recipe and (before := heard.before(row, *result)):
                problems.append(f"{row['place']}: {before}")
            yield labels, *result
    refuse(str(path), problems, MEND)
    if short:
        log.warning("%s: left out %d of %d files, shorter than %g s", path, short, len(rows), shortest)


def _fit(labels: Row, place: str, samples: int, rate: int) -> list[str]:
    """What is wrong with the events of a recording, if it has any; those that outlast it are cut."""
    if "labels" in labels and labels.get("labelled") in (events.STRONG, events.WEAK):
        try:
            labels["labels"] = events.fit(labels["labels"], labels["labelled"], samples, rate)
        except ValueError as reason:
            return [f"{place}: labels: {reason}"]
    return []


class _Heard:
    """The recordings so far, by their samples."""

    def __init__(self) -> None:
        self._rows: dict[bytes, Row] = {}

    def before(self, row: Row, codes: np.ndarray, scale: float) -> str:
        """Says which recording of another speaker has the same samples; "" where none has."""
        digest = hashlib.sha256(codes.tobytes() + repr(scale).encode()).digest()
        other = self._rows.setdefault(digest, row)
        if other["speaker"] == row["speaker"]:
            return ""
        return f"the same recording as {other['path']}, of another speaker, {other['speaker']!r}"


def _keep(recipe: dict[str, Any]) -> Keep:
    """What of a file's channels is kept."""
    if CHANNELS not in recipe:
        own = layouts.find(recipe["layout"]).channel if "layout" in recipe else None
        return functools.partial(choose, channel=recipe.get("channel", own))
    if recipe.get("channel") is not None:
        raise SepflowError(KIND["entry"]["allOf"][0]["$comment"])
    order = layouts.find(recipe["layout"]).channels if "layout" in recipe else ()
    return functools.partial(several, channels=recipe[CHANNELS], order=order)


def _attempt(
    root: Path, rate: int, keep: Keep, min_seconds: float, name: str
) -> tuple[np.ndarray, float] | str | None:
    """What `load` returns, or the reason of its failure as a string."""
    try:
        return load(root / name, rate, keep, min_seconds)
    except SepflowError as reason:
        return str(reason)
