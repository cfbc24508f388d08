"""The schemas of config/schemas, grown by what tasks and mixes declare: no file there has to hear of them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from sepflow import tasks
from sepflow.files import config as files
from sepflow.mixes import kind_of, kinds
from sepflow.tasks.declaration import PARTS


def read(path: Path, schema: str, config: Path) -> dict[str, Any]:
    """The content of a YAML file, valid under a schema of `config`; SepflowError where it is not."""
    return files.read(path, schema, config, _grown())


def check(value: Any, schema: str, config: Path, where: str) -> None:
    """Hold `value` against a schema of `config`; SepflowError with `where`, the key, and what was meant."""
    files.check(value, schema, config, where, _grown())


@cache
def _grown() -> str:
    """Keys of a run: the parts that tasks hear beside those of all, their settings; keys of kinds of mix."""
    declared = [tasks.declared(name) for name in tasks.names()]
    parts = {part for said in declared for part in said.parts} - set(PARTS)
    settings = {said.settings: {"type": ["object", "null"]} for said in declared if said.settings}
    described = {key: schema for name in kinds() for key, schema in kind_of(name).properties.items()}
    said, whole = ({part: _or_null(name) for part in parts} for name in ("data", "resolved"))
    return json.dumps(
        {
            "paper": {"$defs": {"run": {"properties": said | settings}, "mix": {"properties": described}}},
            "run": {"properties": whole},
        }
    )


def _or_null(name: str) -> dict[str, Any]:
    return {"oneOf": [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]}
