"""What is added to sepflow and declares itself wrong is one message: what is wrong, where, the way out."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Checkout
from sepflow import plugs
from sepflow.declarations import declaration
from sepflow.errors import SepflowError
from test_toy import toy_checkout

HEAD = "from dataclasses import dataclass\nfrom typing import Literal\n\n"
HEAD += "from sepflow import settings\nfrom sepflow.settings import Count, Flag, Share, Size, checked\n\n\n"
NETWORK = "{decorator}\nclass GruNet:\n    {before}\n    def __init__(self, {arguments}) -> None: ...\n"
FILE = "src/sepflow/models/grunet.py"


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A package of its own, with a network that is to be written."""
    place = tmp_path / "src/sepflow"
    (place / "models").mkdir(parents=True)
    monkeypatch.setattr(plugs, "PACKAGE", place)
    monkeypatch.syspath_prepend(place / "models")
    declaration.cache_clear()
    yield place
    declaration.cache_clear()


def network(arguments: str, decorator: str = '@checked("model")', before: str = "") -> str:
    return HEAD + NETWORK.format(arguments=arguments, decorator=decorator, before=before)


def imported(path: Path):
    """What the class in a file declares when it is imported."""
    spec = importlib.util.spec_from_file_location("grunet", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["grunet"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["grunet"]
    return module.GruNet.declared


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_settings_of_all_kinds_are_read_as_they_are_imported(package, future):
    arguments = "sources: Size, hop: settings.Size = 2, *, both: Flag = False, size: Size | None = None, "
    arguments += 'pooling: Literal["mean", "max"] = "mean", of: Literal["all"] | Size = "all"'
    path = package / "models/grunet.py"
    path.write_text(future + network(arguments, '@checked("model", "hop divides size", "hop below 9")'))
    said = declaration("models", "grunet")
    assert said == imported(path)
    whole = said.check({"sources": 2, "both": True, "of": 3})
    assert whole["both"] is True and whole["size"] is None and whole["pooling"] == "mean"
    for given, words in [
        ({"both": 1}, "both must be true or false, not 1"),
        ({"pooling": "sum"}, "pooling must be one of mean, max, not 'sum'"),
        ({"of": "none"}, "of must be one of all, not 'none'; or must be an integer of at least 1"),
        ({"sources": True}, "sources must be an integer"),
        ({"size": 3}, "hop must divide size"),
    ]:
        with pytest.raises(SepflowError, match=f"model: {words}"):
            said.check({"sources": 2} | given)


TYPES = "; annotate it with a type of sepflow.settings: Count, .*Flag, .*Literal"
WRONG = [
    (network("hidden: int"), f"GruNet: hidden: annotated int{TYPES}", True),
    (network("both: bool = False"), f"GruNet: both: annotated bool{TYPES}", True),
    (network("both: bool | None = None"), r"GruNet: both: annotated bool \| None; annotate", True),
    (network("sizes: list[Size]"), r"GruNet: sizes: annotated list\[.*; annotate", True),
    (network("mode: Literal[1, 2]"), r"GruNet: mode: annotated .*Literal\[1, 2\]; annotate", True),
    (network("hidden"), "GruNet: hidden: not annotated; annotate", True),
    (network("*, hidden"), "GruNet: hidden: not annotated; annotate", True),
    (network("size: Size, **more"), "GruNet: more: not annotated; annotate", True),
    (network('hidden: "Size"'), "GruNet: hidden: annotated 'Size'; annotate", False),
    (network("hidden: Size = 2 * 4"), r"hidden: its default `2 \* 4` is no literal; write its value", False),
    (network("*, hidden: Size = HIDDEN"), "hidden: its default `HIDDEN` is no literal", False),
    (
        HEAD + '@checked("model")\n@dataclass\nclass GruNet:\n    hidden: int\n    both: Flag\n',
        "GruNet: hidden: annotated int",
        True,
    ),
    (HEAD + '@checked("model")\nclass GruNet:\n    hidden: Size\n', "GruNet: neither `__init__` nor", False),
    (network("hop: Size", "@checked(NAME)"), "GruNet: `@checked` `NAME` is no literal", False),
    (network("hop: Size", "@checked()"), 'GruNet: say what .*`@checked."model".`', False),
    (network("hop: Size", "@checked"), 'no class of it is `@checked."model".`', False),
    (network("hop: Size", ""), 'no class of it is `@checked."model".`', False),
    (network("hop: Size, )"), "line .*: unmatched", False),
]
WRONG += [
    (network("hop: Size, size: Size", f'@checked("model", "{relation}")'), f"'{relation}': {said}", True)
    for relation, said in [
        ("hop divide size", "there is no relation 'divide'; did you mean 'divides'"),
        ("hops divides size", "there is no setting 'hops'; did you mean 'hop'"),
        ("hop divides sizes", "there is no setting 'sizes'; did you mean 'size'"),
        ("hop divides", "a relation is three words"),
    ]
]


@pytest.mark.parametrize(("text", "said", "both"), WRONG)
def test_a_class_that_declares_no_settings_is_one_message(package, text, said, both):
    """In the plan, and for `both`, where it is imported too."""
    path = package / "models/grunet.py"
    path.write_text(text)
    for read in [lambda: declaration("models", "grunet"), *[lambda: imported(path)] * both]:
        with pytest.raises(SepflowError, match=f"^{FILE}: .*{said}"):
            read()


@pytest.fixture(scope="module")
def toy(voices, tmp_path_factory) -> Checkout:
    """The checkout of the toy's paper, with a package of its own."""
    return toy_checkout(tmp_path_factory.mktemp("toy") / "checkout", voices)


PLAN = """
import sys
from pathlib import Path
import yaml
from sepflow.errors import SepflowError
from sepflow.planning import plan
try:
    plan.load(yaml.safe_load(Path("config/config.yaml").read_text()), Path())
except SepflowError as error:
    print(error)
assert "torch" not in sys.modules
"""


def refused(checkout: Checkout, file: str, old: str | None, new: str = "") -> str:
    """What a plan says where a file of the package is changed; without `old`, where it is not there."""
    path = checkout.root / "src/sepflow" / file
    text = path.read_text()
    try:
        path.unlink()
        if old is not None:
            assert old in text
            path.write_text(text.replace(old, new, 1))
        own = os.environ | {"PYTHONPATH": str(checkout.root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", PLAN]
        done = subprocess.run(command, cwd=checkout.root, env=own, capture_output=True, text=True)
    finally:
        path.write_text(text)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_toy_as_it_is_has_a_plan(toy):
    assert refused(toy, "models/gain.py", "MODEL = ", "MODEL = ") == ""


@pytest.mark.parametrize(
    ("file", "old", "said"),
    [
        ("models/gain.py", "MODEL", "no `MODEL = <its class>`"),
        ("models/gain.py", '@checked("model")', 'no class of it is `@checked("model")`'),
        ("tasks/dereverb/settings.py", '@checked("dereverb")', "no class of it is `@checked("),
        ("tasks/dereverb/__init__.py", None, "no `DECLARED = Declaration(...)`: there is no such file"),
        ("tasks/dereverb/__init__.py", "DECLARED", "no `DECLARED = Declaration(...)`"),
        ("tasks/dereverb/task.py", "TASK", "no `TASK = <its class>`"),
        ("tasks/dereverb/task.py", None, "no `TASK = <its class>`: there is no such file"),
        ("tasks/level/task.py", "def make", "no `def make(spec, results, places)`"),
        ("mixes/echoes/__init__.py", "KIND", "no `KIND = Kind(...)`"),
        ("mixes/echoes/mixtures.py", "MIX", "no `MIX = <its class>`"),
        ("mixes/echoes/mixtures.py", "def decide", "no `def decide(recipe, results, lists)`"),
        ("mixes/echoes/mixtures.py", None, "no `MIX = <its class>`: there is no such file"),
        ("metrics/errors/__init__.py", "GROUP", "no `GROUP = Group(...)`"),
        ("metrics/errors/scores.py", "SCORES", "no `SCORES = <its function>`"),
    ],
)
def test_a_file_without_the_line_that_declares_is_named(toy, file, old, said):
    new = old.replace(old.split()[-1], "other") if old and old[0] != "@" else ""
    where = file.rpartition("/")[0] if "settings.py" in file else file
    assert refused(toy, file, old, new).startswith(f"src/sepflow/{where}: {said}")


TASK, KIND, GROUP = "tasks/dereverb/__init__.py", "mixes/echoes/__init__.py", "metrics/errors/__init__.py"
LEVEL = "tasks/level/__init__.py"
METRICS = 'metrics=("separation", "errors", "judged")'
RETURNED = 'return {"kind": "echoes", "recipe": number_of("echoes"), "corpus": corpus, "speakers": 1, **mix}'


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (TASK, "DECLARED = Declaration", "DECLARED = dict", "DECLARED: a Declaration is needed, not {"),
        (TASK, METRICS, 'metrics=("separation")', "metrics: a tuple of words is needed, as ("),
        (TASK, '"errors", ', '"error", ', "metrics: there is no group of metrics 'error'; did you mean 'err"),
        (TASK, '(("judged", "mse"),)', '("judged", "mse")', "objectives: pairs of name and loss are needed"),
        (TASK, 'objectives=(("judged", "mse"),),', "", "objectives: a training needs one, or the task `made"),
        (TASK, '"clips": Part(speakers=1)', '"clips": 1', "parts: a Part by each name is needed"),
        (TASK, "Part(speakers=1, validated=True)", "Part(speakers=1)", 'parts: a training has "data": Part'),
        (TASK, 'Use(("separation",))', 'Use(("separate",))', "uses: judge: there is no task 'separate'; did"),
        (TASK, 'Use(("separation",))', 'Use(("separation"))', "uses: judge: a tuple of words is needed"),
        (TASK, 'Use(("separation",))', '("separation",)', "uses: a Use by each name is needed"),
        (TASK, '"error_rate": LOWER', '"error_rate": "less"', "select: LOWER or HIGHER by each criterion"),
        (TASK, 'settings="dereverb"', 'settings=("dereverb",)', "settings: the key of a run is needed"),
        (TASK, 'settings="dereverb"', 'settings="dereverb", problems=()', "problems: a function is needed"),
        (TASK, 'settings="dereverb"', 'settings="dereverb", idle=("a",)', "idle: a tuple of Idle is needed"),
        (
            LEVEL,
            "speakers=1",
            "",
            "toy.yaml: runs.level.data: mix: 1 speakers, and model.sources is not said",
        ),
        (KIND, "KIND = Kind", "KIND = (lambda *a, **b: 3)", "KIND: a Kind is needed, not 3"),
        (KIND, "own=", "owns=", "TypeError: Kind.__init__() got an unexpected keyword argument 'owns'"),
        (TASK, "import LOWER", "import LOW", "ImportError: cannot import name 'LOW'"),
        (KIND, 'own=("corpus", "speakers")', 'own=("corpus")', "own: a tuple of words is needed, as ("),
        (
            KIND,
            '("split", "mixtures", "min_seconds", "delay")',
            '"split"',
            "keys: a tuple of words is needed",
        ),
        (KIND, "    _resolve,", '    "speakers",', "resolve: a function is needed, not 'speakers'"),
        (KIND, RETURNED, "", "_resolve returns None, where a recipe is needed: a dict"),
        (KIND, '"kind": "echoes"', '"kind": "clips"', "_resolve returns a recipe of the kind 'clips'; it is"),
        (KIND, ' "recipe": number_of("echoes"),', "", '_resolve returns no number of its code; it is "recip'),
        (KIND, ', "speakers": 1', "", "_resolve returns no speakers, which a recipe of this kind has"),
        (KIND, '"corpus": corpus, ', "", "_resolve returns no corpus, which a recipe of this kind has"),
        (KIND, '"corpus": corpus, ', '"corpus": name, ', "_resolve returns as corpus 'speech'; it is scale."),
        (GROUP, "GROUP = Group", "GROUP = dict", "a Group is needed, not {"),
        (GROUP, 'scorers=("numpy",)', 'scorers=("numpy")', "scorers: a tuple of words is needed"),
        (GROUP, 'of=("wrong", "energy")', 'of="wrong"', "error: of: a tuple of words is needed"),
    ],
)
def test_a_declaration_that_does_not_hold_is_one_message(toy, file, old, new, said):
    where = {GROUP: "metrics/errors", LEVEL: ""}.get(file, file)
    words = refused(toy, file, old, new)
    assert where in words.partition(said)[0] and said in words and words.count("\n") == 1
