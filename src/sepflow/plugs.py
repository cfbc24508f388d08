"""What a package offers by name: of a module, the one thing that it declares under a constant.

There is no list of them, so that a new one changes nothing of the code that the others run.
"""

import importlib
import importlib.util
import pkgutil
from typing import Any


def offered(package: str, name: Any, constant: str) -> Any:
    """What the module `name` of `package` declares as `constant`, importing no other; None, if nothing."""
    known = isinstance(name, str) and name.isidentifier() and importlib.util.find_spec(f"{package}.{name}")
    return getattr(importlib.import_module(f"{package}.{name}"), constant, None) if known else None


def names(package: str, constant: str) -> list[str]:
    """All that `package` offers, by name."""
    path = importlib.import_module(package).__path__
    return [x.name for x in pkgutil.iter_modules(path) if offered(package, x.name, constant)]
