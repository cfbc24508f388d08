"""What code a score is a function of, found by watching one being made; and what a stamp calls changed."""

import ast
import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT, environment
from pretraining import MODELS, TASKS, build
from sepflow import code, provenance
from sepflow.applying.evaluation import evaluate
from sepflow.code import PACKAGE, closure, code_digest
from sepflow.corpora.packed import quantise, write_corpus
from sepflow.errors import SepflowError
from sepflow.identity import digest
from sepflow.metrics.declared import SCORES, groups, modules_of
from sepflow.mixes.mix import open_mix, write_plan
from sepflow.models.artefact import save_model
from sepflow.planning import plan
from sepflow.planning.workflow import Jobs
from sepflow.tasks import built, declared

SYSTEMS = [("separation", "conv_tasnet"), ("separation", "dprnn"), ("multi_task", "dptnet"),
           ("mama", "conv_tasnet"), ("contrastive", "conv_tasnet")]  # fmt: skip
RECIPE = {"kind": "librimix", "rate": 8000, "mixtures": 1, "corpus": {"rate": 16000}}
RECIPE |= {"noise": {"rate": 16000, "of": "hiss"}}


def roots(task: str, network: str) -> tuple[str, ...]:
    own = (f"tasks/{task}/task.py", f"models/{network}.py", *modules_of(declared(task).metrics, SCORES))
    return ("applying/evaluation.py", *own)


def a_mix(results: Path, sources: int):
    """A mixture of the kind that passes through most of the code: resampled, with noise that is extended."""
    rng = np.random.default_rng(0)
    for part, utterances in (("corpus", sources), ("noise", 1)):
        stream = [
            ({"id": f"u{k}", "speaker": f"s{k}", "sex": "", "split": "test", "text": "", "path": "x"},
             *quantise(0.1 * rng.standard_normal(16000).astype(np.float32)))
            for k in range(1, utterances + 1)
        ]  # fmt: skip
        write_corpus(results / "corpora" / digest(RECIPE[part]), stream)
    row = {"id": "test-0", "samples": 12000, "noise": "u1", "noise_gain_db": -10.0, "noise_samples": 24000}
    row |= {"offset_noise": 0}
    for k in range(1, sources + 1):
        row |= {f"utterance_{k}": f"u{k}", f"speaker_{k}": f"s{k}", f"sex_{k}": "", f"gain_db_{k}": 0.0}
        row |= {f"offset_{k}": 500 * k}
    write_plan(results / "mixes" / digest(RECIPE), pd.DataFrame([row]))


