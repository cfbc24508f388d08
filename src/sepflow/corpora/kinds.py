"""The kinds of corpora, by the names of their modules, as each declares itself in `KIND`.

A kind is a module of this package with `build` (see `corpora.build`) and `KIND`, a literal that is read from
the source: `on_disk`, whether somebody's recordings are read; and `entry`, what a scale's file may say of
such a corpus beside its kind, as a JSON schema ("$ref": "scale.yaml#/$defs/counts" is a part that kinds
share). The number of its code is that of `identity.number_of`.
"""

import functools
from dataclasses import dataclass
from typing import Any

from sepflow import plugs
from sepflow.errors import SepflowError, unknown_name


@dataclass(frozen=True)
class Kind:
    """What a module declares of its kind of corpus."""

    on_disk: bool
    entry: dict[str, Any]


@functools.cache
def known() -> dict[str, Kind]:
    """All kinds by their names."""
    nothing_else = {"type": "object", "additionalProperties": False}
    return {
        name: Kind(said["on_disk"], nothing_else | said["entry"])
        for name, said in plugs.declared("corpora", "KIND").items()
    }


def find(name: Any) -> Kind:
    """The kind of that name. Raises SepflowError where there is none."""
    if not isinstance(name, str) or name not in known():
        raise SepflowError(f"kind: {unknown_name('kind of corpus', name, list(known()))}")
    return known()[name]
