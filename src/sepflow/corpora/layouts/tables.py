"""The tables of a published corpus: transcripts, speakers, labels; their lines, with the places of these."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sepflow.errors import SepflowError
from sepflow.files.text import read_cells, read_lines

Row = dict[str, str]


class Cells(dict[str, str]):
    """The cells of a line by their columns; SepflowError for a column that the table has not."""

    def __init__(self, cells: Row, table: Path):
        super().__init__(cells)
        self._table = table

    def __missing__(self, column: str) -> str:
        raise SepflowError(f"{self._table} line 1: no column {column!r}. Take the published table.")


@dataclass(frozen=True)
class Tables:
    """The tables of the corpus in `root`, paths below it. `ending`s are regular expressions, in any case.

    `asked` are the subsets that are wanted, in lower case; None is all.
    """

    root: Path
    names: list[str]
    asked: frozenset[str] | None = None

    def named(self, ending: str) -> list[str]:
        """The tables whose paths end like `ending`."""
        pattern = re.compile(rf"(?:.*/)?(?:{ending})", re.IGNORECASE)
        return [name for name in self.names if pattern.fullmatch(name)]

    def lines(self, ending: str, comment: str = "") -> Iterator[tuple[str, str]]:
        """(table and number of the line, the line stripped) of all that is neither empty nor a comment."""
        for name in self.named(ending):
            for number, line in read_lines(self.root / name):
                if not (comment and line.startswith(comment)):
                    yield f"{name} line {number}", line

    def pairs(self, ending: str) -> dict[str, str]:
        """{first word of a line: the rest of it}: transcripts, and lists in the manner of Kaldi."""
        words = (line.split(maxsplit=1) for _, line in self.lines(ending))
        return {first: " ".join(rest) for first, *rest in words}

    def rows(self, ending: str, delimiter: str = ",") -> Iterator[tuple[str, Cells]]:
        """(table and number of the line, {column: cell}) of tables with a header; all cells stripped.

        Raises SepflowError where a table is empty, or a row has not as many cells as there are columns.
        """
        for name in self.named(ending):
            header, rows = read_cells(self.root / name, delimiter)
            if not header:
                raise self.broken(name, "empty, where its first line names the columns")
            for number, row in rows:
                place = f"{name} line {number}"
                if isinstance(row, str):
                    raise self.broken(place, row)
                cells = {key: cell.strip() for key, cell in row.items()}
                yield place, Cells(cells, self.root / name)

    def broken(self, place: str, reason: str) -> SepflowError:
        """What to raise where the line at `place` cannot be what was published."""
        return SepflowError(f"{self.root / place}: {reason}. Take the published table.")


def fill(
    rows: list[Row], column: str, values: dict[str, str], key: str = "id", missing: str = ""
) -> list[str]:
    """Set `column` of every row to the value of its `key`; one line for each that has none, if `missing` says
    what to call that."""
    problems = []
    for row in rows:
        row[column] = values.get(row[key], "")
        if missing and row[key] not in values:
            problems.append(f"{row['place']}: {missing}")
    return problems


def set_source(rows: list[Row], columns: tuple[str, ...]) -> None:
    """Set `speaker` to the first of `columns`, coarse ones first, of which no value lies in two splits.

    Noise and events have no speaker: what must stay on one side is the place, or the recording, that they
    were cut from; how far apart the publisher kept them is seen from the splits.
    """
    for column in columns:
        homes: dict[str, set[str]] = {}
        for row in rows:
            homes.setdefault(row[column], set()).add(row.get("split", ""))
        if column == columns[-1] or all(len(splits) == 1 for splits in homes.values()):
            for row in rows:
                row["speaker"] = row[column]
            return
