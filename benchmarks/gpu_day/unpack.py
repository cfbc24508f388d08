"""The pack, laid out as a directory of results."""

import shutil
from pathlib import Path

import soundfile

FLAC, AUDIO = "audio.flac", "audio.i16"


def unpack(pack: Path, results: Path) -> None:
    """Lay corpora and mixes of `pack` out in `results`; what is there already stays."""
    for part in ("corpora", "mixes"):
        for source in (pack / part).iterdir():
            target = results / part / source.name
            if target.exists():
                continue
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(FLAC))
            if (source / FLAC).exists():
                codes, _ = soundfile.read(source / FLAC, dtype="int16")
                codes.astype("<i2").tofile(target / AUDIO)
