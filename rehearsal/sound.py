"""What look-alikes of corpora sound like: noise with the spectrum and the swell of speech, and blips."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 16000
BLIP = 0.05  # seconds: no corpus packs what is so short
LINKS = 1000  # names of one file, fewer than any file system bears


def voice(seed: int, samples: int, level: float = 0.1) -> np.ndarray:
    """Noise with the spectrum and the swell of speech, float64 [samples]."""
    rng = np.random.default_rng(seed)
    size = 1 << samples.bit_length()
    spectrum = np.fft.rfft(rng.standard_normal(size))
    wave = np.fft.irfft(spectrum / (1 + np.arange(len(spectrum)) * RATE / size / 500))[:samples]
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * np.arange(samples) / RATE + seed)
    return level * wave * swell / np.sqrt(np.mean(wave**2))


def put(path: Path, samples: np.ndarray, rate: int = RATE, **options: str) -> str:
    """Write `samples` ([T] or [T, channels]) to `path`; return the file's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path.name


def put_blips(paths: Sequence[Path], channels: int = 1) -> None:
    """A recording too short to be packed at each of `paths`: a corpus is whole by their number.

    They are links, so that a hundred thousand of them take seconds and no room.
    """
    for start in range(0, len(paths), LINKS):
        first, *others = paths[start : start + LINKS]
        samples = [voice(start + channel, round(BLIP * RATE)) for channel in range(channels)]
        put(first, np.stack(samples, 1).squeeze())
        for directory in {path.parent for path in others}:
            directory.mkdir(parents=True, exist_ok=True)
        for path in others:
            path.hardlink_to(first)
