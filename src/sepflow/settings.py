"""Settings of a network or a task: their types, bounds and relations, declared where they are taken up.

The arguments of a `checked` class are annotated with the types of this file (`filters: Size = 256`). The
class refuses what they do not allow; so does the plan, which reads the declaration from the source
(`declarations`), without the torch that the source imports.
"""

import ast
import difflib
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from sepflow.errors import SepflowError

Class = TypeVar("Class", bound=type)
_LARGEST = 2**20  # of sizes: beyond it, a slip of the pen
MASKS = ("relu", "sigmoid")  # functions of torch


@dataclass(frozen=True)
class Number:
    """A finite number: above 0, or of at least `least`; at most `most`; perhaps an integer, an odd one."""

    whole: bool = False
    least: float | None = None
    most: float | None = None
    odd: bool = False

    def problem(self, value: Any) -> str | None:
        """What `value` must be, if it is not."""
        good = type(value) is int or (type(value) is float and not self.whole)
        good = good and (value > 0 if self.least is None else value >= self.least)
        if not good or not value <= (_LARGEST if self.most is None else self.most):
            bound = "above 0" if self.least is None else f"of at least {self.least}"
            most = self.most if self.most is not None or not good else _LARGEST
            bound += "" if most is None else f" and at most {most}"
            return f"must be {'an integer' if self.whole else 'a number'} {bound}, not {value!r}"
        return f"must be odd, not {value}" if self.odd and value % 2 == 0 else None


@dataclass(frozen=True)
class OneOf:
    """One of some words."""

    words: tuple[str, ...]

    def problem(self, value: Any) -> str | None:
        """What `value` must be, if it is not."""
        return None if value in self.words else f"must be one of {', '.join(self.words)}, not {value!r}"


@dataclass(frozen=True)
class Texts:
    """A text that is not empty; a list of such, or texts by such names, which may be empty."""

    kind: type = str

    def problem(self, value: Any) -> str | None:
        """What `value` must be, if it is not."""
        named = {str: "a text", list: "a list of texts", dict: "texts by names"}[self.kind]
        if not isinstance(value, self.kind):
            return f"must be {named}, not {value!r}"
        texts = [value] if self.kind is str else list(value)
        others = value.values() if self.kind is dict else ()
        good = all(texts) and all(isinstance(text, str) for text in (*texts, *others))
        return None if good else f"must be {named}, not {value!r}"


Size = Annotated[int, Number(whole=True, least=1)]
Count = Annotated[int, Number(whole=True, least=0)]
Several = Annotated[int, Number(whole=True, least=2)]
Odd = Annotated[int, Number(whole=True, least=1, odd=True)]
Doublings = Annotated[int, Number(whole=True, least=1, most=20)]
Positive = Annotated[float, Number()]
NotNegative = Annotated[float, Number(least=0)]
Share = Annotated[float, Number(most=1)]
Part = Annotated[float, Number(least=0, most=1)]
Mask = Annotated[str, OneOf(MASKS)]
Text = Annotated[str, Texts()]
TextList = Annotated[list, Texts(list)]
TextMap = Annotated[dict, Texts(dict)]

# What two settings a, b may have to do with each other, and what is said where they have not.
_RELATIONS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "divides": (lambda a, b: b % a == 0, "{0} must divide {1}; {2} does not divide {3}"),
    "covers": (lambda a, b: a <= b, "{0} {2} leaves gaps between {1}s of {3}"),
    "halves": (lambda a, b: a <= b / 2, "{0} must be at most half of {1}, {3!r}, not {2!r}"),
    "below": (lambda a, b: a < b, "{0} must be below {1}, not {2!r}"),
}


