"""Who says what in a folder of recordings: read from metadata.csv, or from the names of the directories."""

from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath

from sepflow.corpora.digest import AUDIO_SUFFIXES, METADATA, audio_files, metadata_of
from sepflow.errors import SepflowError
from sepflow.files.contracts import MANIFEST_COLUMNS, SPLITS
from sepflow.files.text import UNWRITABLE, composed, read_cells

SPLIT_NAMES = {name: name for name in SPLITS} | {
    "valid": "validation",
    "dev": "validation",
    "val": "validation",
    "eval": "test",
}
SEXES = {"": "", "m": "m", "male": "m", "f": "f", "female": "f"}
READ = ("path", "speaker", "sex", "split", "text")

Row = dict[str, str]


def list_recordings(root: Path) -> tuple[list[Row], list[str]]:
    """(rows sorted by path, problems). A row has path, speaker, sex, text, id, what metadata.csv adds,
    `split` where metadata.csv has that column, and `place`, which says where the row comes from.

    Raises SepflowError where the folder or metadata.csv cannot be read at all; problems of single rows
    are handed back, one line each, for whoever decodes the files to add to.
    """
    audio = audio_files(root)
    rows, problems = (_from_metadata if metadata_of(root) else _from_tree)(root, audio)
    return rows, problems + _spelled_twice(rows) + name_utterances(rows)


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
    rows, problems, seen, alike = [], [], {}, defaultdict(list)
    for name in audio:
        alike[composed(name)].append(name)
    for line, cells in _lines(root / METADATA):
        if isinstance(cells, str):
            problems.append(f"{METADATA} line {line}: {cells}")
            continue
        given = cells["path"]
        place = f"{METADATA} line {line}" + (f": {given}" if given else "")
        name = given and _as_on_disk(str(PurePosixPath(given)), audio, alike)
        reason = _path_problem(name, audio) or _label_problem(cells)
        if name and name in seen:
            reason = f"listed before, in line {seen[name]}"
        seen.setdefault(name, line)
        if reason:
            problems.append(f"{place}: {reason}")
            continue
        rows.append(_row(cells) | {"path": name, "place": place})
    return sorted(rows, key=lambda row: row["path"]), problems


def _as_on_disk(name: str, audio: dict[str, int], alike: dict[str, list[str]]) -> str:
    """The one path of `audio` that is meant: "/" for the "\\" of Windows, letters composed as on the disk."""
    for spelling in (name, name.replace("\\", "/")):
        if spelling in audio:
            return spelling
        if len(spelt := alike.get(composed(spelling), [])) == 1:
            return spelt[0]
    return name


def _lines(metadata: Path) -> list[tuple[int, Row | str]]:
    """(line number, {column: cell}) of each row, or what is wrong with it."""
    header, rows = read_cells(metadata)
    missing = [name for name in ("path", "speaker") if name not in header]
    if missing:
        raise SepflowError(
            f"{metadata} line 1: no column {', '.join(missing)}; it has {', '.join(header) or 'none'}. "
            "The first line names the columns, separated by commas: path and speaker, and what else there is."
        )
    return [(line, row if isinstance(row, str) else _stripped(row)) for line, row in rows]


def _stripped(row: Row) -> Row:
    # Line breaks inside a cell would make the manifest hard to read for every other tool.
    return {name: " ".join(cell.split()) if name != "path" else cell.strip() for name, cell in row.items()}


def _path_problem(name: str, audio: dict[str, int]) -> str | None:
    if not name:
        return "no path"
    if UNWRITABLE.search(name):
        return "a control character in its name (rename it)"
    if name.startswith("/") or ".." in PurePosixPath(name).parts:
        return f"leads out of the directory (paths are relative to that of {METADATA})"
    if name in audio:
        return None
    if "\\" in name:
        return "no such file (paths have / between their parts)"
    if not name.lower().endswith(AUDIO_SUFFIXES):
        return f"none of {', '.join(AUDIO_SUFFIXES)}"
    return "no such file"


def _label_problem(cells: Row) -> str | None:
    if not cells["speaker"]:
        return "no speaker"
    if odd := [name for name, cell in cells.items() if UNWRITABLE.search(cell)]:
        return f"a control character in its {odd[0]}"
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


def _spelled_twice(rows: list[Row]) -> list[str]:
    """One line for each speaker whose name stands there in composed letters and in decomposed ones."""
    spellings = defaultdict(dict)
    for row in rows:
        spellings[composed(row["speaker"])].setdefault(row["speaker"], row["place"])
    return [
        f"speaker {name!r}: spelled with composed letters and with decomposed ones, which are two names to a "
        f"computer ({'; '.join(places.values())}): rename one"
        for name, places in spellings.items()
        if len(places) > 1
    ]


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
