"""One's own voice out of one's own recordings: by a run that was trained to extract, and recordings of it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sepflow.applying.chunks import separate_chunks
from sepflow.applying.inference import Estimator
from sepflow.applying.outputs import write_loudest
from sepflow.applying.recordings import Options, finite, inspected, lengths, make, watched
from sepflow.applying.streams import Recording
from sepflow.errors import SepflowError, printable
from sepflow.files.contracts import refuse
from sepflow.mixes.recipes import rate_of

FRAME, SHORTEST = 0.025, 0.5  # s: of a level, and of the sound that a reference has to have
QUIETEST, SILENT = 30.0, -60.0  # dB: under the loudest frame, and under full scale


@dataclass(frozen=True)
class Extracted:
    """What became of a recording: the file written, how much like the voice it is, and the seconds it took.

    `similarity` is the cosine of speaker embeddings, of what came out to the references, and `before` that of
    the recording as it is; NaN of silence.
    """

    recording: Recording
    output: Path
    similarity: float
    before: float
    took: float

    def __str__(self) -> str:
        seconds = self.recording.seconds
        sure = f"similarity to the voice {self.similarity:.2f} (the recording itself {self.before:.2f})"
        took = f"{seconds / self.took:.1f} times real time"
        return printable(f"{self.recording.path}: {seconds:.1f} s, {self.output}, {sure}, {took}")


class _Voice:
    """What is applied to the chunks of a recording, and how like the voice they are, by their energies."""

    def __init__(self, task: Any, embedding: Tensor, path: Path):
        self.task, self.embedding, self.path = task, embedding, path
        self.heard: list[tuple[float, float]] = []
        self.before: list[tuple[float, float]] = []

    def __call__(self, chunk: np.ndarray) -> np.ndarray:
        """The voice [1, n] in a chunk [n]."""
        voice = finite(self.task.extracted(chunk, self.embedding), self.path)
        for signal, noted in ((voice, self.heard), (chunk, self.before)):
            energy = float(np.square(signal, dtype=np.float64).sum())
            noted.append((self.task.similarity(signal, self.embedding), energy))
        return voice[None]


def _mean(noted: list[tuple[float, float]]) -> float:
    """The mean of values with weights; NaN where none has any."""
    values, weights = zip(*noted, strict=True)
    return float(np.average(values, weights=weights)) if sum(weights) else float("nan")


def extract(
    model: Path, references: list[Path], files: list[Path], out: Path, options: Options
) -> Iterator[Extracted]:
    """Write the voice of `references` in each of `files` to `out`/<stem>_target.wav.

    Float32, as long as the recording, and not clipped. Of several references the embeddings are averaged.
    What is wrong with the options or any file is raised as SepflowError before anything is extracted, the
    files all at once; so is a reference that holds no sound.
    """
    estimator = Estimator(model, options.device)
    task, said = estimator.task, estimator.spec
    if said["task"] != "extraction" or said["objective"]["name"] != "target":
        raise SepflowError(
            f"{model}: no model that picks out a voice by a recording of it. Take that of a run of the task "
            "extraction whose objective is target (sepflow plan lists the runs)."
        )
    rate = rate_of(said["data"]["mix"])
    size, overlap = lengths(options, rate)
    names = {path: [out / f"{path.stem}_target.wav"] for path in files}
    recordings = inspected(files, names, options.channel)
    embedding = task.enrolled(_voices(references, options.channel, rate))
    make(out)
    for recording in recordings:
        began, voice = time.perf_counter(), _Voice(task, embedding, recording.path)
        target, (name,) = options.rate or recording.rate, names[recording.path]
        estimates = separate_chunks(recording.blocks(rate), voice, size, overlap)
        shown = watched(estimates, recording, rate)
        write_loudest(shown, [name], source=rate, target=target, samples=recording.samples_at(target))
        took = time.perf_counter() - began
        yield Extracted(recording, name, _mean(voice.heard), _mean(voice.before), took)


def _voices(references: list[Path], channel: int | str | None, rate: int) -> list[np.ndarray]:
    """The references at `rate` Hz, [E] each; SepflowError for those in which there is no voice."""
    read = inspected(references, {}, channel)
    voices = [np.concatenate(list(one.blocks(rate))) for one in read]
    sounds = [_sound(voice, rate) for voice in voices]
    problems = [
        f"{one.path}: {sound:.1f} s of sound, and {SHORTEST} s are needed: silent, or too short"
        for one, sound in zip(read, sounds, strict=True)
        if sound < SHORTEST
    ]
    refuse("--reference", problems, "Record some seconds of the voice alone.")
    return voices


def _sound(signal: np.ndarray, rate: int) -> float:
    """The seconds of a signal that are neither silent nor far below its loudest."""
    size = round(FRAME * rate)
    frames = signal[: len(signal) // size * size].reshape(-1, size).astype(np.float64)
    if not len(frames):
        return 0.0
    levels = 10 * np.log10(np.square(frames).mean(1) + 1e-12)
    return FRAME * int((levels > max(levels.max() - QUIETEST, SILENT)).sum())
