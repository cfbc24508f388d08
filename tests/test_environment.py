"""The files that say what is installed agree with each other; the repository is kept as it says."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version

import pytest
import yaml

from conftest import ROOT

LOCK = dict(line.split("==") for line in (ROOT / "requirements.lock").read_text().split())
# conda-forge's names of packages that are called otherwise on PyPI.
CONDA = {
    "pysoundfile": "soundfile",
    "pytorch": "torch",
    "soxr-python": "soxr",
    "matplotlib-base": "matplotlib",
}
OUTSIDE_PYPI = {"python", "aria2"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


LOCKED = {normal(name): number for name, number in LOCK.items()}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_environments_agree_with_the_lock(path):
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    pinned = [x for x in dependencies if isinstance(x, str)]
    pinned += [x.replace("==", "=") for part in dependencies if isinstance(part, dict) for x in part["pip"]]
    checked = 0
    for name, number in (pin.split("=") for pin in pinned if "=" in pin):
        if name not in OUTSIDE_PYPI:
            assert LOCKED[normal(CONDA.get(name, name))] == number, name
            checked += 1
    assert checked >= 3


@pytest.mark.parametrize(
    ("environment", "modules"),
    [
        (
            "audio",
            "sepflow.corpora.espeak sepflow.corpora.folder sepflow.mixes.librimix.mixtures "
            "sepflow.mixes.export sepflow.reporting.tables",
        ),
        ("fetch", "sepflow.corpora.catalogue sepflow.corpora.fetch"),
        (
            "torch",
            "sepflow.training.train sepflow.applying.estimates sepflow.applying.evaluation "
            "sepflow.reporting.figures.write sepflow.tasks.fetched.task",
        ),
    ],
)
def test_a_rule_imports_nothing_that_its_environment_lacks(environment, modules):
    text = (ROOT / f"envs/{environment}.yaml").read_text()
    declared = {normal(CONDA.get(name, name)) for name in re.findall(r"^ +- ([\w-]+)", text, re.M)}
    script = (
        f"import sys; before = set(sys.modules)\nfor name in {modules.split()!r}: __import__(name)\n"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT / "src")
    imported = {normal(name) for name in done.stdout.split()}
    ours = {normal(x.split(">")[0].split("<")[0]) for x in project()["dependencies"]}
    renamed = {"yaml": "pyyaml", "tensorboardx": "tensorboardx"}
    used = {renamed.get(name, name) for name in imported} & ours
    assert used and used - declared == set()


SLOW = {"scipy.signal", "torch._dynamo", "lightning", "torchmetrics", "torchaudio"}  # a second each, or more


@pytest.mark.parametrize("model", ["conv_tasnet", "dprnn", "dptnet"])
def test_to_load_a_model_and_score_it_loads_nothing_slow_beside(model):
    """By what a scoring job imports, and by what it does before its first mixture."""
    script = f"""
import sys, torch
from sepflow import models
from sepflow.applying import estimates, evaluation
from sepflow.metrics.separation import scores
with torch.device("meta"):
    models.build({{"name": {model!r}, "sources": 2}})
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "torch" in done.stdout.split() and not SLOW & set(done.stdout.split())


def test_what_is_installed_is_what_is_locked():
    for name in (re.split(r"[<>=]", x)[0] for x in project()["dependencies"]):
        assert version(name).split("+")[0] == LOCKED[normal(name)], name


def test_the_lock_holds_all_that_the_project_asks_for():
    wanted = project()["dependencies"] + project()["optional-dependencies"]["test"]
    assert {normal(re.split(r"[<>=]", x)[0]) for x in wanted} <= set(LOCKED)


def test_the_map_of_the_architecture_has_every_module():
    text = (ROOT / "docs/architecture.md").read_text().split("src/sepflow/\n")[1].split("\nresults/\n")[0]
    package = [
        x for x in (ROOT / "src/sepflow").iterdir() if x.suffix == ".py" or (x / "__init__.py").exists()
    ]
    modules = {x.stem for x in package} - {"__init__", "__main__"}
    named = set(re.findall(r"(\w+)\.py\b", text))
    assert modules - named - set(re.findall(r"(\w+)/", text)) == set()
    assert named - modules == set()


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
