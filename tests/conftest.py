"""What tests share: a copy of the checkout to run workflows in, and a small folder of recordings."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

# One thread of numpy's and torch's a worker, and in all that it starts: more stand in each other's way.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import numpy as np
import pytest
import soundfile
import yaml

from sepflow import metrics
from sepflow.cli import main
from sepflow.metrics.declared import groups
from sepflow.planning import plan

ROOT = Path(__file__).parents[1]
RATE = 8000
GROUP_HEAD = "from sepflow.metrics.metric import Group, Metric\n"


def write_voices(folder: Path, speakers: int = 8, utterances: int = 4, seconds: float = 1.2) -> Path:
    """A folder of recordings, a sub-directory a speaker: a tone with vibrato and harmonics, on noise."""
    rng = np.random.default_rng(7)
    time = np.arange(int(seconds * RATE)) / RATE
    for s in range(speakers):
        pitch = 90 * 2 ** (s / 4)
        (folder / f"s{s}").mkdir(parents=True)
        for u in range(utterances):
            phase = 2 * np.pi * pitch * time + 3 * np.sin(2 * np.pi * (3 + u) * time)
            wave = sum(np.sin(k * phase) / k for k in range(1, 6)) * (
                0.6 + 0.4 * np.sin(2 * np.pi * (u + 1) * time)
            )
            wave = 0.1 * wave + 0.001 * rng.standard_normal(len(time))
            soundfile.write(folder / f"s{s}" / f"u{u}.wav", wave, RATE)
    return folder


@pytest.fixture(scope="session")
def voices(tmp_path_factory) -> Path:
    """A folder corpus of eight speakers."""
    return write_voices(tmp_path_factory.mktemp("voices") / "speech")


def copy_workflow(root: Path) -> None:
    """The workflow's files, in the directory `root`; its package a link to ours."""
    for name in ("rules", "workflow", "config", "profiles", "envs"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy2(ROOT / "Snakefile", root)
    (root / "src").symlink_to(ROOT / "src")


class Checkout:
    """A copy of the workflow's files, its package a link to ours, with a scale of its own called `tiny`."""

    def __init__(self, root: Path, voices: Path):
        self.root = root
        copy_workflow(root)
        tiny = yaml.safe_load((ROOT / "config/scales/smoke.yaml").read_text())
        tiny["corpora"] = {"speech": {"kind": "folder", "splits": {"validation": 0.25, "test": 0.25}}}
        tiny["roles"] = {"clean_speech_pairs": "speech"}
        tiny["papers"] = {"ts_mixit": tiny["papers"]["ts_mixit"]}
        self.write("config/scales/tiny.yaml", yaml.safe_dump(tiny))
        config = {
            "scale": "tiny",
            "papers": ["ts_mixit"],
            "corpora": {"speech": str(voices)},
            "device": "cpu",
        }
        self.write("config/config.yaml", yaml.safe_dump(config | {"workers": 0}))

    @classmethod
    def at(cls, root: Path) -> "Checkout":
        """The one that is there."""
        checkout = object.__new__(cls)
        checkout.root = root
        return checkout

    def copy(self, root: Path) -> "Checkout":
        """A copy of it with all that has run in it, mtimes and all."""
        return self.at(Path(shutil.copytree(self.root, root, symlinks=True)))

    def planned_here(self) -> plan.Plan:
        """The plan of its config.yaml."""
        return plan.load(yaml.safe_load((self.root / "config/config.yaml").read_text()), self.root)

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text, f"{name} has no {old!r}"
        self.write(name, text.replace(old, new, 1))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", *words]

    def snakemake(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*words), cwd=self.root, env=environment(), capture_output=True, text=True
        )

    def planned(self, *words: str) -> dict[str, int]:
        """The jobs that a dry run would do, by rule."""
        done = self.snakemake("-n", *words)
        assert done.returncode == 0, done.stderr
        lines = (
            (done.stdout + done.stderr).split("Job stats:")[-1].splitlines()
            if "Job stats:" in done.stderr + done.stdout
            else []
        )
        counts = [line.split() for line in lines if len(line.split()) == 2 and line.split()[1].isdigit()]
        return {rule: int(count) for rule, count in counts if rule != "total"}


def asked(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess:
    """What `sepflow` says in the directory `cwd`, asked in this process: to start another takes seconds."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def environment() -> dict[str, str]:
    """The environment of a subprocess: ours, with this checkout's package and one thread."""
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return os.environ | {"PYTHONPATH": path}


@pytest.fixture
def checkout(tmp_path, voices) -> Checkout:
    """A fresh copy of the workflow at scale `tiny`."""
    (tmp_path / "checkout").mkdir()
    return Checkout(tmp_path / "checkout", voices)


@pytest.fixture(scope="session")
def smoked(tmp_path_factory):
    """A function that copies what scale `smoke` has made here (make smoke) of a paper, mtimes and all."""

    @cache
    def copied(paper: str) -> Checkout:
        config = {"scale": "smoke", "papers": [paper], "corpora": {}, "device": "cpu", "workers": 0}
        made = plan.load(config, ROOT)
        named = {"runs": made.runs, "mixes": made.mixes, "corpora": made.corpora}
        parts = [f"results/{kind}/{name}" for kind, names in named.items() for name in names]
        drawn = made.figures or any(table["pictures"] for table in made.tables.values())
        parts += [f"results/smoke/{kind}/{paper}" for kind in ("tables", *["figures"] * bool(drawn))]
        if missing := [part for part in parts if not (ROOT / part).is_dir()]:
            pytest.fail(f"scale smoke has not run here to its end ({missing[0]} is missing): make smoke")
        (root := tmp_path_factory.mktemp(paper) / "checkout").mkdir()
        copy_workflow(root)
        for part in (".snakemake/metadata", *parts):
            shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("checkpoint"))
        checkout = Checkout.at(root)
        checkout.write("config/config.yaml", yaml.safe_dump(config))
        return checkout

    return copied


@pytest.fixture
def finished(smoked, request) -> Checkout:
    """A checkout in which every job of the paper NAME of a test's module has run, to be looked at alone."""
    return smoked(request.module.NAME)


@pytest.fixture
def touched(finished, tmp_path) -> Checkout:
    """A copy of it of one's own, to change things in."""
    return finished.copy(tmp_path / "copy")


@pytest.fixture
def declare(tmp_path, monkeypatch):
    """A function that adds a group of this name, with these modules, to those of the package."""
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    before = set(sys.modules)

    def added(name: str, text: str, **modules: str) -> Path:
        (tmp_path / name).mkdir()
        for module, content in {"__init__": GROUP_HEAD + text, **modules}.items():
            (tmp_path / name / f"{module}.py").write_text(content)
        groups.cache_clear()
        return tmp_path / name

    yield added
    for name in set(sys.modules) - before:
        if name.startswith("sepflow.metrics."):
            del sys.modules[name]
            vars(metrics).pop(name.split(".")[2], None)
    groups.cache_clear()
