"""AISHELL-2: AISHELL-2/iOS/{data,dev,test}/{wav/C0001/IC0001W0001.wav, wav.scp, trans.txt}."""

from pathlib import Path

from rehearsal.lookalikes import Asked
from rehearsal.sound import RATE, put, voice

PARTS = {"data": "C", "dev": "D", "test": "T"}  # how its speakers' names begin
SPEAKERS = 3  # of a part
UTTERANCES = 3  # of a speaker
SHORTEST = RATE  # samples


def write(out: Path, asked: Asked) -> Path:
    """Write what was recorded on iOS, with its transcripts."""
    for number, (part, letter) in enumerate(PARTS.items()):
        place = out / "AISHELL-2/iOS" / part
        files, texts = [], []
        for k in range(SPEAKERS * UTTERANCES):
            speaker = f"{letter}{k % SPEAKERS + 1:04d}"
            name = f"I{speaker}W{k // SPEAKERS + 1:04d}"
            path = f"wav/{speaker}/{name}.wav"
            put(place / path, voice(3000 + 100 * number + k, SHORTEST + 211 * k, 0.05))
            files.append(f"{name}\t{path}\n")
            texts.append(f"{name}\t没有人说过的话\n")
        (place / "wav.scp").write_text("".join(files))
        (place / "trans.txt").write_text("".join(texts), encoding="utf-8")
    return out
