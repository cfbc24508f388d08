"""Where configurations and corpora lie: names are names, and a relative path means one thing."""

import os

import pytest

from conftest import ROOT
from sepflow.corpora.presence import folder_of
from sepflow.errors import SepflowError
from sepflow.planning import plan


@pytest.mark.parametrize("name", ["../papers/ts_mixit", "/etc/passwd", "./demo", "demo/", "x\0", "..", ""])
@pytest.mark.parametrize("key", ["scale", "papers"])
def test_names_of_papers_and_scales_are_no_paths(key, name):
    config = {"scale": "demo", "papers": ["ts_mixit"]} | {key: name if key == "scale" else [name]}
    with pytest.raises(
        SepflowError, match=r"is no name of a file in .*There are: .*(demo|ts_mixit)|no such file"
    ):
        plan.load(config, ROOT)


def test_a_relative_corpus_begins_at_the_checkout(checkout, voices, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = {"scale": "tiny", "papers": ["ts_mixit"]}
    absolute = plan.load(config | {"corpora": {"speech": str(voices)}}, checkout.root)
    relative = {"speech": os.path.relpath(voices, checkout.root)}
    assert list(plan.load(config | {"corpora": relative}, checkout.root).runs) == list(absolute.runs)
    assert folder_of("speech", relative, checkout.root).resolve() == voices.resolve()


@pytest.mark.parametrize("path", ["~nosuchuser/x", "nowhere", "x\0y", "loop"])
def test_a_path_that_is_none_is_named_with_its_key(checkout, path):
    (checkout.root / "loop").symlink_to("loop")
    config = {"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": path}}
    with pytest.raises(SepflowError, match="config.yaml: corpora.speech: "):
        plan.load(config, checkout.root)
