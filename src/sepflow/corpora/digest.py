"""What lies in a folder of audio, as a name that does not depend on where the folder is."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from sepflow.errors import SepflowError
from sepflow.files import check_regular, is_directory, is_file, read_bytes, reason_of

# Nothing but the standard library here: every planning of a workflow comes this way.
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")
METADATA = "metadata.csv"
PIECE = 1024


def audio_files(root: Path) -> dict[str, int]:
    """{path relative to `root`, with "/": size in bytes} of the audio below `root`, sorted by path.

    Hidden files and directories are passed over, symbolic links are followed, loops of them are not.
    Raises SepflowError where `root` is no directory or holds no audio.
    """
    files = files_below(root, lambda name: name.lower().endswith(AUDIO_SUFFIXES))
    if not files:
        raise SepflowError(
            f"{root}: no audio in it ({', '.join(AUDIO_SUFFIXES)}). Is it the right directory?"
        )
    return files


def files_below(root: Path, wanted: Callable[[str], bool]) -> dict[str, int]:
    """As `audio_files`, of the files whose relative path is `wanted`; there may be none."""
    _check_directory(root)
    return dict(sorted(_walk(root, "", (), wanted)))


def _check_directory(path: Path) -> None:
    if not is_directory(path):
        raise SepflowError(
            f"{path}: no such directory. Where does this corpus lie? Set its path in the config."
        )


def _pieces(path: Path, size: int) -> bytes:
    try:
        check_regular(path)
        with path.open("rb", buffering=0) as file:
            return b"".join(os.pread(file.fileno(), PIECE, at) for at in {0, size // 2, max(size - PIECE, 0)})
    except (SepflowError, OSError):
        return b""  # a dangling link, a pipe, a file we may not read: the build says so, with all others


def _walk(
    directory: Path, prefix: str, above: tuple[tuple[int, int], ...], wanted: Callable[[str], bool]
) -> list[tuple[str, int]]:
    try:
        status = directory.stat()
        with os.scandir(directory) as listed:
            entries = [entry for entry in listed if not entry.name.startswith(".")]
    except OSError as error:
        raise SepflowError(f"{directory}: does not read ({reason_of(error)}). Is it yours?") from None
    here = (status.st_dev, status.st_ino)
    if here in above:
        return []
    files = []
    for entry in entries:
        # Not the entry's own methods: they raise where a link leads back to itself.
        if is_directory(entry.path):
            files += _walk(Path(entry.path), f"{prefix}{entry.name}/", (*above, here), wanted)
        elif wanted(prefix + entry.name):
            # A dangling link counts as an empty file: the build says that there is none.
            size = entry.stat().st_size if is_file(entry.path) else 0
            files.append((prefix + entry.name, size))
    return files


def metadata_of(root: Path) -> Path | None:
    """The metadata.csv of a folder; None where it has none. Raises SepflowError where that is no file."""
    path = root / METADATA
    if not os.path.lexists(path):
        return None
    try:
        check_regular(path)
    except SepflowError as reason:
        raise SepflowError(f"{path}: {reason}. Mend or remove it.") from None
    return path


def folder_digest(path: Path) -> str:
    """SHA-256, in hexadecimal, over metadata.csv and each audio file's relative path, size and samples of it.

    Of each file the beginning, the middle and the end are read (PIECE bytes each): enough to see that it was
    replaced, and the planning of a workflow stays quick. Times and places play no part.
    Raises SepflowError where `path` is no directory or holds no audio.
    """
    path = Path(path)
    audio, metadata = audio_files(path), metadata_of(path)
    return digest_of(path, audio, [metadata] if metadata else [])


def digest_of(root: Path, audio: dict[str, int], tables: list[Path]) -> str:
    """The SHA-256 of `folder_digest`, over `audio` ({path below `root`: size}) and the whole of `tables`."""
    hasher = hashlib.sha256()
    for name, size in audio.items():
        hasher.update(os.fsencode(name) + b"\0%d\n" % size)
        hasher.update(_pieces(root / name, size))
    for table in tables:
        hasher.update(b"\0" + read_bytes(table))
    return hasher.hexdigest()


def list_digest(path: Path) -> str:
    """SHA-256, in hexadecimal, of the lists of mixtures (.csv, .txt) in a directory: their names and content.

    Raises SepflowError where `path` is no directory or holds none.
    """
    _check_directory(path)
    names = sorted(file for end in ("csv", "txt") for file in Path(path).glob(f"**/*.{end}") if is_file(file))
    if not names:
        raise SepflowError(f"{path}: no lists of mixtures in it (.csv, .txt). Is it the right directory?")
    hasher = hashlib.sha256()
    for file in names:
        hasher.update(os.fsencode(file.relative_to(path)) + b"\0" + read_bytes(file) + b"\0")
    return hasher.hexdigest()
