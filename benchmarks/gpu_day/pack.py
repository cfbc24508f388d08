"""Make ready what a day on a GPU takes along: corpora, mixes and the specs of all runs, in a folder to be
carried.

    PYTHONPATH=src:benchmarks python -m gpu_day.pack --speech DIR --noise DIR

`--speech` is any folder of recordings with a metadata.csv (path, speaker, ...), of which the first few of
each speaker are taken; `--noise` any folder of noise. Corpora travel as FLAC, which gives back the packed
samples bit by bit. What is written lies under build/gpu_day: `speech` and `noise` (the folders that scale
`gpu_day` reads here) and `pack` (what is carried).
"""

import argparse
import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

from gpu_day.budget import FACTORS, scaled, tiny
from sepflow import corpora, provenance
from sepflow.files import config as files
from sepflow.files import write_json
from sepflow.identity import canonical
from sepflow.mixes.mix import write_plan
from sepflow.mixes.speakers.mixtures import decide
from sepflow.planning import plan
from sepflow.results import AUDIO

SCALE = "gpu_day"
PAPERS = ["ts_mixit", "ssl_pretraining"]
TINY = "tiny"
FLAC = "audio.flac"


def few_of_each(source: Path, out: Path, each: int) -> None:
    """Copy the first `each` recordings of every speaker (of each file, where none is named) of `source`."""
    with (source / "metadata.csv").open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["path"])
    taken: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        taken.setdefault(row.get("speaker") or row["path"], []).append(row)
    kept = [row for rows_of_one in taken.values() for row in rows_of_one[:each]]
    shutil.rmtree(out, ignore_errors=True)
    for row in kept:
        (out / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / row["path"], out / row["path"])
    with (out / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(kept)


def resolve(root: Path, factor: float | str, paths: dict[str, str], scratch: Path) -> plan.Plan:
    """The plan of scale `gpu_day` of the checkout `root`, trained `factor` times as long (or "tiny")."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(root / "config", scratch / "config")
    write_scale(root, scratch, factor)
    config = {
        "scale": SCALE,
        "papers": PAPERS,
        "corpora": {name: str(Path(paths[name]).resolve()) for name in paths},
    }
    return plan.load(config, scratch)


def write_scale(source: Path, target: Path, factor: float | str) -> None:
    """Write into the checkout `target` the scale of `source`, `factor` times as long; its comments go."""
    path = Path("config") / "scales" / f"{SCALE}.yaml"
    scale = files.parse(source / path)
    scale = tiny(scale) if factor == TINY else scaled(scale, float(factor))
    text = f"# Scale {SCALE} times {factor}: benchmarks/gpu_day/README.md.\n"
    (target / path).write_text(text + yaml.safe_dump(scale, sort_keys=False))


def pack(root: Path, folder: Path, factors: list[float | str]) -> None:
    """Fill `folder`/pack from `folder`/speech and `folder`/noise, for the checkout `root`."""
    paths = {name: str(folder / name) for name in ("speech", "noise")}
    plans = {str(factor): resolve(root, factor, paths, folder / "scratch") for factor in factors}
    out = folder / "pack"
    shutil.rmtree(out, ignore_errors=True)
    some = next(iter(plans.values()))  # of the corpora and the drawn mixes a factor changes nothing
    for name, recipe in some.corpora.items():
        _corpus(
            recipe,
            folder / "results" / "corpora" / name,
            out / "corpora" / name,
            Path(paths[some.titles[name]]),
        )
    heard = {name for run in some.runs.values() for name in _drawn(run.spec, some)}
    for name in sorted(heard):
        write_plan(folder / "results" / "mixes" / name, decide(some.mixes[name], folder / "results"))
        shutil.copytree(folder / "results" / "mixes" / name, out / "mixes" / name)
    runs = {
        factor: {name: {"label": run.label, "spec": canonical(run.spec)} for name, run in one.runs.items()}
        for factor, one in plans.items()
    }
    write_json(out / "plans.json", runs)
    write_json(out / "origin.json", provenance.stamp())
    shutil.rmtree(folder / "scratch")


def _corpus(recipe: dict[str, Any], built: Path, out: Path, recordings: Path) -> None:
    corpora.build(recipe, built, recordings, 2)
    shutil.copytree(built, out, ignore=shutil.ignore_patterns(AUDIO))
    codes = np.fromfile(built / AUDIO, "<i2")
    soundfile.write(out / FLAC, codes, recipe["rate"], subtype="PCM_16", format="FLAC", compression_level=1.0)


def _drawn(spec: dict[str, Any], found: plan.Plan) -> list[str]:
    """The mixes that a run reads and no other run has labelled, by their names."""
    recipes = [spec[part]["mix"] for part in ("data", "validation", "joint") if spec.get(part)]
    plain = [recipe.get("mix", recipe) for recipe in recipes]
    return [name for name, recipe in found.mixes.items() if recipe in plain]


def main() -> None:
    """Select, build, pack; say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--noise", type=Path, required=True)
    parser.add_argument("--each", type=int, default=4, help="recordings of a speaker (default 4)")
    parser.add_argument("--folder", type=Path, default=Path("build/gpu_day"))
    parser.add_argument("--tiny", action="store_true", help="the plan of a rehearsal alone")
    options = parser.parse_args()
    few_of_each(options.speech, options.folder / "speech", options.each)
    few_of_each(options.noise, options.folder / "noise", options.each)
    pack(Path(), options.folder, [TINY] if options.tiny else list(FACTORS))
    size = sum(path.stat().st_size for path in (options.folder / "pack").rglob("*") if path.is_file())
    print(f"{options.folder / 'pack'}: {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
