"""What a package offers by name: of a module, the one thing that it declares under a constant.

There is no list of them, so that a new one changes nothing of the code that the others run.
"""

import ast
import functools
import importlib
import importlib.util
import re
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError

PACKAGE = Path(__file__).parent
# What a module has after `constant =`, where that is no class of its own.
_VALUES = {
    "DECLARED": "Declaration(...)",
    "KIND": "Kind(...)",
    "GROUP": "Group(...)",
    "SCORES": "<its function>",
}


def offered(package: str, name: Any, constant: str) -> Any:
    """What the module `name` of `package` declares as `constant`, importing no other.

    None, if there is no such module. Raises SepflowError where it does not declare it.
    """
    known = isinstance(name, str) and name.isidentifier() and importlib.util.find_spec(f"{package}.{name}")
    if not known or not known.origin:
        return None
    module = importlib.import_module(f"{package}.{name}")
    if not hasattr(module, constant):
        raise SepflowError(_lacking(Path(known.origin), constant))
    return getattr(module, constant)


def check_says(package: str, name: str, constant: str) -> None:
    """Raise SepflowError where a module of a package ("models") is missing, or its source has no `constant`.

    It is not imported: for planning.
    """
    path = source(package, name)
    if path is None:
        path = PACKAGE / package / f"{name}.py"
        raise SepflowError(f"{_lacking(path, constant)}: there is no such file")
    if not _says(path, constant):
        raise SepflowError(_lacking(path, constant))


def source(package: str, name: Any) -> Path | None:
    """The file of a module of a package ("models"), or of a folder; None, if there is none."""
    files = (PACKAGE / package / f"{name}.py", PACKAGE / package / str(name) / "__init__.py")
    return next((x for x in files if x.exists()), None) if str(name).isidentifier() else None


def names(package: str, constant: str) -> list[str]:
    """All that a package ("models") offers, by name, as the sources say."""
    modules = {path.stem: path for path in (PACKAGE / package).glob("*.py")}
    modules |= {path.parent.name: path for path in (PACKAGE / package).glob("*/__init__.py")}
    return [name for name in sorted(modules) if _says(modules[name], constant)]


def shown(path: Path) -> str:
    """What messages call a file of the package: "src/sepflow/models/dprnn.py"."""
    root = PACKAGE.parents[1]
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _says(path: Path, constant: str) -> bool:
    return bool(re.search(rf"^{constant}\b.*=", path.read_text(encoding="utf-8"), re.MULTILINE))


def _lacking(path: Path, constant: str) -> str:
    return f"{shown(path)}: no `{constant} = {_VALUES.get(constant, '<its class>')}`"


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
