"""Settings of a network or a task: their types, bounds and relations, declared where they are taken up.

The arguments of a `checked` class are annotated with the types of this file (`filters: Size = 256`), or with
words of its own (`pooling: Literal["mean", "max"]`). The class refuses what they do not allow; so does the
plan, which reads it from the source (declarations.py), without the torch that the source imports.
"""

import difflib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from sepflow import plugs
from sepflow.errors import SepflowError, unknown_name

Class = TypeVar("Class", bound=type)
EMPTY = inspect.Parameter.empty
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
class Truth:
    """True or false."""

    def problem(self, value: Any) -> str | None:
        """What `value` must be, if it is not."""
        return None if isinstance(value, bool) else f"must be true or false, not {value!r}"


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
Flag = Annotated[bool, Truth()]
Mask = Annotated[str, OneOf(MASKS)]
Text = Annotated[str, Texts()]
TextList = Annotated[list, Texts(list)]
TextMap = Annotated[dict, Texts(dict)]

Kinds = tuple[Number | OneOf | Truth | Texts | None, ...]  # that a setting may be; None: null
TYPES = {name: kind for name, kind in list(globals().items()) if hasattr(kind, "__metadata__")}

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
    types: dict[str, Kinds]
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
                raise SepflowError(f"{head}: {key} {'; or '.join(problems)}")
        for relation in self.relations:
            first, how, second = relation.split()
            a, b = whole[first], whole[second] if second in whole else float(second)
            holds, words = _RELATIONS[how]
            if None not in (a, b) and not holds(a, b):
                raise SepflowError(f"{head}: {words.format(first, second, a, b)}")
        return whole


class Argument(NamedTuple):
    """An argument of a class: its annotation, and as it is written; its default, `EMPTY` of none."""

    name: str
    annotation: Any
    written: str
    default: Any = EMPTY


def checked(what: str, *relations: str) -> Callable[[Class], Class]:
    """Have a class refuse settings that its annotations, or `relations` between them, do not allow."""

    def decorate(kind: Class) -> Class:
        construct, parameters = kind.__init__, inspect.signature(kind, eval_str=True).parameters.values()
        file = getattr(sys.modules[kind.__module__], "__file__", None) or kind.__module__
        arguments = [
            Argument(one.name, one.annotation, inspect.formatannotation(one.annotation), one.default)
            for one in parameters
        ]
        kind.declared = declare(f"{plugs.shown(Path(file))}: {kind.__name__}", what, relations, arguments)

        @functools.wraps(construct)
        def check_and_construct(self: Any, *args: Any, **settings: Any) -> None:
            kind.declared.check(dict(zip(kind.declared.types, args, strict=False)) | settings)
            construct(self, *args, **settings)

        kind.__init__ = check_and_construct
        return kind

    return decorate


def declare(where: str, what: str, relations: tuple[str, ...], arguments: list[Argument]) -> Declared:
    """What a class declares; SepflowError, which begins with `where`, for what is no declaration."""
    types = {one.name: _types(one.annotation) for one in arguments}
    for one in arguments:
        if not any(types[one.name]):
            said = "not annotated" if one.annotation is EMPTY else f"annotated {one.written}"
            raise SepflowError(
                f"{where}: {one.name}: {said}; annotate it with a type of sepflow.settings: "
                f'{", ".join(sorted(TYPES))}; with Literal["one", "other"]; or with `... | None` of these'
            )
    for problem in (x for relation in relations for x in _problems(relation, types)):
        raise SepflowError(f"{where}: {problem}")
    defaults = {one.name: one.default for one in arguments if one.default is not EMPTY}
    return Declared(what, types, defaults, relations)


def _problems(relation: str, types: dict[str, Kinds]) -> Iterator[str]:
    """What is wrong about how a relation is said."""
    words = relation.split()
    if len(words) != 3:
        yield f"{relation!r}: a relation is three words: `hop divides size`"
        return
    first, how, second = words
    if how not in _RELATIONS:
        yield f"{relation!r}: {unknown_name('relation', how, list(_RELATIONS))}"
    for name in (first, *([] if second.replace(".", "", 1).isdigit() else [second])):
        if name not in types:
            yield f"{relation!r}: {unknown_name('setting', name, list(types))}"


def _types(annotation: Any) -> Kinds:
    """Of `Size` its Number; of `Size | None` also None; nothing, of what is no type of this file."""
    if annotation is NoneType:
        return (None,)
    if get_origin(annotation) is Literal:
        words = get_args(annotation)
        return (OneOf(words),) if all(isinstance(word, str) for word in words) else ()
    if get_origin(annotation) in (Union, UnionType):
        parts = [_types(part) for part in get_args(annotation)]
        return sum(parts, ()) if all(parts) else ()
    return getattr(annotation, "__metadata__", ())
