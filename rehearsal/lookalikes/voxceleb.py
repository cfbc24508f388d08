"""VoxCeleb 1: vox1/{dev,test}/wav/id10001/1zcIwhmdeo4/00001.wav, with vox1_meta.csv and a list of trials."""

from itertools import combinations
from pathlib import Path

from rehearsal.lookalikes import Asked
from rehearsal.sound import RATE, put, voice
from sepflow.corpora.folder import SHARES, split_speakers

DEVELOPED = 8  # speakers, of which some are for validation: as many as the scale says
TESTED = ("id10270", "id10271", "id10272", "id10273")
UTTERANCES = 2  # of a speaker who is tried
SHORTEST = RATE  # samples
HEADER = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"


def write(out: Path, asked: Asked) -> Path:
    """Write both parts, who they are of, and as many trials as a mix asks for.

    Who trains speaks once, so that so many clips are of so many speakers, which a network has to know.
    """
    developed = [f"id{10001 + k}" for k in range(DEVELOPED)]
    shares = SHARES | asked.entry.get("splits", {}) | {"test": 0.0}
    counts = {x: 1 if y == "train" else UTTERANCES for x, y in split_speakers(developed, shares).items()}
    lines = []
    for part, speakers in (("dev", developed), ("test", TESTED)):
        for number, speaker in enumerate(speakers):
            lines.append(f"{speaker}\tSome_Name\t{'fm'[number // 2 % 2]}\tNorway\t{part}\n")
            for k in range(counts.get(speaker, UTTERANCES)):
                sound = voice(10 * int(speaker[2:]) + k, SHORTEST + 97 * k, 0.06)
                put(out / f"vox1/{part}/wav" / _utterance(speaker, k), sound)
    (out / "vox1_meta.csv").write_text(HEADER + "".join(lines))
    (out / "voxceleb1_test_v2.txt").write_text("".join(_trials()[: _asked(asked)]))
    return out


def _utterance(speaker: str, k: int) -> str:
    """Its path: each of a video of its own, whose name is eleven characters long."""
    return f"{speaker}/a-{speaker}_{k}/{k + 1:05d}.wav"


def _trials() -> list[str]:
    """Lines of the list: by turns both of one speaker, and of two, of one sex first."""
    same = [f"1 {_utterance(x, 0)} {_utterance(x, 1)}\n" for x in TESTED]
    others = [f"0 {_utterance(x, 0)} {_utterance(y, 1)}\n" for x, y in combinations(TESTED, 2)]
    return [line for both in zip(same, others, strict=False) for line in both]


def _asked(asked: Asked) -> int:
    """How many trials a mix takes of the list."""
    return max((mix["mixtures"] for mix in asked.mixes if mix.get("published")), default=0)
