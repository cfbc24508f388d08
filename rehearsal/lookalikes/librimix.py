"""LibriMix's metadata: libri2mix_train-clean-100.csv, libri2mix_dev-clean.csv, ...

Those of one speaker are not published: they are written by `sepflow simulate librimix-metadata`, as for the
real corpora, with the noise at other speeds that it names.
"""

import csv
from pathlib import Path

from rehearsal.lookalikes import Asked
from sepflow import cli
from sepflow.errors import SepflowError
from sepflow.seeding import generator
from sepflow.simulation.librimix.tables import WHAM_SPLITS

JOBS = 2


def write(out: Path, asked: Asked) -> Path:
    """Write the tables that the mixes name, as long as these ask (of one speaker: as they are drawn)."""
    speech, noise = (asked.places[asked.entry[part]] for part in ("speech", "noise"))
    metadata = out / "metadata"
    metadata.mkdir(parents=True)
    _sepflow("librimix-noise", "--wham", noise, "--out", noise)
    if drawn := sorted({mix["subset"] for mix in asked.mixes if mix["speakers"] == 1}):
        words = ["--librispeech", speech, "--wham", noise, "--out", metadata, "--speakers", 1]
        _sepflow("librimix-metadata", *words, "--noise-again", "--splits", *drawn)
    for (speakers, subset), mixtures in asked.most("speakers", "subset").items():
        if speakers > 1:
            rows = [_row(speakers, subset, row, speech, noise) for row in range(mixtures)]
            _write_table(metadata / f"libri{speakers}mix_{subset}.csv", rows)
    return metadata


def _sepflow(simulator: str, *words: object) -> None:
    command = ["simulate", simulator, *map(str, words), "--jobs", str(JOBS)]
    if cli.main(command):
        raise SepflowError(f"the look-alike of LibriMix: sepflow {' '.join(command)} failed, see above")


def _row(speakers: int, subset: str, row: int, speech: Path, noise: Path) -> dict[str, str | float]:
    """A mixture of different speakers: their gains, and a noise with its own."""
    rng = generator("look-alike", speakers, subset, row)
    noises = _below(noise, WHAM_SPLITS[subset.partition("-")[0]], ".wav")
    by_speaker: dict[str, list[str]] = {}
    for name in _below(speech, subset, ".flac"):
        by_speaker.setdefault(name.split("/")[1], []).append(name)
    chosen = rng.choice(sorted(by_speaker), speakers, replace=False)
    sources = [str(rng.choice(by_speaker[speaker])) for speaker in chosen]
    cells: dict[str, str | float] = {"mixture_ID": "_".join(Path(source).stem for source in sources)}
    for k, source in enumerate(sources, 1):
        cells |= {f"source_{k}_path": source, f"source_{k}_gain": rng.uniform(0.5, 2.0)}
    return cells | {"noise_path": str(rng.choice(noises)), "noise_gain": rng.uniform(0.2, 1.0)}


def _below(root: Path, directory: str, suffix: str) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in (root / directory).rglob(f"*{suffix}"))


def _write_table(path: Path, rows: list[dict[str, str | float]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
