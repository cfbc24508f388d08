"""The catalogue of corpora, config/corpora/: what they are, who may have them, where they come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError

# Nothing that needs numpy here: every planning of a workflow comes this way.
from sepflow.files import config as files

KINDS = {"tar": (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"), "zip": (".zip",)}
UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
PUBLISHED = "as published"  # the layout of a corpus that has one only


@dataclass(frozen=True)
class Archive:
    """A file to be fetched. Sizes are in bytes, None where unknown; `exact` says that `size` is checked."""

    name: str
    urls: tuple[str, ...]  # the original, then its mirrors
    kind: str  # tar, zip, or file: to be kept as it is
    size: int | None = None
    exact: bool = False
    unpacked: int | None = None
    checksum: str | None = None  # "md5:..." or "sha256:..."
    nested: str | None = None  # a pattern of archives inside


@dataclass(frozen=True)
class Part:
    """What can be fetched for itself. `layouts`: {name: patterns of paths that are there}."""

    name: str
    title: str
    access: str
    archives: tuple[Archive, ...]
    layouts: dict[str, tuple[str, ...]]
    to: str = "."

    @property
    def free(self) -> bool:
        """Whether sepflow can fetch it."""
        return self.access == "free"

    @property
    def size(self) -> int | None:
        """The bytes of its archives; None where one is unknown."""
        sizes = [archive.size for archive in self.archives]
        return None if not sizes or None in sizes else sum(sizes)


@dataclass(frozen=True)
class Corpus:
    """A corpus that somebody else made. `papers`: {paper: names of the parts it needs}.

    `catalogue`: the folder of config/ that has it, the key of config.yaml for its place, and the command that
    lists it: "corpora", or "networks" for weights, which are fetched as a corpus of one part is.
    """

    name: str
    title: str
    homepage: str
    licence: str
    allows: str
    access: str
    parts: dict[str, Part]
    papers: dict[str, tuple[str, ...]]
    instructions: str = ""
    notes: str = ""
    catalogue: str = "corpora"


def names(directory: Path) -> list[str]:
    """The names of the catalogue in the checkout `directory`, sorted."""
    return sorted(path.stem for path in _folder(directory).glob("*.yaml"))


def read(name: str, directory: Path) -> Corpus:
    """One corpus of the catalogue in the checkout `directory`.

    Raises SepflowError where there is no such corpus (with the nearest that is), or its file is not valid.
    """
    if name not in names(directory):
        if not _folder(directory).is_dir():
            raise SepflowError(f"{_folder(directory)}: no such directory. Run sepflow in a checkout.")
        raise SepflowError(files.unknown_name("corpus", name, names(directory)))
    path = _folder(directory) / f"{name}.yaml"
    value = files.read(path, "corpus", directory / "config")
    parts = {key: _part(key, part, value) for key, part in value["parts"].items()}
    if problems := _problems(value, parts):
        raise SepflowError(f"{path}: {'; '.join(problems)}")
    return Corpus(
        name=name,
        title=value["title"],
        homepage=value["homepage"],
        licence=value["licence"]["name"],
        allows=value["licence"]["allows"],
        access=value["access"],
        parts=parts,
        papers={paper: tuple(needed) for paper, needed in value["papers"].items()},
        instructions=value.get("instructions", ""),
        notes=value.get("notes", ""),
    )


def find_parts(wanted: str, directory: Path) -> tuple[Corpus, list[Part]]:
    """The corpus of "NAME" or "NAME/PART", and the parts meant: of a NAME alone all, or all that are free.

    Raises SepflowError where there is no such corpus or part.
    """
    name, _, part = wanted.strip("/").partition("/")
    corpus = read(name, directory)
    return corpus, parts_meant(corpus, part)


def parts_meant(corpus: Corpus, part: str) -> list[Part]:
    """The part of this name; of "" all, or all that are free. Raises SepflowError where there is none."""
    if part and part not in corpus.parts:
        raise SepflowError(f"{corpus.name}: {files.unknown_name('part', part, list(corpus.parts))}")
    if part:
        return [corpus.parts[part]]
    return [x for x in corpus.parts.values() if x.free] or list(corpus.parts.values())


def hint(name: str, directory: Path) -> str:
    """What to do to have corpus `name`, as a line of its own; nothing where the catalogue lacks it."""
    if name not in names(directory):
        return ""
    corpus = read(name, directory)
    if any(part.free for part in corpus.parts.values()):
        return f"\nTo fetch it: sepflow fetch {name} (its parts: sepflow corpora {name})."
    return f"\nIt has to be asked for: sepflow corpora {name} says where."


def readable(size: float | None) -> str:
    """A number of bytes for people: 337.9 MB."""
    if size is None:
        return "unknown"
    unit = next((unit for unit in reversed(UNITS) if size >= UNITS[unit]), "kB")
    return f"{size / UNITS[unit]:.1f} {unit}"


def _folder(directory: Path) -> Path:
    return directory / "config" / "corpora"


def _part(name: str, value: dict[str, Any], corpus: dict[str, Any]) -> Part:
    expects = value["expects"]
    layouts = expects if isinstance(expects, dict) else {PUBLISHED: expects}
    return Part(
        name=name,
        title=value.get("title", ""),
        access=value.get("access", corpus["access"]),
        archives=tuple(read_archive(x, corpus.get("sources", [])) for x in value.get("archives", [])),
        layouts={layout: tuple(patterns) for layout, patterns in layouts.items()},
        to=value.get("to", "."),
    )


def read_archive(value: dict[str, Any], sources: list[str]) -> Archive:
    """An archive as the catalogue describes it; `sources` are where the files of all of its corpus are."""
    name, size = value["file"], value.get("size")
    kind = next((kind for kind, ends in KINDS.items() if name.endswith(ends)), "file")
    return Archive(
        name=name,
        urls=tuple(value.get("urls") or [source.rstrip("/") + "/" + name for source in sources]),
        kind=value.get("kind", kind),
        size=_bytes(size),
        exact=isinstance(size, int),
        unpacked=_bytes(value.get("unpacked")),
        checksum=value.get("checksum"),
        nested=value.get("nested"),
    )


def _bytes(size: int | str | None) -> int | None:
    if not isinstance(size, str):
        return size
    number, unit = size.split()
    return round(float(number) * UNITS[unit])


def _problems(value: dict[str, Any], parts: dict[str, Part]) -> list[str]:
    """What a schema cannot say."""
    problems = [
        f"papers.{paper}: {files.unknown_name('part', name, list(parts))}"
        for paper, needed in value["papers"].items()
        for name in needed
        if name not in parts
    ]
    for part in parts.values():
        if part.free != bool(part.archives):
            problems.append(f"parts.{part.name}: archives are for what is free, and for all that is")
        elif not part.free and not value.get("instructions"):
            problems.append(f"parts.{part.name}: not free, so instructions are needed")
        problems += [
            f"parts.{part.name}: {archive.name} has no url: say urls, or sources for the whole corpus"
            for archive in part.archives
            if not archive.urls
        ]
    archives = [archive.name for part in parts.values() for archive in part.archives]
    twice = sorted({name for name in archives if archives.count(name) > 1})
    return problems + [f"the archive {name} stands twice" for name in twice]
