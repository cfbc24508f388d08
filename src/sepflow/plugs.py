"""What a package offers by name: of a module, the one thing that it declares under a constant.

There is no list of them, so that a new one changes nothing of the code that the others run.
"""

import ast
import functools
import importlib
import importlib.util
import pkgutil
from pathlib import Path
from typing import Any


def offered(package: str, name: Any, constant: str) -> Any:
    """What the module `name` of `package` declares as `constant`, importing no other; None, if nothing."""
    known = isinstance(name, str) and name.isidentifier() and importlib.util.find_spec(f"{package}.{name}")
    return getattr(importlib.import_module(f"{package}.{name}"), constant, None) if known else None


def names(package: str, constant: str) -> list[str]:
    """All that `package` offers, by name."""
    path = importlib.import_module(package).__path__
    return [x.name for x in pkgutil.iter_modules(path) if offered(package, x.name, constant)]


@functools.cache
def declared(package: str, constant: str) -> dict[str, Any]:
    """{module: the value of its `constant`} of a package ("corpora"), where that is written out in full.

    Read from the sources: for planning, which must not import what the modules import.
    """
    values = {}
    for path in sorted((Path(__file__).parent / package).glob("*.py")):
        source = path.read_bytes()
        if f"\n{constant} = ".encode() not in source:
            continue
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign) and [getattr(x, "id", None) for x in node.targets] == [constant]:
                values[path.stem] = ast.literal_eval(node.value)
    return values
