"""The catalogue of networks, config/networks/: who may have the weights, and how their file is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

# As for corpora, nothing that needs numpy: every planning of a workflow comes this way.
from sepflow.corpora import catalogue
from sepflow.corpora.catalogue import Archive, Corpus, Part
from sepflow.errors import SepflowError
from sepflow.files import config as files

WEIGHTS = "weights"  # what the one part of a network is called


@dataclass(frozen=True)
class Network:
    """Weights that somebody else published. `source` is how to come by them: as by a corpus of one part.

    `file` is what lies on the disk; `checksum` its own as published, None where none is; `member` what in it
    has the weights, where it is a zip. `state`: the keys that lead to the weights; `left_out`: the beginnings
    of names that the network here does not have; `renamed`: {beginning of a published name: what it is here};
    `beside`: modules of what else the file's pickle has. `rate` is in Hz, `layers` says what others may hear,
    `model` is the network of sepflow that the weights fit: None, as long as there is none.
    """

    name: str
    source: Corpus
    file: str
    checksum: str | None
    rate: int
    layers: dict[str, str]
    model: dict[str, Any] | None = None
    member: str | None = None
    state: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def part(self) -> Part:
        """What is fetched."""
        return self.source.parts[WEIGHTS]


def names(directory: Path) -> list[str]:
    """The names of the catalogue in the checkout `directory`, sorted."""
    return sorted(path.stem for path in _folder(directory).glob("*.yaml"))


def read(name: str, directory: Path) -> Network:
    """One network of the catalogue in the checkout `directory`.

    Raises SepflowError where there is no such network (with the nearest that is), or its file is not valid.
    """
    if name not in (known := names(directory)):
        raise SepflowError(files.unknown_name("network", name, known or ["none, in config/networks"]))
    path = _folder(directory) / f"{name}.yaml"
    value = files.read(path, "network", directory / "config")
    free = value["access"] == "free"
    if free != bool(value.get("urls")):
        raise SepflowError(f"{path}: urls are for what is free, and for all that is")
    if not free and not value.get("instructions"):
        raise SepflowError(f"{path}: not free, so instructions are needed")
    archives = (catalogue.read_archive({**value, "kind": "file"}, []),) if free else ()
    return Network(
        name=name,
        source=_source(name, value, archives),
        file=value["file"],
        checksum=value.get("checksum"),
        rate=value["rate"],
        layers=value["layers"],
        model=value.get("model"),
        member=value.get("member"),
        state=tuple(value.get("state", ())),
        left_out=tuple(value.get("left_out", ())),
        renamed=tuple(value.get("renamed", {}).items()),
        beside=tuple(value.get("beside", ())),
    )


def find_parts(wanted: str, directory: Path) -> tuple[Corpus, list[Part]]:
    """The corpus, or the network, of "NAME" or "NAME/PART", and the parts meant.

    Raises SepflowError where there is no such corpus, network or part.
    """
    name, _, part = wanted.strip("/").partition("/")
    if name in (networks := names(directory)):
        source = read(name, directory).source
        return source, catalogue.parts_meant(source, part)
    corpora = catalogue.names(directory)
    if corpora and name not in corpora:
        raise SepflowError(files.unknown_name("corpus or network", name, sorted([*corpora, *networks])))
    return catalogue.find_parts(wanted, directory)


def _folder(directory: Path) -> Path:
    return directory / "config" / "networks"


def _source(name: str, value: dict[str, Any], archives: tuple[Archive, ...]) -> Corpus:
    layouts = {catalogue.PUBLISHED: (value["file"],)}
    part = Part(WEIGHTS, f"{value['rate']} Hz", value["access"], archives, layouts)
    return Corpus(
        name=name,
        title=value["title"],
        homepage=value["homepage"],
        licence=value["licence"]["name"],
        allows=value["licence"]["allows"],
        access=value["access"],
        parts={WEIGHTS: part},
        papers=dict.fromkeys(value["papers"], (WEIGHTS,)),
        instructions=value.get("instructions", ""),
        notes=value.get("notes", ""),
        catalogue="networks",
    )
