"""What was found, written as soon as it is: a JSON file of rows by kind, and a line on the terminal for
each."""

import json
import traceback
from pathlib import Path
from typing import Any

from sepflow.files import write_json


class Record:
    """Rows by their kind, in the file `path`, which is whole after each."""

    def __init__(self, path: Path):
        self.path = path
        self.rows: dict[str, list[dict[str, Any]]] = json.loads(path.read_text()) if path.exists() else {}

    def add(self, kind: str, row: dict[str, Any]) -> None:
        """Keep a row, and print it."""
        self.rows.setdefault(kind, []).append(row)
        write_json(self.path, self.rows)
        words = (
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in row.items()
        )
        print(f"{kind}: {'; '.join(words)}", flush=True)

    def failed(self, what: str, error: Exception) -> None:
        """Keep that `what` did not work, and why; the others go on."""
        words = "".join(traceback.format_exception(error, limit=-6))
        self.add("failed", {"what": what, "error": words})
