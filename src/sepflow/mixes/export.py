"""A mix as a tree of files, for other tools: one directory a signal, one WAV a mixture."""

import functools
import json
import math
from pathlib import Path

import numpy as np

from sepflow.files import write_json
from sepflow.files.contracts import refuse
from sepflow.files.reading import read_record
from sepflow.identity import canonical, digest
from sepflow.mixes.mix import Mix, open_mix
from sepflow.mixes.recipes import Recipe, corpora_of, rate_of
from sepflow.results import SEAL, Results
from sepflow.simulation.journal import Record, contents
from sepflow.simulation.rendering import Tree

COMPLETE = "complete.json"


def export(recipe: Recipe, results: Path, out: Path, jobs: int) -> None:
    """Write the mix of `recipe`, decided in `results`, to `out`/{mix,s1,s2,...,noise}/ID.wav.

    float32, unclipped, at the rate of the mix. A labelled mix has the labels for sources. Begun before, it
    goes on. At last comes `out`/complete.json, with the number of mixtures and the names of the directories.
    """
    mix = open_mix(recipe, results, math.inf)
    parts = list(_signals(mix, 0))
    tree = _tree(out, digest(recipe))
    items = [(row, name, tuple(parts)) for row, name in enumerate(mix.ids)]
    # Which were held against all that there is: so they stand for it.
    seals = [
        mix.directory,
        *(Results(results).corpus(digest(corpus)) for corpus in corpora_of(recipe).values()),
    ]
    made_of = contents({directory.name: directory / SEAL for directory in seals})
    tree.render(
        items,
        functools.partial(_render, canonical(recipe), results),
        functools.partial(_sources, made_of),
        jobs,
    )
    tree.finish(len(items) * len(parts))
    write_json(out / COMPLETE, {"mix": digest(recipe), "mixtures": len(items), "signals": parts})


def check_exported(out: Path, name: str) -> None:
    """Hold every file of the tree in `out`, of the mix called `name`, against what was written.

    Raises SepflowError naming those that are damaged or missing.
    """
    way_out = f"Remove {out / COMPLETE} and make it again: snakemake {out / COMPLETE}"
    said = read_record(out / COMPLETE, {"mix": str, "mixtures": int, "signals": list}, way_out)
    records = [Record.read(path) for path in sorted(_tree(out, name).journal.glob("[0-9]*.json"))]
    files = [file for record in records if record for file in record.files]
    problems = [
        f"{file}: damaged, or not there" for record in records if record for file in record.damaged(out)
    ]
    if said["mix"] != name:
        problems.append(f"{COMPLETE} is of the mix {said['mix']}")
    if len(files) != said["mixtures"] * len(said["signals"]):
        problems.append(f"its journal tells of {len(files)} files, and {COMPLETE} of others")
    refuse(str(out), problems, way_out)


def _tree(out: Path, name: str) -> Tree:
    return Tree(out, "mix", {"mix": name}, {})


def _signals(mix: Mix, row: int) -> dict[str, np.ndarray]:
    signals = {"mix": mix.mixture(row)}
    signals |= {f"s{k}": source for k, source in enumerate(mix.references(row), 1)}
    return signals if mix.noise_corpus is None else signals | {"noise": mix.noise(row)}


def _sources(made_of: dict[str, str], item: tuple[int, str, tuple[str, ...]]) -> dict[str, str]:
    return made_of


def _files(item: tuple[int, str, tuple[str, ...]]) -> list[Path]:
    _, name, parts = item
    return [Path(part) / f"{name}.wav" for part in parts]


def _render(recipe: Recipe, results: Path, tree: Tree, item: tuple[int, str, tuple[str, ...]]) -> None:
    mix = _opened(json.dumps(recipe), results)
    for path, samples in zip(_files(item), _signals(mix, item[0]).values(), strict=True):
        tree.write_float(path, samples, rate_of(recipe))


@functools.cache
def _opened(recipe: str, results: Path) -> Mix:
    # Once a process: to open a large corpus takes longer than to render a mixture.
    return open_mix(json.loads(recipe), results)