def passed_through(task: str, network: str, folder: Path) -> dict[str, set[str]]:
    """The modules of the package (paths in it) that a score is made by, and the functions called in each."""
    said, sources = TASKS[task]
    spec = {"task": task, "seed": 3, "data": {"mix": {"corpus": {"rate": 8000}}}}
    spec |= {"model": MODELS[network] | {"sources": sources}} | said
    save_model(folder / "model.safetensors", build(task, network).weights(), spec)
    a_mix(folder, sources)
    found: dict[str, set[str]] = {}

    def watch(frame, event, argument):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            found.setdefault(path.relative_to(PACKAGE).as_posix(), set()).add(frame.f_code.co_name)

    for watched in (None, watch):  # what the first imports, the second does not
        sys.setprofile(watched)
        try:
            evaluate(folder / "model.safetensors", open_mix(RECIPE, folder), folder / "scores.csv", "cpu")
        finally:
            sys.setprofile(None)
    return found


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, and a function that digests it as it is now (a process sees one state of it)."""
    copy = Path(shutil.copytree(PACKAGE, tmp_path / "sepflow"))
    parsed, known = code._parsed.__wrapped__, {}

    def again(path):
        content = path.read_bytes()
        return known[content] if content in known else known.setdefault(content, parsed(path))

    monkeypatch.setattr(code, "_parsed", again)
    return copy, lambda *roots: code_digest.__wrapped__(*roots, package=copy)


@pytest.mark.parametrize(("task", "network"), SYSTEMS)
def test_each_module_that_a_score_passes_through_decides_its_digest(task, network, package, tmp_path):
    copy, digested = package
    found = passed_through(task, network, tmp_path / "results")
    ways = {
        "applying/evaluation.py",
        "applying/inference.py",
        "simulation/resampling.py",
        "corpora/packed.py",
    }
    ways |= {"simulation/librimix/mixtures.py", f"tasks/{task}/task.py", f"models/{network}.py"}
    assert ways <= set(found)
    before, missed = digested(*roots(task, network)), []
    for module, functions in found.items():
        text = (copy / module).read_text()
        tree = ast.parse(text)
        called = [x for x in ast.walk(tree) if isinstance(x, ast.FunctionDef) and x.name in functions]
        called[0].body.append(ast.parse("changed = 1").body[0])
        (copy / module).write_text(ast.unparse(tree))
        missed += [module] * (digested(*roots(task, network)) == before)
        (copy / module).write_text(text)
    assert missed == []


def test_words_layout_and_what_others_run_decide_nothing(package):
    copy, digested = package
    wanted = roots("separation", "conv_tasnet")
    before = digested(*wanted)
    for file in closure(*wanted, package=copy):
        text = file.read_text()
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not ast.get_docstring(node):
                node.body.insert(0, ast.Expr(ast.Constant("A docstring.")))
        file.write_text("# a comment\n" + ast.unparse(ast.fix_missing_locations(tree)))
    assert digested(*wanted) == before
    (copy / "tasks/another").mkdir()
    (copy / "tasks/another/__init__.py").write_text("DECLARED = int\n")
    (copy / "models/another.py").write_text("MODEL = int\n")
    for other in (
        "tasks/mama/task.py",
        "models/dprnn.py",
        "reporting/tables.py",
        "planning/plan.py",
        "metrics/aggregates.py",
        "metrics/mama/__init__.py",
    ):
        (copy / other).write_text((copy / other).read_text() + "\nCHANGED = 1\n")
    assert digested(*wanted) == before


@pytest.mark.parametrize(
    "line",
    ["from sepflow.applying import chunks", "from sepflow.applying.chunks import x",
     "import sepflow.applying.chunks as c", "def f():\n    import sepflow.applying.chunks",
     "if 0:\n    from sepflow.applying.chunks import *"],
)  # fmt: skip
def test_an_import_is_followed_however_it_is_written(package, line):
    copy, _ = package
    (copy / "start.py").write_text(line + "\n")
    assert copy / "applying/chunks.py" in closure("start.py", package=copy)


def test_a_package_is_run_before_its_module_and_nothing_is_imported_by_relation(package):
    copy, _ = package
    (copy / "start.py").write_text("import sepflow.metrics.separation.scores\n")
    found = closure("start.py", package=copy)
    assert {copy / "metrics/__init__.py", copy / "metrics/separation/__init__.py"} <= set(found)
    relative = [
        file
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []  # which a closure would not see
    (version,) = [
        x for x in ast.parse((PACKAGE / "__init__.py").read_text()).body if isinstance(x, ast.Assign)
    ]
    assert (
        version.targets[0].id == "__version__"
    )  # all that the package's own module has: it is in no closure


class TestRuns:
    @pytest.fixture(scope="class")
    def jobs(self):
        return Jobs(plan.load({"scale": "smoke", "papers": ["ts_mixit", "ssl_pretraining"]}, ROOT))

    def of(self, jobs, name):
        run = jobs.plan.find(name)
        return SimpleNamespace(run=run.name, mix=digest(run.spec["validation"]["mix"]))

    def test_a_run_is_scored_by_the_code_of_its_own_task_and_network(self, jobs):
        names = ("teacher_2src", "supervised_100", "teacher_dprnn", "mama", "cc", "multi_task")
        found = {name: jobs.scoring_code(self.of(jobs, name)) for name in names}
        assert found["teacher_2src"] == found["supervised_100"]
        assert len(set(found.values())) == 5

    @pytest.mark.parametrize("package", ["fast_bss_eval", "numpy", "scipy"])
    def test_another_version_of_a_scorer_scores_again(self, jobs, monkeypatch, package):
        before, version = jobs.scorers(self.of(jobs, "teacher_2src")), metadata.version
        monkeypatch.setattr(provenance, "_version", provenance._version.__wrapped__)
        monkeypatch.setattr(metadata, "version", lambda name: "9.9" if name == package else version(name))
        assert jobs.scorers(self.of(jobs, "teacher_2src")) == before | {package: "9.9"} != before

    @pytest.mark.parametrize(
        ("group", "module"),
        [
            ("separation", "metrics/separation/scores.py"),
            *((x, f"tasks/{x}/task.py") for x in ("mama", "contrastive")),
        ],
    )
    def test_what_a_score_is_computed_with_is_declared(self, group, module):
        tree = ast.parse((PACKAGE / module).read_text())
        imported = {x.module.split(".")[0] for x in ast.walk(tree) if isinstance(x, ast.ImportFrom)}
        imported |= {
            y.name.split(".")[0] for x in ast.walk(tree) if isinstance(x, ast.Import) for y in x.names
        }
        others = imported - set(sys.stdlib_module_names) - {"sepflow", "soundfile"}  # which reads files
        assert set(groups()[group].scorers) == others


def test_planning_needs_neither_torch_nor_numpy():
    script = f"""
