"""The tables of a published corpus: transcripts, speakers, labels; their lines, with the places of these."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sepflow.errors import SepflowError

Row = dict[str, str]


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
            for number, line in enumerate(self._text(name).split("\n"), 1):
                if (line := line.strip()) and not (comment and line.startswith(comment)):
                    yield f"{name} line {number}", line

    def pairs(self, ending: str) -> dict[str, str]:
        """{first word of a line: the rest of it}: transcripts, and lists in the manner of Kaldi."""
        words = (line.split(maxsplit=1) for _, line in self.lines(ending))
        return {first: " ".join(rest) for first, *rest in words}

    def rows(self, ending: str, delimiter: str = ",") -> Iterator[tuple[str, Row]]:
        """(table and number of the line, {column: cell}) of tables with a header; all cells stripped.

        Raises SepflowError where a row has not as many cells as there are columns.
        """
        for name in self.named(ending):
            lines = csv.reader(self._text(name).split("\n"), delimiter=delimiter)
            header = [cell.strip() for cell in next(lines, [])]
            for cells in filter(None, lines):
                place = f"{name} line {lines.line_num}"
                if len(cells) != len(header):
                    raise SepflowError(
                        f"{self.root / name} line {lines.line_num}: {len(cells)} cells where line 1 names "
                        f"{len(header)} columns. Take the published table."
                    )
                yield place, {key: cell.strip() for key, cell in zip(header, cells, strict=True)}

    def _text(self, name: str) -> str:
        path = self.root / name
        try:
            return path.read_text(encoding="utf-8-sig")
        except (UnicodeDecodeError, OSError) as error:
            raise SepflowError(f"{path}: does not read ({error}). Take the published file.") from None


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
