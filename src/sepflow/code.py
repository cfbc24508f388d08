"""What code a result depends on: a few modules and all that they import, as a digest.

As a parameter it makes a cheap stage again when one of them changes in what it does: by content, so that a
touched or moved checkout makes nothing again, and less comments and docstrings. A module that is looked up by
name while a job runs (importlib: a task, a network) is not seen in the code; it is named beside the others.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent


@cache
def code_digest(*roots: str, package: Path = PACKAGE) -> str:
    """Twelve hexadecimal digits of the modules `roots` (paths in the package) and all that they import."""
    forms = [
        (path.relative_to(package).as_posix(), _parsed(path)[0]) for path in closure(*roots, package=package)
    ]
    return hashlib.sha256(repr(forms).encode()).hexdigest()[:12]


def closure(*roots: str, package: Path = PACKAGE) -> list[Path]:
    """The files of `roots` and of what they import of the package, at the top or in a function; sorted.

    Without the package's own `__init__`, which has but the version.
    """
    found: set[Path] = set()
    waiting = {package / root for root in roots}
    while waiting:
        found |= waiting
        names = {name for path in waiting for name in _parsed(path)[1]}
        waiting = {path for name in names for path in _files(name, package)} - found
    return sorted(found)


@cache
def _parsed(path: Path) -> tuple[str, tuple[str, ...]]:
    """A module in a form that says what it does, and the dotted names that it may import."""
    tree = ast.parse(path.read_bytes())
    return hashlib.sha256(repr(_form(tree)).encode()).hexdigest(), tuple(_imported(tree))


def _form(node: Any) -> Any:
    """A syntax tree as tuples, less docstrings, and less what is empty (Pythons differ in that)."""
    if isinstance(node, list):
        return [_form(one) for one in node]
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        del node.body[: ast.get_docstring(node, clean=False) is not None]
    fields = [(name, _form(value)) for name, value in ast.iter_fields(node) if value not in (None, [])]
    return type(node).__name__, fields


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(name: str, package: Path) -> Iterator[Path]:
    """The files of the package that importing the dotted `name` runs, its last part perhaps no module."""
    top, *parts = name.split(".")
    place = package
    for part in parts if top == "sepflow" else []:
        yield from (file for file in (place / f"{part}.py", place / part / "__init__.py") if file.is_file())
        place = place / part
