"""Kinds of corpora and layouts are found by name: a new one is one file, and planning imports no kind."""

import importlib
import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from jsonschema import Draft202012Validator

from conftest import ROOT, environment
from corpora_on_disk import put, write
from sepflow import plugs
from sepflow.code import PACKAGE
from sepflow.corpora import kinds, layouts
from sepflow.errors import SepflowError
from sepflow.planning import plan


def test_what_the_source_declares_is_what_the_module_has():
    assert list(kinds.known()) == ["espeak", "folder", "noise"]
    for name in kinds.known():
        module = importlib.import_module(f"sepflow.corpora.{name}")
        assert plugs.declared("corpora", "KIND")[name] == module.KIND and callable(module.build)
        Draft202012Validator.check_schema(kinds.find(name).entry)


def scale_with(checkout, entry):
    scale = checkout.root / "config/scales/tiny.yaml"
    content = yaml.safe_load(scale.read_text())
    content["corpora"]["speech"] = entry
    scale.write_text(yaml.safe_dump(content))


SPLITS = {"validation": 1, "test": 1}
ESPEAK = {"kind": "espeak", "variants": 4, "utterances": 2, "splits": SPLITS}
NOISE = {"kind": "noise", "recordings": 4, "seconds": 2, "splits": SPLITS}
WRONG = [
    ({"kind": "foldr"}, ".kind: there is no kind of corpus 'foldr'; did you mean 'folder'?"),
    ({"kind": "librimx"}, ".kind: there is no kind of corpus 'librimx'; did you mean 'librimix'?"),
    ({"kind": "packed"}, ".kind: there is no kind of corpus 'packed'; there are: espeak, folder, noise, "),
    ({"kind": ["folder"]}, ".kind: ['folder'] is not of type 'string'"),
    ({"splits": {}}, ": not set: 'kind'"),
    ({"kind": "folder", "layout": "wjs0"}, ".layout: there is no layout 'wjs0'; did you mean 'wsj0'?"),
    ({"kind": "folder", "layout": 3}, ".layout: 3 is not of type 'string'"),
    ({"kind": "folder", "layuot": "wsj0"}, ": unknown key 'layuot'; did you mean 'layout'?"),
    ({"kind": "folder", "subsets": ["a"]}, ": 'layout' is a dependency of 'subsets'"),
    ({"kind": "folder", "splits": {"tset": 0.1}}, ".splits: unknown key 'tset'; did you mean 'test'?"),
    ({"kind": "folder", "channel": "left"}, ".channel: 'left' is not valid under any of the given schemas"),
    ({"kind": "folder", "channels": 2, "channel": 0}, ": channel, beside channels: one picks a channel"),
    ({"kind": "espeak", "variants": 4, "utterances": 2}, ": not set: 'splits'"),
    (ESPEAK | {"variants": 0}, ".variants: 0 is less than the minimum of 1"),
    (NOISE | {"seconds": 1}, ".seconds: 1 is less than or equal to the minimum of 1"),
    (NOISE | {"secnds": 1}, ": unknown key 'secnds'; did you mean 'seconds'?"),
    (NOISE | {"splits": {"test": 0.5}}, ".splits.test: 0.5 is not of type 'integer'"),
    ({"kind": "wsj0mix", "speech": "x", "nose": "y"}, ": unknown key 'nose'; did you mean 'noise'?"),
]


@pytest.mark.parametrize(("entry", "said"), WRONG)
def test_what_a_scale_says_wrong_of_a_corpus_is_named(checkout, voices, entry, said):
    scale_with(checkout, entry)
    config = {"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": str(voices)}}
    with pytest.raises(SepflowError) as error:
        plan.load(config, checkout.root)
    assert f"config/scales/tiny.yaml: corpora.speech{said}" in str(error.value)


