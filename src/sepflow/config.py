"""YAML files, read and held against their schema. A wrong key names the file, the key and what was meant."""

import difflib
import re
from collections.abc import Hashable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from sepflow.errors import SepflowError


class _Loader(yaml.CSafeLoader):
    """YAML in which a key that stands twice is an error, not a silent second value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# SafeLoader reads 1e-3 as a string (YAML 1.1 wants 1.0e-3): too easy to get wrong to leave it so.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read(path: Path, schema: str, config: Path) -> dict[str, Any]:
    """The content of the YAML file `path`, valid under `<config>/schemas/<schema>.yaml`.

    Raises SepflowError where the file is missing, is not YAML, or does not fit its schema.
    """
    value = parse(path)
    check(value, schema, config, str(path))
    return value


def parse(path: Path) -> dict[str, Any]:
    """The content of the YAML file `path`; SepflowError where it is missing or is not YAML."""
    if not path.is_file():
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
        raise SepflowError(f"{path}: no such file. There are: {there}.")
    try:
        return yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 (a subclass of the safe loader)
    except yaml.YAMLError as error:
        raise SepflowError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error


def check(value: Any, schema: str, config: Path, where: str) -> None:
    """Hold `value` against a schema; raise SepflowError with `where`, the key, and what was meant."""
    error = best_match(_validator(schema, config / "schemas").iter_errors(value))
    if error is not None:
        raise SepflowError(f"{where}: {_describe(error)}")


@cache
def _validator(schema: str, directory: Path) -> Draft202012Validator:
    resources = {
        path.name: Resource.from_contents(
            yaml.safe_load(path.read_text()) | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        )
        for path in directory.glob("*.yaml")
    }
    registry = Registry().with_resources(resources.items())
    return Draft202012Validator({"$ref": f"{schema}.yaml"}, registry=registry)


def _describe(error: ValidationError) -> str:
    place = ".".join(str(part) for part in error.absolute_path) or "the file"
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        return f"{place}: " + "; ".join(_unknown(key, known) for key in unknown)
    return f"{place}: {error.message}"


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(str(key), known, 1)
    meant = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}."
    return f"unknown key {key!r}; {meant}"


def unknown_name(kind: str, name: str, known: list[str]) -> str:
    """The words for a name that is not there: what it is, and the nearest that is."""
    near = difflib.get_close_matches(str(name), known, 1)
    return f"there is no {kind} {name!r}; " + (
        f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}."
    )
