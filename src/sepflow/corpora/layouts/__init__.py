"""The corpora of the field as they lie on disk after unpacking, each form of one a `Layout`."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sepflow import plugs
from sepflow.corpora.digest import digest_of, folder_digest
from sepflow.corpora.layouts.layout import Layout, Row, Survey, subset_of, survey
from sepflow.corpora.layouts.tables import Tables
from sepflow.errors import SepflowError, unknown_name
from sepflow.files.text import UNWRITABLE


@functools.cache
def known() -> dict[str, Layout]:
    """All layouts by their names: what the modules of this package have as `LAYOUTS`.

    Raises SepflowError where two modules call a layout the same.
    """
    by_name: dict[str, Layout] = {}
    for module in plugs.names("corpora/layouts", "LAYOUTS"):
        there = plugs.offered(__name__, module, "LAYOUTS")
        if twice := sorted(there.keys() & by_name.keys()):
            raise SepflowError(
                f"corpora/layouts/{module}.py: LAYOUTS: {twice[0]}: another module has one too."
            )
        by_name |= there
    return dict(sorted(by_name.items()))


def find(name: str) -> Layout:
    """The layout of that name. Raises SepflowError where there is none."""
    if name not in known():
        raise SepflowError(f"layout: {unknown_name('layout', name, list(known()))}")
    return known()[name]


def corpus_digest(recipe: dict[str, Any], root: Path) -> str:
    """What lies in `root`, as `folder_digest` says it, for a recipe of kind folder.

    Where that names a layout: of its recordings and tables, of some subsets or all.

    Raises SepflowError where `root` is not the directory of such a corpus.
    """
    root = Path(root)
    if "layout" not in recipe:
        return folder_digest(root)
    own = survey(find(recipe["layout"]), root, recipe.get("subsets"))
    return digest_of(root, own.audio, [root / table for table in own.tables])


def recordings(root: Path, name: str, subsets: Iterable[str] | None = None) -> tuple[list[Row], list[str]]:
    """(rows, problems) of the corpus in `root` as `listing.list_recordings` has them, by the layout `name`.

    A row has no `split` where the corpus does not say it: see `Layout.published`. Of some subsets only
    where they are named. Raises SepflowError where `root` is not the directory of such a corpus.
    """
    rows, problems, _ = _listed(find(name), root, subsets)
    return rows, problems


def recordings_and_own(
    root: Path, name: str, subsets: Iterable[str] | None = None
) -> tuple[list[Row], list[str], dict[str, tuple[list[Row], list[str]]]]:
    """As `recordings`, and of each table of the corpus's own, by its name, (rows, problems)."""
    rows, problems, tables = _listed(find(name), root, subsets)
    return rows, problems, {table: own.rows(rows, tables) for table, own in find(name).own.items()}


def own_tables(recipe: dict[str, Any]) -> list[str]:
    """The names of the tables of its own that a corpus of this recipe has."""
    return sorted(find(recipe["layout"]).own) if "layout" in recipe else []


def _listed(layout: Layout, root: Path, subsets: Iterable[str] | None) -> tuple[list[Row], list[str], Tables]:
    from sepflow.corpora.listing import SEXES, name_utterances

    surveyed = survey(layout, root, subsets)
    tables = Tables(root, surveyed.tables, surveyed.asked)
    rows, problems = layout.label([_row(layout, path) for path in surveyed.audio], tables)
    for row in rows:
        if UNWRITABLE.search(row["path"]):
            problems.append(
                f"{ascii(row['path'])}: not UTF-8, or a control character in its name (rename it)"
            )
        if row["sex"].lower() not in SEXES:
            problems.append(f"{row['place']}: sex {row['sex']!r} is none of m, f, empty")
        row["sex"] = SEXES.get(row["sex"].lower(), "")
    problems = [*_missing(layout, tables), *_unreadable(layout, surveyed), *problems, *name_utterances(rows)]
    return rows, problems, tables


def _row(layout: Layout, path: str) -> Row:
    match = layout.match(path)
    groups = {key: cell or "" for key, cell in match.groupdict().items()}
    row = {"path": path, "speaker": "", "sex": "", "text": "", "place": path} | groups
    row |= {key: template.format(**groups) for key, template in layout.columns.items()}
    if "subset" in groups:
        row["subset"] = subset_of(match)
        if split := layout.split(row["subset"]):
            row["split"] = split
    return row


def _missing(layout: Layout, tables: Tables) -> list[str]:
    return [f"{need}: not there (is all of it unpacked?)" for need in layout.needs if not tables.named(need)]


def _unreadable(layout: Layout, surveyed: Survey) -> list[str]:
    stems = {path.rpartition(".")[0] for path in surveyed.audio}
    names = [name for name in surveyed.unreadable if name.rpartition(".")[0] not in stems]
    return [f"{names[0]} and {len(names) - 1} more files: {layout.convert}"] if names else []


def shortfall(rows: list[Row], name: str) -> list[str]:
    """One line for each subset of which fewer recordings are in `rows` than were published."""
    there: dict[str, int] = {}
    for row in rows:
        there[row.get("subset", "")] = there.get(row.get("subset", ""), 0) + 1
    counts = find(name).counts
    return [
        f"{subset or 'the corpus'}: {n} of the {counts[subset]} recordings that were published"
        for subset, n in there.items()
        if n < counts.get(subset, 0)
    ]
