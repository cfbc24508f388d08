"""Look-alikes of corpora: a module a layout (of folders) or kind (of lists of mixtures), by its name.

A module has `write(out, asked)`, which returns the directory to name in config.yaml, and may have
`fill(place, asked)`, which adds blips up to the number of recordings that were published: once the lists over
them were drawn, which so have short work.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sepflow.errors import SepflowError
from sepflow.mixes.recipes import Recipe
from sepflow.planning.roles import is_list

SYNTHESISED = ("espeak", "noise")  # kinds that the workflow makes of nothing


@dataclass(frozen=True)
class Asked:
    """What a scale asks of a corpus: its entry there, the planned mixes of it, where others lie."""

    entry: dict[str, Any]
    mixes: list[Recipe]
    places: dict[str, Path]

    def most(self, *keys: str) -> dict[tuple, int]:
        """How many mixtures are asked for at most, by these `keys` of the recipes."""
        found: dict[tuple, int] = {}
        for mix in self.mixes:
            form = tuple(mix[key] for key in keys)
            found[form] = max(mix["mixtures"], found.get(form, 0))
        return found


def find(name: str, entry: dict[str, Any]) -> ModuleType:
    """The module that writes the corpus called `name`. Raises SepflowError where there is none."""
    form = entry.get("layout", entry["kind"])
    if not (Path(__file__).parent / f"{form}.py").is_file():
        what = f"layout {form}" if "layout" in entry else f"kind {form}"
        raise SepflowError(
            f"corpora.{name}: no look-alike of the {what} yet. Write rehearsal/lookalikes/{form}.py, with "
            "`write(out, asked)`: see those beside it."
        )
    return importlib.import_module(f"{__name__}.{form}")


def write_all(
    corpora: dict[str, dict[str, Any]], mixes: dict[str, list[Recipe]], out: Path
) -> dict[str, Path]:
    """Write a look-alike of each of a scale's `corpora` below `out`; return where each lies.

    `mixes` are those planned of each, by what the scale calls it: a list without any is left out.
    Raises SepflowError as `find` does.
    """
    needed = {
        name: entry
        for name, entry in corpora.items()
        if entry["kind"] not in SYNTHESISED and (not is_list(entry["kind"]) or mixes.get(name))
    }
    writers = {name: find(name, entry) for name, entry in needed.items()}
    places: dict[str, Path] = {}
    for name in sorted(needed, key=lambda name: is_list(needed[name]["kind"])):
        asked = Asked(needed[name], mixes.get(name, []), places)
        places[name] = writers[name].write(out / name, asked)
        print(f"  {name}: {places[name].relative_to(out)}", flush=True)
    for name, writer in writers.items():
        if hasattr(writer, "fill"):
            writer.fill(places[name], Asked(needed[name], mixes.get(name, []), places))
    return places
