"""LibriMix as the official tree of files: Libri2Mix/wav8k/min/train-100/{s1,s2,noise,mix_clean,...}."""

import functools
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sepflow.errors import SepflowError
from sepflow.identity import digest
from sepflow.simulation import inputs, journal
from sepflow.simulation.librimix.inputs import Row, check_present, check_speakers, read_rows
from sepflow.simulation.librimix.layout import Layout
from sepflow.simulation.librimix.mixtures import extend_noise, fit, mixtures, snr, transform
from sepflow.simulation.librimix.noise import read_from, read_noise
from sepflow.simulation.lists import check_sounding
from sepflow.simulation.rendering import Tree


@dataclass(frozen=True)
class Recordings:
    """Where LibriSpeech and WHAM! lie. Without WHAM! there is no noise, and no mixture but mix_clean."""

    librispeech: Path
    wham: Path | None

    def digests(self, row: Row, noise: bool) -> dict[str, str]:
        """{name: digest of the content} of the files that `read` reads. Raises SepflowError."""
        speech = journal.contents_of_speakers({path: self.librispeech / path for path in row.sources})
        noises = {f"noise {row.noise}": read_from(self.wham, row.noise)} if noise else {}
        return speech | journal.contents(noises)

    def read(self, row: Row, noise: bool) -> list[np.ndarray]:
        """The sources of a row, 16 kHz, [T_k], and its noise, if asked for, as long as the longest of them.

        Raises SepflowError, with the path, for what does not decode or is too short.
        """
        signals = [self._source(path) for path in row.sources]
        if noise:
            length = max(map(len, signals))
            recording = read_noise(self.wham, row.noise, length)
            try:
                signals.append(extend_noise(recording, length))
            except SepflowError as reason:
                raise SepflowError(f"{self.wham / row.noise}: {reason}, in {row.mixture}") from None
        return signals

    def _source(self, path: str) -> np.ndarray:
        samples = inputs.read(self.librispeech / path)
        if samples.ndim > 1:
            raise SepflowError(f"{self.librispeech / path}: {samples.shape[1]} channels, not one")
        check_sounding(self.librispeech / path, samples)
        return samples


def checked_rows(table: Path, layout: Layout, recordings: Recordings) -> list[Row]:
    """The rows of a table of mixtures, all of whose recordings are there.

    Raises SepflowError where the table or what it names is not as it should be.
    """
    rows = read_rows(table, layout.speakers)
    sources = [(row.line, source) for row in rows for source in row.sources]
    check_speakers(table, sources, recordings.librispeech)
    noises = (row.noise for row in rows)
    wham = recordings.wham if layout.noise else None
    check_present(recordings.librispeech, wham, (source for _, source in sources), noises)
    return rows


def render(rows: list[Row], layout: Layout, recordings: Recordings, root: Path, jobs: int) -> None:
    """Write the tree of the `rows` of a table below `root`; begun before, go on.

    Raises SepflowError for what does not decode, has another rate, or is too short.
    """
    tree = Tree(
        root=root,
        name=f"Libri{layout.speakers}Mix-{layout.split}",
        source={"table": digest({"rows": [row[1:] for row in rows]})},
        variant={key: value for key, value in asdict(layout).items() if key in ("rates", "modes", "types")},
    )
    do = functools.partial(_render_row, layout=layout, recordings=recordings)
    results = tree.render(rows, do, functools.partial(recordings.digests, noise=layout.noise), jobs)
    tables = 0
    for number, (_, _, directory) in enumerate(layout.variants()):
        of_variant = [result[number] for result in results]
        for kind in layout.types:
            _write_metadata(tree, layout, directory, kind, rows, of_variant)
            tables += 2
    tree.finish(len(rows) * layout.files() + tables)


def _render_row(tree: Tree, row: Row, layout: Layout, recordings: Recordings) -> list[dict[str, Any]]:
    """Write a row's files; return its length, and levels by type, in each variant."""
    signals = recordings.read(row, layout.noise)
    gains = (*row.gains, row.noise_gain)[: len(signals)]
    results = []
    resampled: dict[int, list[np.ndarray]] = {}
    for rate, mode, directory in layout.variants():
        if rate not in resampled:
            resampled[rate] = [transform(x, g, rate) for x, g in zip(signals, gains, strict=True)]
        fitted = fit(resampled[rate], mode)
        speech, noise = fitted[: layout.speakers], fitted[-1] if layout.noise else None
        mixed = mixtures(speech, noise, layout.types)
        named = dict(zip(layout.signals(), fitted, strict=True))
        for name, samples in (named | {kind: mixture.samples for kind, mixture in mixed.items()}).items():
            tree.write_pcm16(directory / layout.split / name / f"{row.mixture}.wav", samples, rate)
        levels = {
            kind: [float(snr(part, mixture.samples)) for part in mixture.parts]
            for kind, mixture in mixed.items()
        }
        results.append({"length": len(fitted[0]), "snr": levels})
    return results


def _write_metadata(
    tree: Tree, layout: Layout, directory: Path, kind: str, rows: list[Row], results: list[dict[str, Any]]
) -> None:
    parts = layout.parts(kind)
    ids = [row.mixture for row in rows]
    metrics = pd.DataFrame({"mixture_ID": ids})
    for number, (_, name) in enumerate(parts):
        metrics[f"{name}_SNR"] = _narrowest([result["snr"][kind][number] for result in results])
    split = Path(os.path.abspath(tree.root / directory / layout.split))  # noqa: PTH100  (links stay links)
    columns = {"mixture_ID": ids, "mixture_path": [str(split / kind / f"{name}.wav") for name in ids]}
    for place, name in parts:
        columns[f"{name}_path"] = [str(split / place / f"{mixture}.wav") for mixture in ids]
    columns["length"] = [result["length"] for result in results]
    for name, table in (("metrics", metrics), ("mixture", pd.DataFrame(columns))):
        path = directory / "metadata" / f"{name}_{layout.split}_{kind}.csv"
        tree.write_text(path, table.to_csv(index=False, lineterminator="\n"))


def _narrowest(values: list[float]) -> np.ndarray:
    """The values as float32, or as float64 where one is not float32: so the official columns are printed."""
    wide = np.array(values)
    narrow = wide.astype(np.float32)
    return narrow if np.array_equal(narrow, wide, equal_nan=True) else wide
