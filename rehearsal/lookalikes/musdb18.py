"""MUSDB18-HQ: {train,test}/Artist - Title/{mixture,bass,drums,other,vocals}.wav, 44.1 kHz, stereo."""

from pathlib import Path

import numpy as np

from rehearsal.lookalikes import Asked
from rehearsal.sound import put, put_blips, voice
from sepflow.corpora.layouts import find
from sepflow.corpora.layouts.musdb18 import STEMS, VALIDATION

RATE = 44100
TRACKS = {"train": ("Somebody - Something", *VALIDATION[:2]), "test": ("Nobody - Nothing",)}
SHORTEST = 2 * RATE  # samples


def write(out: Path, asked: Asked) -> Path:
    """Write a track or more for each split: a mixture is the sum of its stems."""
    seed = 5000
    for subset, tracks in TRACKS.items():
        for k, track in enumerate(tracks):
            stems = {}
            for stem in STEMS[1:]:
                seed += 2
                channels = [voice(seed + side, SHORTEST + 1009 * k, 0.05) for side in range(2)]
                stems[stem] = np.stack(channels, 1)
            for stem, sound in {"mixture": sum(stems.values()), **stems}.items():
                put(out / subset / track / f"{stem}.wav", sound, RATE)
    return out


def fill(place: Path, asked: Asked) -> None:
    """Add tracks of blips until each subset has as many as were published."""
    for subset, published in find("musdb18").counts.items():
        missing = published // len(STEMS) - len(TRACKS[subset])
        tracks = [place / subset / f"Nobody - {subset} {k}" for k in range(missing)]
        put_blips([track / f"{stem}.wav" for track in tracks for stem in STEMS], channels=2)
