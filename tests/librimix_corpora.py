"""Small corpora in the shape of LibriSpeech and WHAM!'s noise, and tables of mixtures of them."""

from pathlib import Path

import numpy as np
import pandas as pd

from rehearsal.lookalikes.librispeech import write_tree as librispeech
from rehearsal.lookalikes.wham_noise import write_tree as wham
from rehearsal.sound import put, voice
from sepflow.cli import main

# Utterances by speaker: of other lengths than their noise, one longer than all of it.
UTTERANCES = [(84, 21001), (84, 8003), (174, 15999), (174, 40000), (251, 12000), (251, 30001)]
NOISES = {"cv": [50000, 8100, 16000, 12345], "tr": [20000, 30000]}


def files(root: Path) -> dict[str, bytes]:
    """{path: content} of all below `root` but the journal."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".sepflow" not in path.parts
    }


def small(root: Path) -> Path:
    """A LibriSpeech and a WHAM! of a few short recordings."""
    librispeech(root / "LibriSpeech", {"dev-clean": UTTERANCES})
    wham(root / "wham_noise", NOISES)
    # One channel, as the official augmented files have it.
    put(root / "wham_noise/cv/mono.wav", voice(7, 9000, 0.05))
    return root


def table(here, speakers, rows=8):
    """A table of mixtures with gains of all kinds, some of which clip."""
    rng = np.random.default_rng(speakers)
    sources = sorted(x.relative_to(here / "LibriSpeech").as_posix() for x in here.rglob("*.flac"))
    noises = sorted(x.relative_to(here / "wham_noise").as_posix() for x in here.rglob("cv/*.wav"))
    lines = []
    for number in range(rows):
        row = {"mixture_ID": f"mixture{number}"}
        for k, source in enumerate(rng.choice(sources, speakers, replace=False), 1):
            row |= {f"source_{k}_path": source, f"source_{k}_gain": float(rng.uniform(0.2, 6))}
        noise = {"noise_path": noises[number % len(noises)], "noise_gain": float(rng.uniform(0.3, 4))}
        lines.append(row | noise)
    return pd.DataFrame(lines)


def put_table(frame, directory, speakers, split="dev-clean"):
    directory.mkdir(parents=True, exist_ok=True)
    frame.to_csv(directory / f"libri{speakers}mix_{split}.csv", index=False)
    # Not a table of mixtures.
    (directory / f"libri{speakers}mix_{split}_info.csv").write_text("mixture_ID,speaker_1_ID\nx,1\n")
    return directory


def render_command(here, metadata, out, speakers, *words, jobs=1):
    return [
        *("simulate", "librimix", "--librispeech", here / "LibriSpeech", "--wham", here / "wham_noise"),
        *("--metadata", metadata, "--out", out, "--speakers", speakers, "--jobs", jobs, *words),
    ]


def run(*words: object) -> int:
    """What the command `sepflow` returns."""
    return main([str(word) for word in words])
