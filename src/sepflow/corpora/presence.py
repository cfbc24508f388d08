"""Whether a corpus is on this machine: where its folder is, which of its parts lie in it, in which layout."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sepflow.corpora.catalogue import Corpus, Part
from sepflow.corpora.journal import Journal, part_record
from sepflow.errors import SepflowError
from sepflow.files import is_directory

HERE = "data"  # the folder of a checkout for corpora whose place config.yaml does not say


@dataclass(frozen=True)
class Presence:
    """A part on the disk. `state`: there, incomplete (its fetch was broken off) or missing."""

    state: str
    layout: str | None = None

    @property
    def there(self) -> bool:
        """Whether it can be used."""
        return self.state == "there"


def folder_of(corpus: str, configured: dict[str, str], directory: Path, here: str = HERE) -> Path:
    """Where `corpus` lies or would lie: by `corpora` of config.yaml, else HERE/NAME in the checkout.

    A relative path begins at the checkout `directory`, wherever a command is started. Raises SepflowError for
    the home of nobody (~nobody/x).
    """
    try:
        return directory / Path(configured.get(corpus, f"{here}/{corpus}")).expanduser()
    except RuntimeError as error:
        raise SepflowError(f"{configured[corpus]}: {error}; write the whole path") from error


def find_part(part: Part, root: Path) -> Presence:
    """Whether `part` lies in the corpus's folder `root`, or in one above which that folder belongs."""
    begun = any(Journal(root, archive).begun for archive in part.archives)
    if begun and not part_record(root, part.name).exists():
        return Presence("incomplete")
    layout = layout_of(part, root)
    return Presence("there" if layout else "missing", layout)


def layout_of(part: Part, root: Path) -> str | None:
    """The layout in which all that `part` must have is in `root`, or in the folder that `root` stands for."""
    for layout, patterns in part.layouts.items():
        for strip in (0, 1):  # /data/LibriSpeech is as good as the folder that it lies in
            if all(_holds(root, pattern, strip) for pattern in patterns):
                return layout
    return None


def find_parts(corpus: Corpus, root: Path) -> dict[str, Presence]:
    """{part: its presence} of all parts."""
    return {name: find_part(part, root) for name, part in corpus.parts.items()}


def size_on_disk(path: Path) -> int:
    """The bytes of all files below `path`, links not followed."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):  # gone meanwhile, or not ours to read
                total += (Path(folder) / name).lstat().st_size
    return total


def missing_paths(part: Part, root: Path) -> list[str]:
    """What of the first layout of `part` is not in `root`."""
    return [pattern for pattern in next(iter(part.layouts.values())) if not _holds(root, pattern, 0)]


def _holds(root: Path, pattern: str, strip: int) -> bool:
    parts = PurePosixPath(pattern).parts[strip:]
    if not parts or not is_directory(root):
        return False
    paths = root.glob("/".join(parts)) if set("*?[") & set(pattern) else [root.joinpath(*parts)]
    return any(path.exists() and not _empty(path) for path in paths)


def _empty(path: Path) -> bool:
    if not is_directory(path):
        return False
    with contextlib.suppress(PermissionError), os.scandir(path) as entries:
        return next(entries, None) is None
    return False
