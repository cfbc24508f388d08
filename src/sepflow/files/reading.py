"""Our own tables and records read back: one message where one is damaged, whatever the damage."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from sepflow.errors import SepflowError
from sepflow.files import check_regular


def read_table(path: str | Path, numbers: Iterable[str], way_out: str, **options: Any) -> pd.DataFrame:
    """The CSV table in `path`, in whose columns `numbers`, where they are there, stands no text.

    `options` are of pandas.read_csv; numbers come back to their last bit. Raises SepflowError, naming the
    file and the line, for one that is missing, empty, no table or cut short, ending with `way_out`.
    """
    try:
        check_regular(path)
        if not (content := Path(path).read_bytes()).endswith(b"\n"):
            raise ValueError("cut within a line" if content else "it is empty")
        table = pd.read_csv(path, float_precision="round_trip", **options)
        for column in table.columns.intersection(list(numbers)):
            _check_numbers(table[column])
    except (SepflowError, OSError, ValueError) as error:  # of pandas all are ValueErrors
        raise SepflowError(f"{path}: no whole table ({_reason(error)}). {way_out}") from error
    return table


def read_record(path: str | Path, kinds: dict[str, Any], way_out: str) -> dict[str, Any]:
    """The JSON object in `path`, which has the keys of `kinds`, each of that type (or of one of these).

    Raises SepflowError, naming the file and the key, where it is not so, ending with `way_out`.
    """
    try:
        check_regular(path)
        record = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        if not isinstance(record, dict):
            raise ValueError(f"a {type(record).__name__}, not an object")
        for key, kind in kinds.items():
            if key not in record:
                raise ValueError(f"no key {key!r}")
            if not isinstance(record[key], kind):
                raise ValueError(f"{key}: {str(record[key])[:40]!r} is of the wrong type")
    except (SepflowError, OSError, ValueError, RecursionError) as error:
        raise SepflowError(f"{path}: no whole record ({_reason(error)}). {way_out}") from error
    return record


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _check_numbers(column: pd.Series) -> None:
    numbers = pd.to_numeric(column, errors="coerce")
    text = column[(numbers.isna() & column.notna()) | numbers.abs().eq(float("inf"))]
    if not text.empty:
        raise ValueError(f"line {text.index[0] + 2}: {column.name}: {str(text.iloc[0])[:40]!r} is no number")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return " ".join(str(error).split()) or type(error).__name__
