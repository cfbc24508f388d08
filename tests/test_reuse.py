"""The workflow in other hands: as a module of somebody's own, and with a cache that workflows share."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from conftest import Checkout, environment

OUTER = """
configfile: "config.yaml"

module sepflow:
    snakefile: "{snakefile}"
    config: config["sepflow"]

use rule * from sepflow as sf_*

rule mine:
    default_target: True
    input: rules.sf_ts_mixit.input
    output: "mine.txt"
    shell: "cat results/tiny/tables/ts_mixit/table1.csv > {{output}}"
"""
EVERY = ("corpus", "mix", "pseudo_labels", "teacher", "student")
TRAINED = "train teacher_2src", "train student_2src", "label the", "pack the", "mix the"


def small(root: Path, voices: Path) -> Checkout:
    """A checkout whose scale asks for one teacher and its student."""
    root.mkdir(parents=True)
    checkout = Checkout(root, voices)
    tiny = yaml.safe_load((root / "config/scales/tiny.yaml").read_text())
    tiny["papers"]["ts_mixit"]["tables"] = {"table1": ["mixit_2src", "ts_mixit_2src"]}
    checkout.write("config/scales/tiny.yaml", yaml.safe_dump(tiny))
    return checkout


def run(directory: Path, cache: Path, *words: str) -> subprocess.CompletedProcess:
    """Snakemake in a directory, without the package on its path: it must find its own."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *words]
    surroundings = environment() | {"PYTHONPATH": "", "SNAKEMAKE_OUTPUT_CACHE": str(cache)}
    return subprocess.run(command, cwd=directory, env=surroundings, capture_output=True, text=True)


def worked(checkout: Path, rule: str) -> list[Path]:
    """The logs of a rule's jobs that ran; of one whose outputs came from the cache it is empty."""
    return [log for log in checkout.glob(f"results/logs/{rule}/*") if log.stat().st_size]


@pytest.fixture(scope="module")
def outer(voices, tmp_path_factory) -> tuple[Path, Path, subprocess.CompletedProcess]:
    """A workflow of somebody's own that takes in sepflow as a module, run to its end with a cache."""
    base = tmp_path_factory.mktemp("outer")
    checkout, cache, mine = small(base / "elsewhere/sepflow", voices), base / "cache", base / "mine"
    mine.mkdir()
    cache.mkdir()
    (mine / "Snakefile").write_text(OUTER.format(snakefile=checkout.root / "Snakefile"))
    config = yaml.safe_load((checkout.root / "config/config.yaml").read_text())
    (mine / "config.yaml").write_text(yaml.safe_dump({"sepflow": config, "my_own": 1}))
    return mine, cache, run(mine, cache, "--cache", *(f"sf_{rule}" for rule in EVERY))


def test_a_module_of_somebody_elses_workflow_makes_its_tables(outer):
    mine, _, done = outer
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(mine / "mine.txt")) == 2
    assert (mine / "results/tiny/figures/ts_mixit/table1_learning.svg").exists()
    assert not (mine.parent / "elsewhere/sepflow/results").exists()
    assert all(said in done.stderr for said in TRAINED)


def test_a_second_run_of_the_module_does_nothing(outer):
    mine, cache, _ = outer
    done = run(mine, cache)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_touched_script_trains_nothing_in_a_module_that_has_our_profile(outer):
    mine, cache, _ = outer
    checkout = mine.parent / "elsewhere/sepflow"
    (checkout / "workflow/scripts/train.py").touch()
    done = run(mine, cache, "-n")
    assert "sf_student" in done.stdout + done.stderr  # by Snakemake's own triggers
    done = run(mine, cache, "-n", "--workflow-profile", str(checkout / "profiles/default"))
    assert "Nothing to be done" in done.stdout + done.stderr


def test_another_checkout_takes_all_models_from_the_cache(outer, voices, tmp_path):
    mine, cache, _ = outer
    checkout = small(tmp_path / "second", voices)
    done = run(checkout.root, cache, "--cache", *EVERY)
    assert done.returncode == 0, done.stderr
    assert not worked(checkout.root, "train") and not worked(checkout.root, "pseudo_labels")
    for kind in ("corpora/*/audio.i16", "mixes/*/labels.f32", "runs/*/model.safetensors", "runs/*/spec.json"):
        here, there = (
            {x.relative_to(d): x.read_bytes() for x in d.glob(f"results/{kind}")}
            for d in (checkout.root, mine)
        )
        assert here == there and here, kind
    tables = [pd.read_csv(d / "results/tiny/tables/ts_mixit/table1.csv") for d in (checkout.root, mine)]
    assert tables[0].equals(tables[1])


def test_runs_that_differ_in_a_key_are_two_entries_of_the_cache(outer, voices, tmp_path):
    _, cache, _ = outer
    checkout = small(tmp_path / "second", voices)
    checkout.edit(
        "config/papers/ts_mixit.yaml",
        "teacher_2src: {stage: teacher}",
        "teacher_2src: {stage: teacher, seed: 2}",
    )
    done = run(checkout.root, cache, "--until", "teacher", "--cache", *EVERY)
    assert done.returncode == 0, done.stderr
    runs = [json.loads(x.read_text())["seed"] for x in checkout.root.glob("results/runs/*/spec.json")]
    assert runs == [2]
    assert len(worked(checkout.root, "train")) == 1 and not worked(checkout.root, "corpus")


def test_the_cache_is_spoken_of_only_where_there_is_one(checkout):
    done = checkout.snakemake("-n")
    assert "eligible for caching" not in done.stdout + done.stderr
