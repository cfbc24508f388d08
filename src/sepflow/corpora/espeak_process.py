"""eSpeak NG in a process of its own: requests on standard input, samples on standard output.

Run as a program by `synthesiser`, with the path of the library as its argument and eSpeak's data as its
working directory: the data's path, which eSpeak cuts at 160 bytes, is then ".". A request is one line
of JSON [voice, words per minute, pitch, text]; an answer the number of bytes, "<i", and the 16-bit samples;
-1 where eSpeak failed.

The samples of eSpeak depend on what the process has said before and on the time when it started. So
each request is answered by a child of its own, forked from this process, which never says anything.
Only the standard library is imported here: forking a process that has loaded scipy takes ten times as long.
"""

import ctypes
import json
import os
import struct
import sys
import zlib
from typing import Any

RATE = 22050  # Hz, of every voice
_SYNCHRONOUS, _DO_NOT_EXIT, _UTF8 = 2, 0x8000, 1
_WORDS_PER_MINUTE, _VOLUME, _PITCH = 1, 2, 3  # espeak_PARAMETER
_QUIET = 30  # of 100: at the default volume a tenth of the voices clip

_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def start(path: str) -> ctypes.CDLL:
    """The library at `path`, initialised on the data in the working directory, nothing said."""
    library = ctypes.CDLL(path)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DO_NOT_EXIT)
    # Finding the first voice reads hundreds of files: once here, not once in every child.
    if rate != RATE or library.espeak_SetVoiceByName(b"en"):
        sys.exit(f"{path}: eSpeak did not start on its data")
    return library


def say(library: ctypes.CDLL, voice: str, words_per_minute: int, pitch: int, text: str) -> bytes:
    """16-bit samples at RATE, empty where eSpeak failed."""
    chunks = []

    @_CALLBACK
    def collect(samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    library.espeak_SetSynthCallback(collect)
    seed = zlib.crc32(f"{voice} {words_per_minute} {pitch} {text}".encode()) >> 1
    # The noise of breathy voices: eSpeak's own generator, seeded from the clock if we let it, and the
    # C library's.
    library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
    ctypes.CDLL(None).srand(ctypes.c_uint(seed))
    encoded = text.encode() + b"\0"
    failed = (
        library.espeak_SetVoiceByName(voice.encode())
        or library.espeak_SetParameter(_WORDS_PER_MINUTE, words_per_minute, 0)
        or library.espeak_SetParameter(_VOLUME, _QUIET, 0)
        or library.espeak_SetParameter(_PITCH, pitch, 0)
        or library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded)), 0, 0, 0, _UTF8, None, None)
    )
    return b"" if failed else b"".join(chunks)


def answer(library: ctypes.CDLL, request: bytes) -> None:
    """Write the answer to one request, from a child."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            samples = say(library, *json.loads(request))
            if samples:
                sys.stdout.buffer.write(struct.pack("<i", len(samples)) + samples)
                sys.stdout.buffer.flush()
                status = 0
        finally:
            os._exit(status)
    if os.waitpid(child, 0)[1]:
        sys.stdout.buffer.write(struct.pack("<i", -1))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    espeak = start(sys.argv[1])
    for line in sys.stdin.buffer:
        answer(espeak, line)
