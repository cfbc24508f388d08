"""YAML files, read and held against their schema. A wrong key names the file, the key and what was meant."""

import difflib
import os
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from sepflow.errors import SepflowError
from sepflow.errors import unknown_name as unknown_name  # beside _unknown, which is of keys
from sepflow.files import yaml_text


def read(path: Path, schema: str, config: Path) -> dict[str, Any]:
    """The content of the YAML file `path`, valid under `<config>/schemas/<schema>.yaml`.

    Raises SepflowError where the file is missing, is not YAML, or does not fit its schema.
    """
    value = parse(path)
    check(value, schema, config, str(path))
    return value


def parse(path: Path) -> dict[str, Any]:
    """The mapping in the YAML file `path`; SepflowError where it is missing or is no such thing."""
    if not os.path.lexists(path):
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
        raise SepflowError(f"{path}: no such file. There are: {there}.")
    return yaml_text.load(path)


def named(directory: Path, name: str) -> Path:
    """The YAML file of `directory` that is called `name`; SepflowError where that is no name, but a path."""
    if Path(name).name != name or "\0" in name:
        there = ", ".join(sorted(path.stem for path in directory.glob("*.yaml")))
        raise SepflowError(f"{name!r} is no name of a file in {directory}. There are: {there}.")
    return directory / f"{name}.yaml"


def check(value: Any, schema: str | dict[str, Any], config: Path, where: str, key: str = "") -> None:
    """Hold `value` against a schema: "run", a part of one, "paper#/$defs/mix", or one declared elsewhere.

    `key` is that of `value` in the file. Raises SepflowError with `where`, the key, and what was meant.
    """
    named = isinstance(schema, str)
    validator = (_validator if named else _validator_of)(schema, config / "schemas")
    error = best_match(validator.iter_errors(value))
    if error is not None:
        raise SepflowError(f"{where}: {_describe(error, key)}")


@cache
def _validator(schema: str, directory: Path) -> Draft202012Validator:
    name, _, part = schema.partition("#")
    return _validator_of({"$ref": f"{name}.yaml#{part}"}, directory)


def _validator_of(schema: dict[str, Any], directory: Path) -> Draft202012Validator:
    return Draft202012Validator(schema, registry=_registry(directory))


@cache
def _registry(directory: Path) -> Registry:
    resources = {
        path.name: Resource.from_contents(
            yaml_text.load(path) | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        )
        for path in directory.glob("*.yaml")
    }
    return Registry().with_resources(resources.items())


def _describe(error: ValidationError, key: str) -> str:
    place = ".".join(str(part) for part in (key, *error.absolute_path) if part != "") or "the file"
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        return f"{place}: " + "; ".join(_unknown(key, known) for key in unknown)
    if error.validator == "not":
        return f"{place}: {error.schema.get('$comment', 'no key of a whole spec; take it away')}"
    if error.validator == "required":
        missing = [repr(key) for key in error.validator_value if key not in error.instance]
        return f"{place}: not set: {', '.join(missing)}"
    return f"{place}: {textwrap.shorten(error.message, 300)}"


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(str(key), known, 1)
    meant = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}."
    return f"unknown key {key!r}; {meant}"
