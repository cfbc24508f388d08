"""WSJ0 on disk: which file is meant by a path of the published lists, however the discs were copied."""

import os
from collections.abc import Iterable
from pathlib import Path

from sepflow.errors import SepflowError
from sepflow.files import is_directory
from sepflow.files.contracts import refuse

CORPUS = "wsj0"
SUFFIXES = (".wav", ".wv1")  # the first that is there is taken; .wv2 is the second microphone
LAYOUTS = (
    f"Is --wsj0 the directory that holds {CORPUS}/ (or si_tr_s/, si_dt_05/, si_et_05/ themselves), and "
    "are the files called .wav or .wv1?"
)


def utterance(path: str) -> str:
    """The name of an utterance: "01to030v" of wsj0/si_tr_s/01t/01to030v.wav."""
    return path.rsplit("/", 1)[-1].removesuffix(".wav")


def locate(root: Path, paths: Iterable[str]) -> dict[str, Path]:
    """{path of a list: file}, for paths like wsj0/si_tr_s/01t/01to030v.wav.

    Below `root` the part behind wsj0/ (si_tr_s/01t/01to030v) decides, in any case of letters, whatever stands
    before wsj0/: so the discs of the LDC do as they are.
    Raises SepflowError with all utterances that are not there.
    """
    if not is_directory(root):
        raise SepflowError(f"{root}: no such directory. {LAYOUTS}")
    there = _index(root)
    files = {path: there.get(key(path)) for path in dict.fromkeys(paths)}
    refuse(str(root), [f"{path}: not there" for path, file in files.items() if file is None], LAYOUTS)
    return {path: file for path, file in files.items() if file is not None}


def key(path: str) -> str:
    """What a path of a list means, si_tr_s/01t/01to030v, of any of its spellings."""
    parts = path.lower().removesuffix(".wav").removesuffix(".wv1").strip("/").split("/")
    directories = parts[:-1]
    behind = len(directories) - directories[::-1].index(CORPUS) if CORPUS in directories else 0
    return "/".join(parts[behind:])


def _index(root: Path) -> dict[str, Path]:
    """{key: file} of all utterances below `root`."""
    best: dict[str, tuple[int, str]] = {}
    for directory, directories, names in os.walk(root, followlinks=True):
        directories.sort()
        for name in names:
            suffix = name[-4:].lower()
            if suffix in SUFFIXES:
                path = os.path.join(directory, name)  # noqa: PTH118  (a hundred thousand files)
                name = key(os.path.relpath(path, root))
                best[name] = min(best.get(name, (len(SUFFIXES), "")), (SUFFIXES.index(suffix), path))
    return {name: Path(path) for name, (_, path) in best.items()}
