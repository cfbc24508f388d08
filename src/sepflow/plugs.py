"""What a package offers by name: of a module, the one thing that it declares under a constant.

There is no list of them, so that a new one changes nothing of the code that the others run.
"""

import ast
import functools
import importlib
import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError

PACKAGE = Path(__file__).parent
# The lines that declare, where that is no class of the module's own.
_LINES = {
    "DECLARED": "DECLARED = Declaration(...)",
    "KIND": "KIND = Kind(...)",
    "GROUP": "GROUP = Group(...)",
    "SCORES": "SCORES = <its function>",
    "make": "def make(spec, results, places)",
    "decide": "def decide(recipe, results, lists)",
}
# What declares alone, and computes nothing: a module that cannot be imported has a slip of the pen.
_DECLARATIONS = ("DECLARED", "KIND", "GROUP")


def offered(package: str, name: Any, constant: str) -> Any:
    """What the module `name` of `package` declares as `constant`, importing no other.

    None, if there is no such module. Raises SepflowError where it does not declare it, or declares with words
    that there are not.
    """
    known = isinstance(name, str) and name.isidentifier() and importlib.util.find_spec(f"{package}.{name}")
    if not known:
        return None
    path = Path(known.origin or f"{list(known.submodule_search_locations)[0]}/__init__.py")
    try:
        module = importlib.import_module(f"{package}.{name}")
    except (TypeError, NameError, AttributeError, ImportError, SyntaxError) as error:
        if constant in _DECLARATIONS:
            raise SepflowError(f"{shown(path)}: {type(error).__name__}: {error}") from error
        raise
    if not hasattr(module, constant):
        raise _lacking(path, constant)
    return getattr(module, constant)


def needed(package: str, name: str, constant: str) -> Any:
    """The same, of a module that has to be there."""
    if (found := offered(package, name, constant)) is None:
        raise _lacking(Path(importlib.import_module(package).__path__[0], f"{name}.py"), constant)
    return found


def check_says(path: Path, *constants: str) -> None:
    """Raise SepflowError where a module lacks one of its `constants`, as its source says: for planning."""
    for constant in constants:
        if not path.exists() or not _says(path, constant):
            raise _lacking(path, constant)


def source(package: str, name: Any) -> Path | None:
    """The file of a module of a package ("models"), or of a folder; None, if there is none."""
    files = (PACKAGE / package / f"{name}.py", PACKAGE / package / str(name) / "__init__.py")
    return next((x for x in files if x.exists()), None) if str(name).isidentifier() else None


def names(package: str, constant: str) -> list[str]:
    """All that a package ("models") offers, by name, as the sources say."""
    modules = {path.stem: path for path in (PACKAGE / package).glob("*.py")}
    modules |= {path.parent.name: path for path in (PACKAGE / package).glob("*/__init__.py")}
    return [name for name in sorted(modules) if _says(modules[name], constant)]


def folders(places: Iterable[str]) -> tuple[str, ...]:
    """The folders with modules in the places of a package, by name: its tasks, kinds or groups."""
    return tuple(sorted({path.parent.name for place in places for path in Path(place).glob("*/*.py")}))


def shown(path: Path) -> str:
    """What messages call a file of the package: "src/sepflow/models/dprnn.py"."""
    root = PACKAGE.parents[1]
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def check_words(where: str, **said: Any) -> None:
    """Raise SepflowError where one of what is `said` is no tuple of words: of one, its comma is forgotten."""
    for key, value in said.items():
        if not isinstance(value, tuple | list) or not all(isinstance(word, str) for word in value):
            raise SepflowError(f'{where}: {key}: a tuple of words is needed, as ("one",), not {value!r}')


def _says(path: Path, constant: str) -> bool:
    text = path.read_text(encoding="utf-8")
    return bool(re.search(rf"^({constant}\b.*=|def {constant}\()", text, re.MULTILINE))


def _lacking(path: Path, constant: str) -> SepflowError:
    what = "" if path.exists() else ": there is no such file"
    return SepflowError(f"{shown(path)}: no `{_LINES.get(constant, f'{constant} = <its class>')}`{what}")


@functools.cache
def declared(package: str, constant: str) -> dict[str, Any]:
    """{module: the value of its `constant`} of a package ("corpora"), where that is written out in full.

    Read from the sources: for planning, which must not import what the modules import.
    """
    values = {}
    for path in sorted((PACKAGE / package).glob("*.py")):
        source = path.read_bytes()
        if f"\n{constant} = ".encode() not in source:
            continue
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign) and [getattr(x, "id", None) for x in node.targets] == [constant]:
                values[path.stem] = ast.literal_eval(node.value)
    return values
