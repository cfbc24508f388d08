"""YAML as configurations are written in it: bounded, in UTF-8, of mappings with names for keys.

Strings, numbers, booleans and null, in lists and mappings. What YAML has beside these (sets, bytes, .nan,
keys that are lists, anchors that multiply) is refused at its line; a date is the string that it looks like.
"""

import re
import stat
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml

from sepflow.errors import SepflowError

MOST_BYTES = 10_000_000
MOST_NODES = 200_000  # with aliases written out: a spec of this project has some hundreds
MOST_DEPTH = 50
_TAGS = ("str", "int", "float", "bool", "null", "seq", "map")
_Error = yaml.constructor.ConstructorError


class _Loader(yaml.CSafeLoader):
    """A safe loader in which a key that stands twice, or is no string, is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if not key.tag.endswith((":str", ":merge")):
                raise _Error(None, None, f"a key must be a string, not {_shown(key)}", key.start_mark)
            if key.value in seen:
                raise _Error(None, None, f"the key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (ValueError, TypeError, OverflowError) as error:
            raise _Error(None, None, f"{_shown(node)} is no value here", node.start_mark) from error
        if isinstance(value, int | float) and not abs(value) < 2**63:  # nor is .nan
            raise _Error(None, None, f"{_shown(node)} is no number to count with", node.start_mark)
        return value


_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in yaml.CSafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix("tag:yaml.org,2002:") in _TAGS
}
# 017 would be read as 15, and 1:30 as 90.
_NO_OLD_NUMBER = r"(?!.*:|[-+]?0[0-9_]+$)"
_Loader.yaml_implicit_resolvers = {
    first: [
        (
            tag,
            re.compile(_NO_OLD_NUMBER + pattern.pattern, pattern.flags)
            if ":int" in tag or ":float" in tag
            else pattern,
        )
        for tag, pattern in resolvers
        if not tag.endswith(":timestamp")
    ]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
# SafeLoader reads 1e-3 as a string (YAML 1.1 wants 1.0e-3): too easy to get wrong to leave it so.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def load(path: Path) -> dict[str, Any]:
    """The mapping in the YAML file `path`.

    Raises SepflowError, naming the line, where it is no file, not UTF-8, not YAML, or not a mapping.
    """
    text = _text(path)
    try:
        _check_size(yaml.parse(text, Loader=_Loader))
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 (a subclass of the safe loader)
    except yaml.YAMLError as error:
        words = " ".join(str(error).split()).replace(' in "<unicode string>",', ",")
        raise SepflowError(f"{path}: not valid YAML: {words}") from error
    if not isinstance(value, dict):
        what = "is empty" if value is None else f"holds a {type(value).__name__}"
        raise SepflowError(f"{path}: {what}, where keys with values (key: value) are needed")
    return value


def _text(path: Path) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a FIFO would be waited for
            raise SepflowError(
                f"{path}: no file, but {'a directory' if path.is_dir() else 'a device or pipe'}"
            )
        if status.st_size > MOST_BYTES:
            raise SepflowError(f"{path}: {status.st_size} bytes; a YAML file has at most {MOST_BYTES}")
        return (data := path.read_bytes()).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            line = data.count(b"\n", 0, error.start) + 1
            raise SepflowError(f"{path}: line {line}: not UTF-8 text; save the file as UTF-8") from error
        raise SepflowError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _check_size(events: Iterator[yaml.Event]) -> None:
    """Raise where lists lie too deep in each other, or are too many once aliases are written out."""
    sizes: dict[str | None, int] = {}
    unfinished: list[tuple[str | None, int]] = [(None, 0)]  # the anchor of each, and its nodes so far
    for event in events:
        size, anchor = 0, getattr(event, "anchor", None)
        if isinstance(event, yaml.CollectionStartEvent):
            unfinished.append((anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = unfinished.pop()
            sizes[anchor] = size
        elif isinstance(event, yaml.ScalarEvent):
            sizes[anchor] = size = 1
        elif isinstance(event, yaml.AliasEvent):  # within what it stands for it has no end
            size = MOST_NODES + 1 if anchor in dict(unfinished) else sizes.get(anchor, 0)
        unfinished[-1] = (unfinished[-1][0], unfinished[-1][1] + size)
        if len(unfinished) > MOST_DEPTH or unfinished[-1][1] > MOST_NODES:
            message = f"more than {MOST_NODES} values, aliases written out, or more than {MOST_DEPTH} deep"
            raise yaml.YAMLError(f"{message}, line {event.start_mark.line + 1}")


def _shown(node: yaml.Node) -> str:
    """The beginning of a scalar, in quotes; of anything else, what it is."""
    if not isinstance(node, yaml.ScalarNode):
        return f"a {node.id}"
    return repr(node.value if len(node.value) < 40 else f"{node.value[:36]} ...")
