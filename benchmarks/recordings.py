"""`sepflow separate` on minutes of real people, mixed: SI-SNRi of whole recordings, and spectrograms.

    PYTHONPATH=src python benchmarks/recordings.py FOLDER results/corpora/CORPUS results/runs/RUN --out DIR

FOLDER is the corpus as it was given, CORPUS as it was packed. Of the speakers of its test split with 15
utterances or more, all utterances are joined at their own rate, up to a minute, at equal level; three pairs
of different sex, three of the same and three of a woman and a man (half of speechocean762's speakers are
children) are added up and separated by the command. Scores are taken at 8 kHz, over the whole recording and
over pieces of 4 s, each in its own best order: where the two differ, the voices changed places on the way.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr

from sepflow.metrics.separation.scores import score
from sepflow.reporting.figures.spectrograms import Example, spectrograms

_RATE, _PIECE, _MINUTE = 8000, 32000, 60


def pairs(speakers: pd.DataFrame) -> list[tuple[str, str]]:
    """Three pairs of different sex, three of the same, three adult ones of different sex; by name."""
    women, men = ([*speakers.index[speakers["sex"] == sex]] for sex in "fm")
    pairs = [*zip(women[:3], men[:3], strict=True), tuple(women[3:5]), tuple(men[3:5]), tuple(women[5:7])]
    adult = speakers[pd.to_numeric(speakers["age"]) >= 18]
    return pairs + [*zip(*(adult.index[adult["sex"] == sex][:3] for sex in "fm"), strict=False)]


def voice(folder: Path, files: pd.Series) -> tuple[np.ndarray, int]:
    """All utterances of a speaker, joined, up to a minute: [T], and its rate."""
    signals, rates = zip(*(soundfile.read(folder / file) for file in files), strict=True)
    (rate,) = set(rates)
    joined = np.concatenate(signals)[: _MINUTE * rate]
    return 0.05 * joined / np.sqrt(np.mean(joined**2)), rate


def read(file: Path) -> np.ndarray:
    """A recording at the rate of the scores."""
    samples, rate = soundfile.read(file)
    return soxr.resample(samples, rate, _RATE).astype(np.float32)


def report(out: Path, name: str, speakers: list[str]) -> float:
    """Score and draw one recording; return the mean SI-SNRi over all of it."""
    mixture = read(out / f"{name}.wav")
    references = np.stack([read(out / f"{name}_reference{k}.wav") for k in (1, 2)])
    estimates = np.stack([read(out / "separated" / f"{name}_{k}.wav") for k in (1, 2)])
    whole = score(references, estimates, mixture)["si_snri"]
    starts = range(0, len(mixture) - _PIECE + 1, _PIECE)
    cuts = [[part[..., at : at + _PIECE] for part in (references, estimates, mixture)] for at in starts]
    pieces = np.mean([np.mean(score(*cut)["si_snri"]) for cut in cuts])
    length = len(mixture) / _RATE
    print(
        f"{name}: {' + '.join(speakers)}, {length:.0f} s: {whole[0]:+.2f} and {whole[1]:+.2f} dB; "
        f"in pieces of 4 s {pieces:+.2f}"
    )
    shown = Example(name, speakers, mixture[: 2 * _PIECE], references[:, : 2 * _PIECE], _RATE)
    lines = ["The first 8 s of a recording of a minute; scores are of these 8 s"]
    spectrograms(shown, [("sepflow separate", estimates[:, : 2 * _PIECE])], lines, out / name)
    return float(np.mean(whole))


def mix(folder: Path, corpus: Path, out: Path) -> dict[str, list[str]]:
    """Write the recordings with their references; return the speakers of each."""
    manifest = pd.read_csv(corpus / "manifest.csv", dtype=str, keep_default_na=False)
    by_speaker = manifest[manifest["split"] == "test"].groupby("speaker")
    speakers = by_speaker.agg(sex=("sex", "first"), age=("age", "first"), count=("id", "size")).query(
        "count >= 15"
    )
    said = {}
    for number, pair in enumerate(pairs(speakers), start=1):
        voices = [voice(folder, by_speaker.get_group(speaker)["path"]) for speaker in pair]
        length, rate = min(len(samples) for samples, _ in voices), voices[0][1]
        first, second = (samples[:length] for samples, _ in voices)
        name = f"recording{number}"
        for end, samples in ("", first + second), ("_reference1", first), ("_reference2", second):
            soundfile.write(out / f"{name}{end}.wav", samples, rate, "FLOAT")
        said[name] = [
            f"{speaker} ({speakers['sex'][speaker]} {speakers['age'][speaker]})" for speaker in pair
        ]
    return said


def main() -> None:
    """Mix, separate, score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("folder", "corpus", "model"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--chunk", default="10", help="seconds; 61 for a recording at once")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    recordings = mix(options.folder, options.corpus, options.out)
    files = [str(options.out / f"{name}.wav") for name in recordings]
    settings = ["--out", str(options.out / "separated"), "--device", "cpu", "--chunk", options.chunk]
    command = [sys.executable, "-m", "sepflow", "separate", str(options.model), *files, *settings]
    subprocess.run(command, check=True)
    means = [report(options.out, name, speakers) for name, speakers in recordings.items()]
    print(f"mean over recordings: {np.mean(means):+.2f} dB")


if __name__ == "__main__":
    main()
