"""Small corpora in the shape of LibriSpeech and WHAM!'s noise, and tables of mixtures of them."""

from pathlib import Path

import numpy as np
import soundfile

RATE = 16000
HEADER = """;Some comment lines
;ID  |SEX| SUBSET           |MINUTES| NAME
"""


def voice(seed: int, samples: int, level: float = 0.1) -> np.ndarray:
    """Noise with the spectrum and the swell of speech, float64 [samples]."""
    rng = np.random.default_rng(seed)
    size = 1 << samples.bit_length()
    spectrum = np.fft.rfft(rng.standard_normal(size))
    wave = np.fft.irfft(spectrum / (1 + np.arange(len(spectrum)) * RATE / size / 500))[:samples]
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * np.arange(samples) / RATE + seed)
    return level * wave * swell / np.sqrt(np.mean(wave**2))


def put(path: Path, samples: np.ndarray, rate: int = RATE, **options) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path.name


def librispeech(root: Path, subsets: dict[str, list[tuple[int, int]]]) -> Path:
    """A LibriSpeech of {subset: (speaker, samples) of each utterance}."""
    lines, count = [], {}
    for number, (subset, utterances) in enumerate(subsets.items()):
        for index, (speaker, samples) in enumerate(utterances):
            count[speaker] = count.get(speaker, -1) + 1
            stem = f"{speaker}-{number}1-{count[speaker]:04d}"
            put(root / subset / str(speaker) / f"{number}1" / f"{stem}.flac", voice(index, samples, 0.05))
        for speaker in sorted({speaker for speaker, _ in utterances}):
            lines.append(f"{speaker:<5}| {'FM'[speaker % 2]} | {subset:<17}| 8.02  | A. | B. Name\n")
    (root / "SPEAKERS.TXT").write_text(HEADER + "".join(lines))
    return root


def wham(root: Path, splits: dict[str, list[int]]) -> Path:
    """A WHAM! noise of {tr, cv, tt: samples of each}, in two channels."""
    for split, lengths in splits.items():
        for index, samples in enumerate(lengths):
            channels = [voice(1000 + 2 * index + channel, samples, 0.03) for channel in range(2)]
            put(root / split / f"{index:03d}a_0.{index}_b_-0.{index}.wav", np.stack(channels, 1))
    return root


def files(root: Path) -> dict[str, bytes]:
    """{path: content} of all below `root` but the journal."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".sepflow" not in path.parts
    }
