"""The schemas of config/schemas, grown by what tasks, mixes and corpora declare: none has to hear of them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from sepflow import tasks
from sepflow.corpora.kinds import known as known_corpora
from sepflow.files import config as files
from sepflow.mixes import kind_of, kinds
from sepflow.tasks.declaration import PARTS


def read(path: Path, schema: str, config: Path) -> dict[str, Any]:
    """The content of a YAML file, valid under a schema of `config`; SepflowError where it is not."""
    return files.read(path, schema, config, _grown())


def check(value: Any, schema: str, config: Path, where: str, key: str = "") -> None:
    """Hold `value`, perhaps of a `key`, against a schema of `config`.

    SepflowError with `where`, the key, and what was meant.
    """
    files.check(value, schema, config, where, _grown(), key)


def without_unsaid(spec: dict[str, Any]) -> dict[str, Any]:
    """A spec without the parts, settings and used runs that it says are null: those of other tasks."""
    declared = [tasks.declared(name) for name in tasks.names()]
    keys = {key for said in declared for key in (*said.parts, said.settings)}
    kept = {key: value for key, value in spec.items() if value is not None or key not in keys}
    uses = {name: run for name, run in (spec.get("uses") or {}).items() if run is not None}
    return kept | ({"uses": uses} if "uses" in spec else {})


@cache
def _grown() -> str:
    """Keys of a run: the parts that tasks hear beside those of all, their settings; of mixes, of corpora."""
    declared = [tasks.declared(name) for name in tasks.names()]
    parts = {part for said in declared for part in said.parts} - set(PARTS)
    settings = {said.settings: {"type": ["object", "null"]} for said in declared if said.settings}
    described = {key: schema for name in kinds() for key, schema in kind_of(name).properties.items()}
    said, whole = ({part: _or_null(name) for part in parts} for name in ("data", "resolved"))
    return json.dumps(
        {
            "paper": {"$defs": {"run": {"properties": said | settings}, "mix": {"properties": described}}},
            "run": {"properties": whole},
            "scale": {"$defs": {"kinds": {name: kind.entry for name, kind in known_corpora().items()}}},
        }
    )


def _or_null(name: str) -> dict[str, Any]:
    return {"oneOf": [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]}