import importlib, pkgutil, sys
from pathlib import Path
from types import SimpleNamespace as Wildcards
from sepflow import planning
from sepflow.planning import plan
from sepflow.planning.workflow import Jobs
for module in pkgutil.iter_modules(planning.__path__):
    importlib.import_module("sepflow.planning." + module.name)
jobs = Jobs(plan.load({{"scale": "smoke", "papers": ["ts_mixit", "ssl_pretraining"]}}, Path({str(ROOT)!r})))
for run in jobs.plan.runs:
    for ask in (jobs.run_inputs, jobs.run_spec, jobs.scoring_code, jobs.scorers):
        ask(Wildcards(run=run, mix=next(iter(jobs.plan.mixes))))
for paper, table in jobs.plan.tables:
    for ask in (jobs.context, jobs.table_inputs, jobs.table_code):
        ask(Wildcards(paper=paper, table=table))
    for ask in (jobs.figure_inputs, jobs.figure_code, jobs.losses):
        ask(Wildcards(paper=paper, table=table))
print([name for name in ("torch", "numpy", "pandas", "scipy", "matplotlib") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    "task", [None, "", "task", "alteration", "../tasks/mama", "separation.TASK", 3, ["mama"]]
)
def test_a_task_that_is_none_is_said(task):
    with pytest.raises(
        SepflowError, match="task must be one of contrastive, extraction, fetched, mama, .*, not"
    ):
        built.build({"task": task})


class TestStamp:
    @pytest.fixture
    def checkout(self, tmp_path):
        files = "src/sepflow/__init__.py config/papers/a.yaml config/scales/a.yaml config/schemas/a.yaml "
        files += "config/config.yaml rules/a.smk workflow/scripts/a.py Snakefile README.md"
        for name in files.split():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("one\n")
        self.git(tmp_path, "init", "-q")
        self.git(tmp_path, "add", ".")
        self.git(tmp_path, "commit", "-qm", "x")
        return tmp_path

    def git(self, folder, *words):
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", *who, *words], cwd=folder, check=True)

    def dirty(self, checkout):
        return provenance._git(checkout / "src/sepflow")["dirty"]

    @pytest.mark.parametrize(
        "name",
        ["src/sepflow/a.py", "config/papers/a.yaml", "config/scales/b.yaml", "config/schemas/a.yaml",
         "rules/b.smk", "workflow/scripts/a.py", "Snakefile"],
    )  # fmt: skip
    def test_what_decides_a_result_is_dirty_tracked_or_not(self, checkout, name):
        found = [self.dirty(checkout)]
        for text in ("two\n", "three\n"):
            (checkout / name).write_text(text)
            found.append(self.dirty(checkout))
        assert found[0] == "" and len(set(found)) == 3

    @pytest.mark.parametrize("name", ["README.md", "config/config.yaml", "results/x.csv", "notes.txt"])
    def test_what_decides_none_is_not(self, checkout, name):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text("two\n")
        assert self.dirty(checkout) == ""

    def test_a_link_into_nowhere_and_a_repository_within_are_no_obstacle(self, checkout):
        (checkout / "config/scales/link.yaml").symlink_to("nowhere")
        self.git(checkout, "init", "-q", "rules/other")
        assert self.dirty(checkout)

    def test_the_commit_of_another_project_is_not_ours(self, checkout):
        (checkout / "lib/sepflow").mkdir(parents=True)
        (checkout / "lib/sepflow/__init__.py").write_text("")
        assert provenance._git(checkout / "lib/sepflow")["commit"] == "not a git checkout"

    def test_it_names_what_it_is_asked_for_and_nothing_absent(self):
        assert set(provenance.stamp("numpy")["versions"]) == {"python", "numpy"}
        assert "absent" not in json.dumps(provenance.stamp())
