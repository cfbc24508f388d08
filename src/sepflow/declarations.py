"""What `checked` classes declare (settings.py), read from their sources: nothing is imported, torch least."""

import ast
import functools
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Union

from sepflow import plugs
from sepflow.errors import SepflowError
from sepflow.settings import EMPTY, TYPES, Argument, Declared, declare


@functools.cache
def declaration(package: str, name: str) -> Declared:
    """What the `checked` class of a module of a package ("models") declares; of a folder, of one in it.

    Raises SepflowError where there is none, or what it says is no declaration.
    """
    place = plugs.PACKAGE / package / name
    paths = sorted(place.glob("*.py"))
    for path in paths or [place.with_suffix(".py")]:
        if found := _checked_class(path):
            return _read(path, *found)
    file = plugs.shown(place if paths else place.with_suffix(".py"))
    what = "model" if package == "models" else "<its key of a run>"
    raise SepflowError(f'{file}: no class of it is `@checked("{what}")`, of sepflow.settings')


def _checked_class(path: Path) -> tuple[ast.ClassDef, ast.Call] | None:
    """The class of a source that is `checked`, and how."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise SepflowError(f"{plugs.shown(path)}: line {error.lineno}: {error.msg}") from error
    for node in ast.walk(tree):
        for decorator in node.decorator_list if isinstance(node, ast.ClassDef) else ():
            if isinstance(decorator, ast.Call) and _word(decorator.func) == "checked":
                return node, decorator
    return None


def _read(path: Path, node: ast.ClassDef, decorator: ast.Call) -> Declared:
    where = f"{plugs.shown(path)}: {node.name}"
    said = [_literal(one, f"{where}: `@checked`") for one in decorator.args]
    if not said or not all(isinstance(one, str) for one in said):
        raise SepflowError(f'{where}: say what its settings are of: `@checked("model")`')
    arguments = [_argument(*one, where) for one in _arguments(node, where)]
    return declare(where, said[0], tuple(said[1:]), arguments)


def _arguments(node: ast.ClassDef, where: str) -> list[tuple[str, ast.expr | None, ast.expr | None]]:
    """(name, annotation, default) of what a class is constructed from: arguments, or a dataclass's fields."""
    if any("dataclass" in ast.unparse(one) for one in node.decorator_list):
        fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
        return [(item.target.id, item.annotation, item.value) for item in fields]
    made = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
    if not made:
        raise SepflowError(f"{where}: neither `__init__` nor a dataclass: its settings are read there")
    given = made[0].args
    names = [*given.posonlyargs, *given.args]
    defaults = [*[None] * (len(names) - len(given.defaults)), *given.defaults, *given.kw_defaults]
    names += given.kwonlyargs
    found = [(one.arg, one.annotation, value) for one, value in zip(names, defaults, strict=True)]
    return found[1:] + [(one.arg, None, None) for one in (given.vararg, given.kwarg) if one]


def _argument(name: str, annotation: ast.expr | None, default: ast.expr | None, where: str) -> Argument:
    kind, written = (_evaluated(annotation), ast.unparse(annotation)) if annotation else (EMPTY, "")
    value = _literal(default, f"{where}: {name}: its default") if default else EMPTY
    return Argument(name, kind, written, value)


def _literal(node: ast.expr, what: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise SepflowError(f"{what} `{ast.unparse(node)}` is no literal; write its value out") from error


def _evaluated(annotation: ast.expr) -> Any:
    """An annotation as the type that it is: of sepflow.settings, null, or words; `object` of any other."""
    if isinstance(annotation, ast.BinOp):
        return Union[_evaluated(annotation.left), _evaluated(annotation.right)]  # noqa: UP007
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return NoneType
    if isinstance(annotation, ast.Subscript) and _word(annotation.value) == "Literal":
        words = getattr(annotation.slice, "elts", [annotation.slice])
        return Literal[tuple(getattr(word, "value", None) for word in words)]
    return TYPES.get(_word(annotation), object)


def _word(node: ast.expr) -> str:
    """`Size`, of that and of `settings.Size`."""
    return ast.unparse(node).rpartition(".")[2]
