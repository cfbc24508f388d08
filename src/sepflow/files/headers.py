"""What headers of audio files say that is not so: libsndfile believes it, or tells of it in its log alone."""

import mmap
import re
from pathlib import Path

import soundfile

from sepflow.errors import SepflowError

CUT = "cut short: it ends before the length that it declares"
_LIES = "its header contradicts {}: damaged, or written by a broken program (convert it anew)"
UNKNOWN = 2**63 - 1  # frames: FLAC that was written to a pipe does not know its length

# A file that was cut short is read without a word.
_SIZES = re.compile(
    r"^\s*(?:data|Data Size|SSND|BODY|riff|Riff size)\s*: (?P<declared>\d+) \(should be (?P<there>\d+)\)"
    r"|frame count (?P<frames>\d+) does not match value from 'ds64' chunk of (?P<ds64>\d+)",
    re.MULTILINE,
)
_UNKNOWN_SIZE = 0x7FFFF000  # what programs that write to a pipe put for the size: at least this
_TRUNCATED = re.compile(
    r"^(?:\*\*\* File seems to be|Seems to be a) truncated|^Data length \d+ should be \d+", re.MULTILINE
)
_FRAMES = re.compile(r"^\s*(?:Valid frames|Frames)\s*: (\d+)$", re.MULTILINE)
_NO_CHUNK = re.compile(r"Unknown chunk marker .*?at position (\d+)")
_COUNTED = ("PCM_", "ALAC_", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # a header counts their frames, not packets
_FIRST_PAGE = b"OggS\0\2"


def check(file: soundfile.SoundFile, declared: int | None) -> None:
    """Raise SepflowError, with the reason alone, where the header of a file says what cannot be.

    `declared` are the samples a channel by a header that libsndfile does not believe.
    """
    log = file.extra_info
    for sizes in _SIZES.finditer(log):
        promised, there = sizes["declared"] or sizes["ds64"], sizes["there"] or sizes["frames"]
        if int(there) < int(promised) < _UNKNOWN_SIZE:
            raise SepflowError(CUT)
    if _TRUNCATED.search(log):
        raise SepflowError(CUT)
    counted = file.subtype.startswith(_COUNTED)
    lengths = [int(match[1]) for match in _FRAMES.finditer(log) if counted]
    lengths += [] if declared is None else [declared]
    if any(length > file.frames for length in lengths):
        raise SepflowError(CUT)
    if any(length < file.frames for length in lengths):
        raise SepflowError(_LIES.format(f"its {file.frames} samples a channel"))
    if counted and file.format in ("WAV", "WAVEX"):
        _check_wav(file, log)


def check_ogg(path: Path, log: str) -> None:
    """Raise SepflowError where an Ogg file that was read to its end has a part that was not."""
    if "Last page lacks an end-of-stream bit" in log:
        raise SepflowError(CUT)
    if "Junk after the last page" in log:
        raise SepflowError("cut short within its last page, or something else stands behind it")
    if "Corrupted bitstream" in log or "reports a hole" in log:
        raise SepflowError("does not decode (a page of it is damaged)")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(_FIRST_PAGE, len(_FIRST_PAGE)) >= 0:
            raise SepflowError("several Ogg streams in one file, of which only the first is read: split it")


def _check_wav(file: soundfile.SoundFile, log: str) -> None:
    align, data, riff = (_number(name, log) for name in ("Block Align", "data", "RIFF"))
    if 0 < data < _UNKNOWN_SIZE and not 0 <= data - align * file.frames < align:
        raise SepflowError(_LIES.format("itself (channels, bits and bytes of a sample do not agree)"))
    for match in _NO_CHUNK.finditer(log):
        if int(match[1]) < riff + 8 < _UNKNOWN_SIZE:
            raise SepflowError(_LIES.format("its data, which go on behind the end that it declares"))


def _number(name: str, log: str) -> int:
    match = re.search(rf"^\s*{name}\s*: (\d+)", log, re.MULTILINE)
    return int(match[1]) if match else 0
