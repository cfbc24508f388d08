"""YAML files, read and held against their schema. A wrong key names the file, the key and what was meant."""

import difflib
import json
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
from sepflow.identity import merge

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def read(path: Path, schema: str, config: Path, grown: str = "") -> dict[str, Any]:
    """The content of the YAML file `path`, valid under `<config>/schemas/<schema>.yaml`, perhaps `grown`.

    Raises SepflowError where the file is missing, is not YAML, or does not fit its schema.
    """
    value = parse(path)
    check(value, schema, config, str(path), grown)
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


def check(value: Any, schema: str, config: Path, where: str, grown: str = "", key: str = "") -> None:
    """Hold `value`, the whole of a file or what stands there at `key`, against a schema.

    That is "run", or a part of one: "paper#/$defs/mix". `grown`, as JSON, is laid over the schemas: what the
    code declares, by their names. Raises SepflowError with `where`, the key, and what was meant.
    """
    error = best_match(_validator(schema, config / "schemas", grown).iter_errors(value))
    if error is not None:
        raise SepflowError(f"{where}: {_describe(error, key)}")


@cache
def _validator(schema: str, directory: Path, grown: str) -> Draft202012Validator:
    schemas = merge(_schemas(directory), json.loads(grown or "{}"))
    resources = {
        f"{name}.yaml": Resource.from_contents(content | {"$schema": DIALECT})
        for name, content in schemas.items()
    }
    registry = Registry().with_resources(resources.items())
    name, _, part = schema.partition("#")
    return Draft202012Validator({"$ref": f"{name}.yaml#{part}"}, registry=registry)


@cache
def _schemas(directory: Path) -> dict[str, Any]:
    return {path.stem: yaml_text.load(path) for path in directory.glob("*.yaml")}


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