def example(page):
    """The module that a page shows, to be taken literally."""
    return re.search(r"## How to add .*?```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S)[1]


@pytest.fixture
def own(checkout):
    """A checkout with a package of its own, to which files may be added; and how to ask Python there."""
    (checkout.root / "src").unlink()
    shutil.copytree(PACKAGE, checkout.root / "src/sepflow", ignore=shutil.ignore_patterns("__pycache__"))

    def ask(script):
        own = environment() | {"PYTHONPATH": str(checkout.root / "src")}
        words = [sys.executable, "-c", script]
        return subprocess.run(words, cwd=checkout.root, env=own, capture_output=True, text=True)

    return checkout, ask


PLANNED = """
import json, sys
from pathlib import Path
from sepflow.planning import plan
config = {"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": sys.argv[1]} if sys.argv[1:] else {}}
found = plan.load(config, Path())
print(json.dumps([name for name in ("torch", "numpy", "pandas") if name in sys.modules]))
print(json.dumps(found.corpora))
"""
BUILT = """
import sys
from pathlib import Path
from sepflow import corpora
from sepflow.corpora.packed import PackedCorpus
recipe = {recipe!r}
corpora.build(recipe, Path("built"), {path}, 1)
print(len(PackedCorpus("built")))
"""


def test_a_new_kind_is_one_file(own):
    checkout, ask = own
    entry = {"kind": "tones", "tones": 9, "splits": {"validation": 2, "test": 2}}
    scale_with(checkout, entry)
    assert "there is no kind of corpus 'tones'" in ask(PLANNED).stderr
    (checkout.root / "src/sepflow/corpora/tones.py").write_text(example("corpora.md"))
    imported, corpora = map(json.loads, ask(PLANNED).stdout.splitlines())
    (recipe,) = corpora.values()
    assert imported == [] and recipe == entry | {"rate": 8000, "recipe": 1}
    assert ask(BUILT.format(recipe=recipe, path=None)).stdout == "9\n"
    scale_with(checkout, entry | {"tones": 0})
    assert "corpora.speech.tones: 0 is less than the minimum" in ask(PLANNED).stderr
    scale_with(checkout, entry | {"tone": 3})
    assert "unknown key 'tone'; did you mean 'tones'?" in ask(PLANNED).stderr


def test_a_new_layout_is_one_file(own):
    checkout, ask = own
    raw, birds = checkout.root / "raw", [f"ROBIN-{number:04d}" for number in range(8)]
    put(
        raw,
        *(
            f"birds/{'test' if bird < 'ROBIN-0002' else 'train'}/{bird}_{k}.flac"
            for bird in birds
            for k in (1, 2)
        ),
    )
    write(raw, "birds.tsv", "bird\tsex", *(f"{bird}\tf" for bird in birds))
    layout = checkout.root / "src/sepflow/corpora/layouts/birds.py"
    layout.write_text(example("layouts.md"))
    scale_with(checkout, {"kind": "folder", "layout": "birds"})
    done = ask(PLANNED.replace("sys.argv[1:]", "True").replace("sys.argv[1]", repr(str(raw))))
    imported, corpora = map(json.loads, done.stdout.splitlines())
    (recipe,) = corpora.values()
    assert imported == [] and recipe["layout"] == "birds"
    assert ask(BUILT.format(recipe=recipe, path=repr(str(raw)))).stdout == "16\n"
    shutil.copy(layout, layout.with_name("again.py"))
    done = ask("from sepflow.corpora import layouts; layouts.find('birds')")
    assert "corpora/layouts/birds.py: LAYOUTS: birds: another module has one too" in done.stderr


def test_planning_any_layout_imports_no_numpy():
    script = """
import sys
from sepflow.corpora import kinds, layouts
assert len(layouts.known()) > 20 and len(kinds.known()) == 3
print([name for name in ("torch", "numpy", "pandas", "soundfile") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_documentation_has_every_layout():
    text = (ROOT / "docs/layouts.md").read_text()
    assert [name for name in layouts.known() if f"`{name}`" not in text] == []
