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
    there = _modules(package)
    modules: set[Path] = set()
    waiting = {package / root for root in roots}
    while waiting:
        modules |= waiting
        names = {name for path in waiting for name in _parsed(path)[1]}
        waiting = {
            there[file] for name in names for file in _files(name, package.as_posix()) if file in there
        }
        waiting -= modules
    return sorted(modules)


@cache
def _parsed(path: Path) -> tuple[str, tuple[str, ...]]:
    """A module in a form that says what it does, and the dotted names of the package that it may import."""
    form, imported = [], []
    _write(ast.parse(path.read_bytes()), form, imported)
    names = {name for name in imported if name.startswith("sepflow.")}
    return hashlib.sha256("\n".join(form).encode()).hexdigest(), tuple(sorted(names))


def _write(node: Any, form: list[str], imported: list[str]) -> None:
    """Add a syntax tree to `form`, less docstrings and what is empty (Pythons differ in that).

    What it imports, dotted names, is added to `imported`.
    """
    kind = type(node)
    if kind is list:
        form.append(f"[{len(node)}")
        for one in node:
            _write(one, form, imported)
        return
    if not isinstance(node, ast.AST):
        form.append(repr(node))
        return
    if kind in (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef):
        del node.body[: ast.get_docstring(node, clean=False) is not None]
    elif kind is ast.Import:
        imported += [alias.name for alias in node.names]
    elif kind is ast.ImportFrom:
        imported += [f"{node.module}.{alias.name}" for alias in node.names]
    form.append(f"({kind.__name__}")
    for name in kind._fields:
        value = getattr(node, name, None)
        if value is not None and value != []:
            form.append(name)
            _write(value, form, imported)
    form.append(")")


@cache
def _modules(package: Path) -> dict[str, Path]:
    """The files of the package, by path."""
    return {path.as_posix(): path for path in package.rglob("*.py")}


def _files(name: str, package: str) -> Iterator[str]:
    """The files that importing the dotted `name` runs, if they are there, its last part perhaps no module."""
    place = package
    for part in name.split(".")[1:]:
        place = f"{place}/{part}"
        yield from (f"{place}.py", f"{place}/__init__.py")
