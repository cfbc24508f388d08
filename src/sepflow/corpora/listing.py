"""Who says what in a folder of recordings: read from metadata.csv, or from the names of the directories."""

import csv
import re
from collections import Counter
from pathlib import Path, PurePosixPath

from sepflow.contracts import MANIFEST_COLUMNS, SPLITS
from sepflow.corpora.digest import AUDIO_SUFFIXES, METADATA, audio_files
from sepflow.errors import SepflowError

SPLIT_NAMES = {name: name for name in SPLITS} | {
    "valid": "validation",
    "dev": "validation",
    "val": "validation",
    "eval": "test",
}
SEXES = {"": "", "m": "m", "male": "m", "f": "f", "female": "f"}
READ = ("path", "speaker", "sex", "split", "text")

# Control characters, and bytes that are not UTF-8: no line of a manifest could hold them.
UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

Row = dict[str, str]


def list_recordings(root: Path) -> tuple[list[Row], list[str]]:
    """(rows sorted by path, problems). A row has path, speaker, sex, text, id, what metadata.csv adds,
    `split` where metadata.csv has that column, and `place`, which says where the row comes from.

    Raises SepflowError where the folder or metadata.csv cannot be read at all; problems of single rows
    are handed back, one line each, for whoever decodes the files to add to.
    """
    audio = audio_files(root)
    rows, problems = (_from_metadata if (root / METADATA).is_file() else _from_tree)(root, audio)
    return rows, problems + name_utterances(rows)


def _from_tree(root: Path, audio: dict[str, int]) -> tuple[list[Row], list[str]]:
    rows, problems = [], []
    for name in audio:
        if "/" not in name:
            problems.append(
                f"{name}: beside the speakers' directories (put it into one, or write {METADATA})"
            )
        elif UNWRITABLE.search(name):
            problems.append(f"{ascii(name)}: not UTF-8, or a control character in its name (rename it)")
        else:
            speaker, _, _ = name.partition("/")
            rows.append({"path": name, "speaker": speaker, "sex": "", "text": "", "place": name})
    return rows, problems


def _from_metadata(root: Path, audio: dict[str, int]) -> tuple[list[Row], list[str]]:
    rows, problems, seen = [], [], {}
    for line, cells in _lines(root / METADATA):
        given = cells.get("path", "")
        place = f"{METADATA} line {line}" + (f": {given}" if given else "")
        name = given and str(PurePosixPath(given))
        reason = cells.get("problem") or _path_problem(name, audio) or _label_problem(cells)
        if name and name in seen:
            reason = f"listed before, in line {seen[name]}"
        seen.setdefault(name, line)
        if reason:
            problems.append(f"{place}: {reason}")
            continue
        rows.append(_row(cells) | {"path": name, "place": place})
    return sorted(rows, key=lambda row: row["path"]), problems


def _lines(metadata: Path) -> list[tuple[int, Row]]:
    """(line number, {column: cell}) of each row; a row of the wrong length is {"problem": why}."""
    try:
        with metadata.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            _check_header(header, metadata)
            return [
                (reader.line_num, _cells(header, cells)) for cells in reader if any(map(str.strip, cells))
            ]
    except UnicodeDecodeError as error:
        raise SepflowError(f"{metadata}: not UTF-8 ({error}). Save it as UTF-8.") from None
    except csv.Error as error:
        raise SepflowError(
            f"{metadata} line {reader.line_num}: not CSV ({error}). Mind its quotes."
        ) from None


def _check_header(header: list[str], metadata: Path) -> None:
    missing = [name for name in ("path", "speaker") if name not in header]
    twice = [name for name, count in Counter(header).items() if count > 1]
    if missing or twice:
        raise SepflowError(
            f"{metadata} line 1: {'no column' if missing else 'twice the column'} "
            f"{', '.join(missing or twice)}; it has {', '.join(header) or 'none'}. "
            "The first line names the columns, separated by commas: path and speaker, and what else there is."
        )


def _cells(header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        return {"problem": f"{len(cells)} cells where line 1 names {len(header)} columns"}
    # Line breaks inside a cell would make the manifest hard to read for every other tool.
    return {
        name: " ".join(cell.split()) if name != "path" else cell.strip()
        for name, cell in zip(header, cells, strict=True)
    }


def _path_problem(name: str, audio: dict[str, int]) -> str | None:
    if not name:
        return "no path"
    if UNWRITABLE.search(name):
        return "a control character in its name (rename it)"
    if name.startswith("/") or ".." in PurePosixPath(name).parts:
        return f"leads out of the directory (paths are relative to that of {METADATA})"
    if name in audio:
        return None
    if not name.lower().endswith(AUDIO_SUFFIXES):
        return f"none of {', '.join(AUDIO_SUFFIXES)}"
    return "no such file"


def _label_problem(cells: Row) -> str | None:
    if not cells["speaker"]:
        return "no speaker"
    if cells.get("sex", "").lower() not in SEXES:
        return f"sex {cells['sex']!r} is none of m, f, empty"
    if cells.get("split", "train").lower() not in SPLIT_NAMES:
        return f"split {cells['split']!r} is none of {', '.join(SPLITS)}"
    return None


def _row(cells: Row) -> Row:
    """The labels of a row in the manifest's terms; a column named like one of ours is kept as metadata_*."""
    row = {
        "speaker": cells["speaker"],
        "sex": SEXES[cells.get("sex", "").lower()],
        "text": cells.get("text", ""),
    }
    if "split" in cells:
        row["split"] = SPLIT_NAMES[cells["split"].lower()]
    taken = {*MANIFEST_COLUMNS, "place"}
    extra = {name: cell for name, cell in cells.items() if name and name not in READ}
    return row | {f"metadata_{name}" if name in taken else name: cell for name, cell in extra.items()}


def name_utterances(rows: list[Row]) -> list[str]:
    """Set `id` of rows without one: the path with "-" for "/", less the extension where that says enough."""
    stems = Counter(str(PurePosixPath(row["path"]).with_suffix("")) for row in rows)
    owners, problems = {}, []
    for row in rows:
        stem = str(PurePosixPath(row["path"]).with_suffix(""))
        row.setdefault("id", (stem if stems[stem] == 1 else row["path"]).replace("/", "-"))
        owner = owners.setdefault(row["id"], row["path"])
        if owner != row["path"]:
            problems.append(f"{row['place']}: has the same id as {owner}, {row['id']!r} (rename one of them)")
    return problems
