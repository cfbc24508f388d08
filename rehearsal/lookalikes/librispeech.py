"""LibriSpeech: LibriSpeech/{SPEAKERS.TXT, dev-clean/84/121123/{84-121123-0000.flac, 84-121123.trans.txt}}."""

from pathlib import Path

from rehearsal.lookalikes import Asked
from rehearsal.sound import RATE, put, put_blips, voice
from sepflow.corpora.layouts import find

SPEAKERS = 10  # of a subset
UTTERANCES = 13  # of a speaker; together over a hundred: LibriMix's tables are cut to whole hundreds
SHORTEST = 3 * RATE  # samples: LibriMix takes nothing shorter
CHAPTER = 100  # utterances
HEADER = """;Some comment lines
;ID  |SEX| SUBSET           |MINUTES| NAME
"""


def write(out: Path, asked: Asked) -> Path:
    """Write the subsets that the scale names, a few speakers each."""
    subsets = {}
    for number, subset in enumerate(_subsets(asked)):
        speakers = [100 * (number + 1) + k % SPEAKERS for k in range(SPEAKERS * UTTERANCES)]
        subsets[subset] = [(speaker, SHORTEST + 37 * k) for k, speaker in enumerate(speakers)]
    return write_tree(out / "LibriSpeech", subsets)


def fill(place: Path, asked: Asked) -> None:
    """Add chapters of blips until each subset has as many utterances as were published."""
    counts = find("librispeech").counts
    for subset in _subsets(asked):
        speaker = min(path.name for path in (place / subset).iterdir())
        missing = counts[subset] - sum(1 for _ in (place / subset).rglob("*.flac"))
        paths = []
        for start in range(0, missing, CHAPTER):
            chapter = place / subset / speaker / f"{9000 + start // CHAPTER}"
            chapter.mkdir()
            names = [f"{speaker}-{chapter.name}-{k:04d}" for k in range(min(CHAPTER, missing - start))]
            _transcribe(chapter, names)
            paths += [chapter / f"{name}.flac" for name in names]
        put_blips(paths)


def write_tree(root: Path, subsets: dict[str, list[tuple[int, int]]]) -> Path:
    """A LibriSpeech of {subset: (speaker, samples) of each utterance}."""
    lines, chapters, count = [], {}, {}
    for number, (subset, utterances) in enumerate(subsets.items()):
        for index, (speaker, samples) in enumerate(utterances):
            count[speaker] = count.get(speaker, -1) + 1
            stem, chapter = (
                f"{speaker}-{number}1-{count[speaker]:04d}",
                root / subset / f"{speaker}/{number}1",
            )
            put(chapter / f"{stem}.flac", voice(index, samples, 0.05))
            chapters.setdefault(chapter, []).append(stem)
        for speaker in sorted({speaker for speaker, _ in utterances}):
            lines.append(f"{speaker:<5}| {'FM'[speaker % 2]} | {subset:<17}| 8.02  | A. | B. Name\n")
    for chapter, names in chapters.items():
        _transcribe(chapter, names)
    (root / "SPEAKERS.TXT").write_text(HEADER + "".join(lines))
    return root


def _subsets(asked: Asked) -> list[str]:
    return asked.entry.get("subsets") or list(find("librispeech").counts)


def _transcribe(chapter: Path, names: list[str]) -> None:
    lines = [f"{name} SOME WORDS THAT NOBODY SPOKE\n" for name in names]
    (chapter / f"{chapter.parent.name}-{chapter.name}.trans.txt").write_text("".join(lines))
