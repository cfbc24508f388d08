"""NIST SPHERE files (.wv1, .sph): PCM read by libsndfile, compressed ones by the program sph2pipe."""

import io
import shutil
import subprocess
from pathlib import Path

from sepflow.errors import SepflowError

_MAGIC = b"NIST_1A\n"
_FIRST = 1024  # bytes of the shortest header
_SECONDS = 60  # for sph2pipe to decode one file


def header(path: Path) -> dict[str, str] | None:
    """The fields of a SPHERE header, as text; None where the file is no SPHERE file.

    Raises SepflowError, with the reason alone, where the file does not read or its header has no end.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_FIRST)
            if not start.startswith(_MAGIC):
                return None
            size = start[len(_MAGIC) :].split(b"\n", 1)[0].strip()
            start += file.read(max(0, int(size) - _FIRST)) if size.isdigit() else b""
    except OSError as error:
        raise SepflowError(f"does not decode ({error.strerror})") from None
    lines = start.decode("latin-1").split("\n")
    if "end_head" not in lines:
        raise SepflowError("does not decode (its SPHERE header has no end)")
    fields = (line.split(maxsplit=2) for line in lines[2 : lines.index("end_head")])
    return {field[0]: field[2] for field in fields if len(field) == 3}


def source(path: Path) -> tuple[Path | io.BytesIO, int | None]:
    """(what libsndfile can read of the file at `path`, the samples a channel that a SPHERE header declares).

    That is the file itself, and no number for what is no SPHERE file; decompressed, a WAV file in memory.
    Raises SepflowError, with the reason alone, where the file does not read, or where it is compressed and
    there is no sph2pipe.
    """
    fields = header(path)
    if fields is None:
        return path, None
    count = fields.get("sample_count", "")
    coding = fields.get("sample_coding", "")
    read = io.BytesIO(_decompressed(path, coding)) if "," in coding else path
    return read, int(count) if count.isdigit() else None


def _decompressed(path: Path, coding: str) -> bytes:
    """The bytes of a WAV file."""
    program = shutil.which("sph2pipe")
    if program is None:
        raise SepflowError(
            f"compressed ({coding}), which neither libsndfile nor sox reads: put the LDC's program sph2pipe "
            "on the PATH, or convert the corpus with it (sph2pipe -f wav IN OUT)"
        )
    try:
        done = subprocess.run([program, "-f", "wav", str(path)], capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SepflowError(f"does not decode (sph2pipe: {error})") from None
    if done.returncode or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        raise SepflowError(f"does not decode (sph2pipe: {reason})")
    if not done.stdout.startswith(b"RIFF"):
        raise SepflowError("does not decode (sph2pipe gave what is no WAV)")
    return done.stdout