@dataclass(frozen=True)
class Declared:
    """What a class is given: of each setting its types (None: it may be null), perhaps a default."""

    what: str
    types: dict[str, tuple[Number | OneOf | Texts | None, ...]]
    defaults: dict[str, Any]
    relations: tuple[str, ...]

    def check(self, given: dict[str, Any], where: str = "") -> dict[str, Any]:
        """`given` with the defaults; SepflowError for one that is unknown, missing or out of range."""
        head = f"{where}{self.what}"
        wrong = [f"the key {key!r} is missing" for key in self.types if key not in self.defaults | given]
        for key in [key for key in given if key not in self.types]:
            near = difflib.get_close_matches(str(key), self.types, 1)
            wrong.append(f"unknown key {key!r}" + "".join(f"; did you mean {name!r}?" for name in near))
        if wrong:
            raise SepflowError(f"{head}: {'; '.join(wrong)}; the keys are {', '.join(self.types)}")
        whole = self.defaults | given
        for key, types in self.types.items():
            problems = [kind.problem(whole[key]) for kind in types if kind]
            if all(problems) and not (whole[key] is None and None in types):
                raise SepflowError(f"{head}: {key} {problems[0]}")
        for relation in self.relations:
            first, how, second = relation.split()
            a, b = whole[first], whole[second] if second in whole else float(second)
            holds, words = _RELATIONS[how]
            if a is not None and not holds(a, b):
                raise SepflowError(f"{head}: {words.format(first, second, a, b)}")
        return whole


def checked(what: str, *relations: str) -> Callable[[Class], Class]:
    """Have a class refuse settings that its annotations, or `relations` between them, do not allow."""

    def decorate(kind: Class) -> Class:
        construct, parameters = kind.__init__, inspect.signature(kind).parameters.values()
        kind.declared = Declared(
            what,
            {one.name: _types(one.annotation) for one in parameters},
            {one.name: one.default for one in parameters if one.default is not one.empty},
            relations,
        )

        @functools.wraps(construct)
        def check_and_construct(self: Any, *args: Any, **settings: Any) -> None:
            kind.declared.check(dict(zip(kind.declared.types, args, strict=False)) | settings)
            construct(self, *args, **settings)

        kind.__init__ = check_and_construct
        return kind

    return decorate


def _types(annotation: Any) -> tuple[Number | OneOf | Texts | None, ...]:
    """Of `Size` its Number; of `Size | None` also None."""
    if hasattr(annotation, "__metadata__"):
        return annotation.__metadata__
    return tuple(kind for part in get_args(annotation) for kind in (_types(part) or (None,)))


@functools.cache
def declarations(package: str) -> dict[str, Declared]:
    """What the `checked` classes of a package declare, by the names of their modules.

    Of a package whose modules lie in folders (tasks), by the names of these.
    """
    place = Path(__file__).parent / package
    named = {path: path.stem for path in place.glob("*.py")}
    named |= {path: path.parent.name for path in place.glob("*/*.py")}
    return {named[path]: said for path in sorted(named) if (said := _declared(path))}


def _declared(path: Path) -> Declared | None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for decorator in node.decorator_list if isinstance(node, ast.ClassDef) else ():
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", None) == "checked":
                what, *relations = map(ast.literal_eval, decorator.args)
                arguments = _arguments(node)
                types = {name: _types(_evaluated(annotation)) for name, annotation, _ in arguments}
                defaults = {name: ast.literal_eval(default) for name, _, default in arguments if default}
                return Declared(what, types, defaults, tuple(relations))
    return None


def _arguments(node: ast.ClassDef) -> list[tuple[str, ast.expr, ast.expr | None]]:
    """(name, annotation, default) of what a class is constructed from: arguments, or a dataclass's fields."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            names = item.args.args[1:]
            defaults = [*[None] * (len(names) - len(item.args.defaults)), *item.args.defaults]
            return [(one.arg, one.annotation, value) for one, value in zip(names, defaults, strict=True)]
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
    return [(item.target.id, item.annotation, item.value) for item in fields]


def _evaluated(annotation: ast.expr) -> Any:
    """An annotation of this file's types as the type that it is."""
    if isinstance(annotation, ast.BinOp):
        return _evaluated(annotation.left) | _evaluated(annotation.right)
    return globals()[annotation.id] if isinstance(annotation, ast.Name) else None
