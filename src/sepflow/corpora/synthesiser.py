"""Sentences in, samples out, the same samples every time: eSpeak NG from the outside."""

import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import espeakng_loader
import numpy as np

from sepflow.corpora import espeak_process
from sepflow.corpora.espeak_process import RATE as RATE
from sepflow.errors import SepflowError

_WAY_OUT = "Install espeakng-loader as requirements.lock has it."

Request = tuple[str, int, int, str]  # voice (accent+variant), words per minute, pitch of 100, text


def check_variants(variants: set[str]) -> None:
    """Raise SepflowError where the installed eSpeak lacks one of the voice variants.

    eSpeak itself would say nothing, and speak with its plain voice.
    """
    there = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    missing = [name for name in sorted(variants) if not (there / name).is_file()]
    if missing:
        raise SepflowError(f"{there}: no voice {', '.join(missing[:10])}. {_WAY_OUT}")


def synthesise(requests: Sequence[Request], jobs: int) -> Iterator[np.ndarray]:
    """int16 samples at RATE, shape (n,), of each request in turn, by `jobs` processes.

    Each request is answered on its own: neither the others nor `jobs` change a sample of it. Memory
    stays bounded, since a process waits until its answer is taken. Raises SepflowError where eSpeak fails.
    """
    jobs = max(1, min(jobs, len(requests)))
    processes = [_start(requests[first::jobs]) for first in range(jobs)]
    try:
        for number, request in enumerate(requests):
            yield _read(processes[number % jobs], request)
    finally:
        for process in processes:
            process.kill()
            process.stdout.close()
            process.wait()


def _start(requests: Sequence[Request]) -> subprocess.Popen[bytes]:
    # A file, not a pipe: neither side ever waits for the other to read requests.
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(json.dumps(request).encode() + b"\n" for request in requests))
        file.seek(0)
        program = [sys.executable, "-IS", espeak_process.__file__, str(espeakng_loader.get_library_path())]
        data = espeakng_loader.get_data_path()
        return subprocess.Popen(program, stdin=file, stdout=subprocess.PIPE, cwd=data)


def _read(process: subprocess.Popen[bytes], request: Request) -> np.ndarray:
    header = process.stdout.read(4)
    if len(header) < 4:
        raise SepflowError(f"eSpeak ended before {request} (status {process.wait()}). {_WAY_OUT}")
    (size,) = struct.unpack("<i", header)
    data = process.stdout.read(size) if size > 0 else b""
    if size < 0 or len(data) < size:
        raise SepflowError(f"eSpeak could not say {request}. {_WAY_OUT}")
    return np.frombuffer(data, "<i2")
