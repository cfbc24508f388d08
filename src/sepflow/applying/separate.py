"""A trained model on anybody's recordings: of any length, rate and format, to one file an estimate."""

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from sepflow.applying.chunks import separate_chunks
from sepflow.applying.inference import Estimator
from sepflow.applying.outputs import write_loudest
from sepflow.applying.streams import Recording, inspect
from sepflow.errors import SepflowError, printable
from sepflow.files import is_directory, is_file
from sepflow.files.audio import check_rate
from sepflow.files.contracts import refuse
from sepflow.mixes.recipes import rate_of
from sepflow.models.artefact import read_spec
from sepflow.planning.plan import Plan
from sepflow.results import MODEL, Results
from sepflow.tasks import declared

SOURCES = 2


@dataclass(frozen=True)
class Options:
    """How to separate. Lengths of a chunk and of what two of them share in seconds, `rate` in Hz.

    `selection` "energy" keeps the `sources` loudest estimates, "none" all. By default a model trained with
    MixIT has its 2 loudest kept; another has as many estimates as sources. `rate` is by default the input's.
    """

    device: str = "auto"
    selection: str | None = None
    sources: int | None = None
    channel: int | str | None = None
    chunk: float = 10.0
    overlap: float = 2.0
    rate: int | None = None


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


def find_model(name: str, plan: Callable[[], Plan], root: Path) -> Path:
    """The model that `name` means: a file, a directory with one, or a run of the plan of the checkout `root`.

    Raises SepflowError where there is none, and how to train it if it is a run's; where it is another run's.
    """
    path = Path(name)
    if is_file(path):
        return path
    if is_directory(path):
        if not is_file(path / MODEL):
            raise SepflowError(
                f"{path}: no {MODEL} in it. If it is a run, train it first: snakemake {path / MODEL}"
            )
        return path / MODEL
    if path.suffix == ".safetensors" or len(path.parts) > 1:
        raise SepflowError(f"{path}: no such file. RUN is a {MODEL}, a directory with one, or a run's name.")
    known = plan()
    run = known.find(name).name
    place = Results().run(run).model
    if not (root / place).is_file():
        raise SepflowError(
            f"{name}: not trained yet at scale {known.scale} ({root / place} is missing). "
            f"Train it first: snakemake {place} --config scale={known.scale}"
        )
    read_spec(root / place, run)
    return root / place


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
    size, overlap = _lengths(options, rate)
    recordings = _inspect(files, names, options.channel)
    _make(out)
    for recording in recordings:
        began = time.perf_counter()
        estimates = separate_chunks(recording.blocks(rate), _finite(estimator, recording.path), size, overlap)
        target = options.rate or recording.rate
        write_loudest(
            _watched(estimates, recording, rate),
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


def _lengths(options: Options, rate: int) -> tuple[int, int]:
    """A chunk and what two of them share, in samples at `rate` Hz."""
    if options.rate is not None:
        try:
            check_rate(options.rate)
        except SepflowError as reason:
            raise SepflowError(f"--rate: {reason}.") from None
    if math.isfinite(options.chunk) and math.isfinite(options.overlap):
        size, overlap = round(options.chunk * rate), round(options.overlap * rate)
        if 0 < overlap < size:
            return size, overlap
    raise SepflowError(
        f"--chunk {options.chunk:g} --overlap {options.overlap:g}: the overlap must be over 0 and under the "
        "chunk. Where two chunks overlap is where they are brought into one order."
    )


def _inspect(files: list[Path], names: dict[Path, list[Path]], channel: int | str | None) -> list[Recording]:
    """The recordings in `files`, whose outputs are to have these `names`; or all that is wrong, at once."""
    recordings, problems, stems = [], [], {}
    written = {os.path.realpath(name) for outputs in names.values() for name in outputs}
    for path in files:
        first = stems.setdefault(path.stem, path)
        if first is not path:
            problems.append(f"{path}: its outputs would have the names of those of {first}")
        if os.path.realpath(path) in written:
            problems.append(f"{path}: an output would be written over it")
        try:
            recordings.append(inspect(path, channel))
        except SepflowError as reason:
            problems.append(f"{path}: {reason}")
    way_out = "Nothing was separated. Mend, rename or leave out these files, then start again."
    refuse("cannot separate", problems, way_out)
    return recordings


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SepflowError(f"--out {out}: {error.strerror}. Give a directory that can be written.") from error


def _finite(estimator: Estimator, path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The model on a chunk [n] -> [M, n]; SepflowError where that is no audio."""

    def estimate(chunk: np.ndarray) -> np.ndarray:
        estimates = estimator(chunk).numpy()
        if not np.isfinite(estimates).all():
            raise SepflowError(
                f"{path}: the model gives NaN or infinite samples. Is the recording very loud?"
            )
        return estimates

    return estimate


def _watched(estimates: Iterable[np.ndarray], recording: Recording, rate: int) -> Iterator[np.ndarray]:
    """The blocks [M, n] as they pass, under a bar of the seconds done where someone looks at a terminal."""
    name = printable(recording.path.name)
    form = "{desc} |{bar}| {n:.0f}/{total:.0f} s of audio [{elapsed}<{remaining}]"
    with tqdm(total=recording.seconds, desc=name, bar_format=form, leave=False, disable=None) as bar:
        for block in estimates:
            yield block
            bar.update(min(block.shape[1] / rate, bar.total - bar.n))
