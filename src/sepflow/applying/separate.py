"""A trained model on anybody's recordings: of any length, rate and format, to one file an estimate."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sepflow.applying.chunks import separate_chunks
from sepflow.applying.inference import Estimator
from sepflow.applying.outputs import write_loudest
from sepflow.applying.recordings import Options, finite, inspected, lengths, make, watched
from sepflow.applying.streams import Recording
from sepflow.errors import SepflowError, printable
from sepflow.mixes.recipes import rate_of
from sepflow.tasks import declared

SOURCES = 2


@dataclass(frozen=True)
class Separated:
    """What became of a recording: the files written, and how long that took in seconds."""

    recording: Recording
    outputs: list[Path]
    took: float

    def __str__(self) -> str:
        seconds, names = self.recording.seconds, " ".join(map(str, self.outputs))
        took = f"{seconds / self.took:.1f} times real time"
        return printable(f"{self.recording.path}: {seconds:.1f} s, {names}, {took}")


def separate(model: Path, files: list[Path], out: Path, options: Options) -> Iterator[Separated]:
    """Separate `files` one after the other; of each, write the estimates to `out`/<stem>_1.wav, _2.wav, ...

    They are float32, as long as the recording, and not clipped. Whatever is wrong with the options or with
    any of the files is raised as SepflowError before anything is separated, the files all at once.
    """
    estimator = Estimator(model, options.device)
    if not estimator.task.declared.separates:
        raise SepflowError(
            f"{model}: a model of the task {estimator.spec['task']}, which is for others to begin with and "
            "separates nothing. Take that of a run which was trained to separate (sepflow plan lists them)."
        )
    count = _count(estimator.spec, options)
    names = {path: [out / f"{path.stem}_{k + 1}.wav" for k in range(count)] for path in files}
    rate = rate_of(estimator.spec["data"]["mix"])
    size, overlap = lengths(options, rate)
    recordings = inspected(files, names, options.channel)
    make(out)
    for recording in recordings:
        began = time.perf_counter()
        estimates = separate_chunks(recording.blocks(rate), _on(estimator, recording.path), size, overlap)
        target = options.rate or recording.rate
        write_loudest(
            watched(estimates, recording, rate),
            names[recording.path],
            source=rate,
            target=target,
            samples=recording.samples_at(target),
        )
        yield Separated(recording, names[recording.path], time.perf_counter() - began)


def _count(spec: dict[str, Any], options: Options) -> int:
    """How many of a model's estimates to keep."""
    estimates, of_mixtures = spec["model"]["sources"], declared(spec["task"]).of_mixtures(spec)
    selection = options.selection or ("energy" if of_mixtures or options.sources else "none")
    if selection == "none":
        if options.sources:
            raise SepflowError("--selection none keeps all estimates: leave --sources out, or say energy.")
        return estimates
    sources = options.sources or SOURCES
    if sources > estimates:
        raise SepflowError(
            f"--sources {sources}: the model has {estimates} estimates. Ask for as many or fewer."
        )
    return sources


def _on(estimator: Estimator, path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The model on a chunk [n] -> [M, n]; SepflowError where that is no audio."""
    return lambda chunk: finite(estimator(chunk).numpy(), path)
