"""Networks that others trained: fetched in the layouts that they are published in, made runs, used frozen."""

import argparse
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml

import server
from conftest import ROOT, environment
from sepflow import models
from sepflow.cli import main
from sepflow.commands.explain import describe
from sepflow.corpora import catalogue as corpora
from sepflow.declarations import declaration
from sepflow.errors import SepflowError
from sepflow.identity import run_name
from sepflow.models.artefact import load_model
from sepflow.networks import catalogue
from sepflow.networks.places import Places
from sepflow.planning import plan
from sepflow.planning.checks import check_spec
from sepflow.tasks.built import load_used
from sepflow.tasks.fetched import completed
from sepflow.training.making import make
from test_toy import toy_checkout
from test_weights import Asks

NETWORKS = {name: catalogue.read(name, ROOT) for name in catalogue.names(ROOT)}
MODEL = {
    "name": "conv_tasnet", "sources": 1, "filters": 16, "kernel": 32, "stride": 16, "bottleneck": 8,
    "hidden": 16, "skip": 8, "blocks": 2, "repeats": 1,
}  # fmt: skip
ENTRY = {
    "title": "A tiny network",
    "homepage": "http://tiny",
    "licence": {"name": "CC0", "allows": "any use"},
    "access": "free",
    "papers": ["perl"],
    "file": "tiny.pt",
    "rate": 8000,
    "layers": {"encoder": "16 filters"},
    "model": MODEL,
}


def network(seed: int = 1, **changes) -> torch.nn.Module:
    torch.manual_seed(seed)
    return models.build(MODEL | changes)


STATE = network().state_dict()


def saved(content, old=False) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=not old)
    return file.getvalue()


def wheel(member: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny/__init__.py", "raise SystemExit('run')")
        archive.writestr(member, content)
    return file.getvalue()


def under(prefix: str) -> dict:
    return {prefix + name: weight for name, weight in STATE.items()}


LAYOUTS = {
    "under a key, with its sampler and a front end": (
        saved({"model": {"stft.weight": torch.ones(3)} | STATE, "sampler": {"indexes": np.arange(4)}}),
        {"state": ["model"], "left_out": ["stft."], "beside": ["numpy"]},
    ),
    "the same, before torch 1.6": (
        saved({"model": STATE, "sampler": {"indexes": np.arange(4)}}, old=True),
        {"state": ["model"], "beside": ["numpy"]},
    ),
    "a Lightning checkpoint": (
        saved(
            {
                "state_dict": under("net."),
                "hyper_parameters": argparse.Namespace(labels=["_", "A"]),
                "callbacks": {argparse.Action: {"best": torch.tensor(1.0)}},
                "pytorch-lightning_version": "1.0.8",
            }
        ),
        {"state": ["state_dict"], "renamed": {"net.": ""}, "beside": ["argparse"]},
    ),
    "bare weights": (saved(STATE, old=True), {}),
    "weights of half the bits": (saved({name: x.double() for name, x in STATE.items()}), {}),
    "safetensors": (safetensors.torch.save(STATE), {"file": "tiny.safetensors"}),
    "a member of a wheel, with its optimiser": (
        wheel("tiny/pretrained.pt", saved({"model_state": STATE, "optimizer_state": {"lr": 1}}, old=True)),
        {
            "file": "tiny-0.1.4-py3-none-any.whl",
            "member": "tiny/pretrained.pt",
            "state": ["model_state"],
        },
    ),
}


@pytest.fixture
def root(tmp_path):
    """A checkout without networks."""
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("networks"))
    (tmp_path / "config/networks").mkdir()
    (tmp_path / "config/config.yaml").write_text("{scale: smoke, papers: [ts_mixit]}")
    return tmp_path


def enter(root, data: bytes, url: str = "http://127.0.0.1:9/x", summed: bool = True, **changes) -> None:
    """Write the catalogue's entry of a file with these bytes."""
    told = {"urls": [url], "size": len(data) or None}
    told |= {"checksum": f"sha256:{hashlib.sha256(data).hexdigest()}"} if summed else {}
    entry = {key: value for key, value in (ENTRY | told | changes).items() if value is not None}
    (root / "config/networks/tiny.yaml").write_text(yaml.safe_dump(entry))


def put(root, data: bytes, summed: bool = True, **changes) -> None:
    """Enter a file, and put it where it would be fetched to."""
    enter(root, data, summed=summed, **changes)
    folder = root / "data/networks/tiny"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / changes.get("file", ENTRY["file"])).write_bytes(data)


def spec_of(root) -> dict:
    said = {"task": "fetched", "recipe": 1, "fetched": {"network": "tiny"}}
    return completed(said, root, "here") | {"uses": {}, "init": None}


def made(root):
    """The directory of the run, made of what lies there."""
    spec = spec_of(root)
    out = root / "results/runs" / run_name(spec)
    make(spec, out, root / "results", places=Places.of(root))
    return out


def refused(root) -> str:
    with pytest.raises(SepflowError) as error:
        made(root)
    assert not list(root.glob("results/runs/*/model.safetensors"))
    return str(error.value)


def run(capsys, *words) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_published_layout_is_fetched_and_becomes_a_run(root, capsys, layout):
    data, changes = LAYOUTS[layout]
    with server.serving() as site:
        url = site.put("there", data)
        enter(root, data, url, **changes)
        code, out, err = run(capsys, "fetch", "tiny", "--directory", root)
        assert code == 0 and "CC0" in out, err
    weights, _ = load_model((directory := made(root)) / "model.safetensors")
    assert list(weights) == sorted(STATE)
    assert all(torch.equal(weights[name], weight) for name, weight in STATE.items())
    record = json.loads((directory / "run.json").read_text())
    assert record["sha256"] == hashlib.sha256(data).hexdigest() and record["licence"] == "CC0"
    assert record["address"] == [url] and record["parameters"] == sum(x.numel() for x in STATE.values())


def test_a_run_uses_it_frozen(root):
    put(root, saved(STATE))
    directory = made(root)
    before = torch.get_rng_state()
    used = load_used({"uses": {"event": directory.name}}, root / "results")["event"]
    assert torch.equal(torch.get_rng_state(), before)
    sound = torch.randn(2, 800, requires_grad=True)
    heard = used(sound)
    assert torch.equal(heard, network().eval()(sound))
    heard.sum().backward()
    assert sound.grad.abs().sum() > 0 and not any(x.requires_grad for x in used.task.parameters())


def with_nan() -> dict:
    name = next(iter(STATE))
    return STATE | {name: STATE[name] * float("nan")}


BAD = {
    "another network": (saved(network(filters=24).state_dict()), {}, "of another shape .file, network.: "),
    "a weight too few": (saved(dict(list(STATE.items())[1:])), {}, "1 weights only in the network: "),
    "a weight too many": (saved(STATE | {"more": torch.ones(1)}), {}, "1 weights only in the file: more"),
    "a weight that is none": (saved(STATE | {"more": 3}), {}, "more: a int in place of a weight"),
    "a NaN": (saved(with_nan()), {}, "has NaN or infinite weights"),
    "another key": (saved({"model": STATE}), {"state": ["modle"]}, "state: there is no key 'modle'; did you"),
    "no key at all": (saved({"model": STATE}), {}, "model: a OrderedDict in place of a weight. Are the keys"),
    "a list": (saved([1]), {}, "a list in place of weights by names"),
    "two of one name": (saved(STATE | under("x.")), {"renamed": {"x.": ""}}, "which another is called"),
    "a zip cut short": (saved(STATE)[:-300], {}, "does not read"),
    "an old file cut short": (saved(STATE, old=True)[:-300], {}, "does not read .*cut short"),
    "safetensors cut short": (safetensors.torch.save(STATE)[:-30], {}, "does not read"),
    "no member": (wheel("tiny/a.pt", b""), {"member": "tiny/b.pt"}, "no member 'tiny/b.pt'; did you mean"),
    "no wheel": (saved(STATE, old=True), {"member": "tiny/b.pt"}, "no whole zip"),
    "a swollen member": (wheel("a.pt", bytes(10**6)), {"member": "a.pt"}, "a.pt: unpacks to far more"),
    "a foreign object": (
        saved({"x": np.arange(3)}),
        {},
        "numpy.* add numpy to `beside` in config/networks/t",
    ),
    "a web page": (b"<!doctype html><p>Not found", {}, "neither safetensors nor written by torch.save"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_with_a_file_is_one_message_with_the_way_out(root, what):
    data, changes, words = BAD[what]
    put(root, data, summed=False, **changes)
    said = refused(root)
    assert re.search(words, said), said
    assert str(root / "data/networks/tiny/tiny.pt") in said and "sepflow fetch tiny" in said


def test_a_file_that_is_not_there_or_another_says_how_to_get_it(root):
    put(root, saved(STATE))
    path = root / "data/networks/tiny/tiny.pt"
    path.write_bytes(saved(network(2).state_dict()))
    assert re.search(r"has the sha256 \w+, and \w+ was published(.|\n)*sepflow fetch tiny", refused(root))
    path.unlink()
    assert re.search(r"tiny.pt: no such file. To have it: sepflow fetch tiny", refused(root))
    enter(root, b"", urls=None, access="request", instructions="Ask Ann.")
    assert "it has to be asked for, as sepflow networks tiny says" in refused(root)


def test_a_file_that_would_run_something_is_refused_and_runs_nothing(root):
    bomb = Asks(os.system, f"touch {root / 'made'}")
    for content in (bomb, {"state_dict": STATE, "x": bomb}):
        put(root, saved(content), state=["state_dict"])
        said = refused(root)
        assert "its pickle asks for posix.system, which is no weight; nothing of it was run" in said
    put(root, saved({"state_dict": STATE, "x": bomb}), state=["state_dict"], beside=["posix"])
    assert made(root) and not (root / "made").exists()


def test_a_layer_that_is_none_is_said_of_the_catalogue(root):
    put(root, saved(STATE), layers={"encodr": "16 filters"})
    assert "config/networks/tiny.yaml: layers: encodr: no layer of conv_tasnet" in refused(root)


class TestPlan:
    """A run of a paper that is fetched."""

    @pytest.fixture
    def paper(self, root):
        """What is planned where ts_mixit has such a run, which says so much of its network."""

        def planned(said: dict | None = None, config: dict | None = None, **more) -> plan.Plan:
            path = root / "config/papers/ts_mixit.yaml"
            paper = yaml.safe_load((ROOT / "config/papers/ts_mixit.yaml").read_text())
            paper["stages"]["listen"] = {"task": "fetched"}
            paper["runs"]["ear"] = {"stage": "listen", "fetched": said or {"network": "tiny"}, **more}
            path.write_text(yaml.safe_dump(paper))
            return plan.load({"scale": "smoke", "papers": ["ts_mixit"]} | (config or {}), root)

        enter(root, b"")
        return planned

    def test_needs_no_weights_and_has_all_that_decides_them_in_its_name(self, root, paper):
        ear = paper().find("ear")
        assert ear.spec["model"] == MODEL and ear.spec["fetched"]["checksum"].startswith("sha256:")
        assert ear.spec == spec_of(root) | {
            key: ear.spec[key] for key in ear.spec.keys() - spec_of(root).keys()
        }
        names = {ear.name}
        for changes in (
            {"title": "Another title"},
            {"layers": {"decoder": "the last"}},
            {"beside": ["numpy"]},
        ):
            enter(root, b"", **changes)
            names.add(paper().find("ear").name)
        assert len(names) == 1
        differing = (
            {"left_out": ["x"]},
            {"renamed": {"a": "b"}},
            {"state": ["a"]},
            {"member": "a"},
            {"checksum": f"md5:{0:032}"},
            {"file": "b.pt"},
            {"model": MODEL | {"filters": 8}},
        )
        for changes in differing:
            enter(root, b"", **changes)
            names.add(paper().find("ear").name)
        assert len(names) == 1 + len(differing)

    @pytest.mark.parametrize(
        ("said", "more", "words"),
        [
            (
                {"network": "tinny"},
                {},
                "runs.ear: fetched.network: there is no network 'tinny'; did you mean",
            ),
            ({"network": "tiny", "checksum": "md5:1"}, {}, "runs.ear: fetched: say no more than"),
            ({"netwrk": "tiny"}, {}, "runs.ear: fetched: say no more than"),
            (None, {"model": {"name": "conv_tasnet", "sources": 1}}, "runs.ear: fetched: .*no model beside"),
            (None, {"steps": 3}, "runs.ear: steps: no key of the task fetched"),
        ],
    )
    def test_what_a_paper_says_wrong_is_one_message(self, paper, said, more, words):
        with pytest.raises(SepflowError, match=words):
            paper(said, **more)

    def test_what_the_catalogue_says_wrong_is_one_message(self, root, paper):
        enter(root, b"", model=None)
        with pytest.raises(
            SepflowError, match="config/networks/tiny.yaml has no model: no network of this sepf"
        ):
            paper()
        enter(root, b"", model=MODEL | {"filtres": 3})
        with pytest.raises(
            SepflowError, match="runs.ear.model: unknown key 'filtres'; did you mean 'filters'"
        ):
            paper()

    def test_a_training_begins_with_it_but_from_whom_it_has_heard_nobody_can_be_apart(self, root, paper):
        path = root / "config/papers/ts_mixit.yaml"
        whole = yaml.safe_load(path.read_text())["models"]["conv_tasnet"] | MODEL
        enter(root, b"", model=whole)
        paper()
        content = yaml.safe_load(path.read_text())
        content["runs"]["grown"] = {"stage": "supervised", "init": "ear", "model": whole | {"sources": 2}}
        path.write_text(yaml.safe_dump(content))
        config = {"scale": "smoke", "papers": ["ts_mixit"]}
        assert plan.load(config, root).find("grown").spec["init"] == plan.load(config, root).find("ear").name
        content["runs"]["grown"]["disjoint_speakers"] = True
        path.write_text(yaml.safe_dump(content))
        with pytest.raises(SepflowError, match="runs.grown: disjoint_speakers: init is a run of the task"):
            plan.load(config, root)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"state": [3]}, r"fetched: state must be a list of texts, not \[3\]"),
            ({"file": ""}, "fetched: file must be a text, not ''"),
            ({"renamed": {"a": 1}}, "fetched: renamed must be texts by names"),
            ({"membr": "a"}, "fetched: unknown key 'membr'; did you mean 'member'"),
        ],
    )
    def test_a_spec_from_elsewhere_is_held_against_its_types(self, root, paper, change, words):
        spec = paper().find("ear").spec
        check_spec(spec, root / "config", "ear.yaml: spec")
        with pytest.raises(SepflowError, match=words):
            check_spec(spec | {"fetched": spec["fetched"] | change}, root / "config", "ear.yaml: spec")

    def test_a_place_in_config_yaml_is_of_a_network_that_there_is(self, root, paper):
        paper(config={"networks": {"tiny": "/x"}})
        with pytest.raises(SepflowError, match="config.yaml: networks.tinny: .*did you mean 'tiny'"):
            paper(config={"networks": {"tinny": "/x"}})


def test_every_entry_is_valid_and_called_like_no_corpus():
    assert len(NETWORKS) == 6
    assert not set(NETWORKS) & set(corpora.names(ROOT))
    for name, one in NETWORKS.items():
        assert one.source.licence and one.source.allows and one.source.homepage.startswith("http"), name
        assert one.layers and one.source.papers and one.part.free == bool(one.part.archives), name
        for archive in one.part.archives:
            assert archive.urls and archive.kind == "file" and archive.checksum == one.checksum, name
        if one.model:
            hyper = {key: value for key, value in one.model.items() if key != "name"}
            declaration("models", one.model["name"]).check(hyper)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"titel": "x"}, "unknown key 'titel'; did you mean 'title'"),
        ({"papers": ["pearl"]}, "papers.0: 'pearl' is not one of"),
        ({"file": "../tiny.pt"}, "file: "),
        ({"member": "../tiny.pt"}, "member: "),
        ({"checksum": "md5:12"}, "checksum: "),
        ({"urls": None}, "urls are for what is free, and for all that is"),
        ({"access": "request", "urls": None}, "not free, so instructions are needed"),
        ({"model": {"filters": 3}}, "model: not set: 'name'"),
        ({"layers": {}}, "layers: "),
    ],
)
def test_a_wrong_entry_is_said_with_file_and_key(root, change, words):
    enter(root, b"", **change)
    with pytest.raises(SepflowError, match=words) as error:
        catalogue.read("tiny", root)
    assert "config/networks/tiny.yaml" in str(error.value)


def test_the_list_fits_and_says_the_next_step(capsys):
    code, out, _ = run(capsys, "networks", "--directory", ROOT)
    assert code == 0 and max(map(len, out.splitlines())) <= 110
    for name in NETWORKS:
        step = "fetch" if NETWORKS[name].part.free else "networks"
        assert re.search(rf"^{name} ", out, re.M) and re.search(rf"^  sepflow {step} {name}( |$)", out, re.M)
        code, out_of_one, _ = run(capsys, "networks", name, "--directory", ROOT)
        assert code == 0 and NETWORKS[name].source.licence in out_of_one
        assert all(layer in out_of_one for layer in NETWORKS[name].layers)
        assert max(map(len, out_of_one.splitlines())) <= 110


def test_what_is_here_is_told(root, capsys):
    put(root, saved(STATE))
    _, out, _ = run(capsys, "networks", "--directory", root)
    assert re.search(r"^tiny +there +- +CC0 +conv_tasnet +perl$", out, re.M) and "sepflow fetch" not in out
    _, out, _ = run(capsys, "networks", "--json", "--directory", root)
    told = json.loads(out)["tiny"]
    assert (told["state"], told["rate"], told["next"]) == ("there", 8000, [])
    assert told["file"] == str(root / "data/networks/tiny/tiny.pt")
    (root / "config/config.yaml").write_text(
        "{scale: smoke, papers: [ts_mixit], networks: {tiny: elsewhere}}"
    )
    _, out, _ = run(capsys, "networks", "tiny", "--directory", root)
    assert f"{root / 'elsewhere/tiny.pt'} (missing)" in out and "sepflow fetch tiny" in out


def test_what_has_to_be_asked_for_is_not_fetched(root, capsys):
    enter(root, b"", urls=None, access="request", instructions="Ask Ann.")
    code, _, err = run(capsys, "fetch", "tiny", "--directory", root)
    assert code == 1 and "Ask Ann" in err
    _, out, _ = run(capsys, "networks", "--directory", root)
    assert "sepflow networks tiny" in out


def test_an_unknown_name_is_looked_for_in_both_catalogues(root, capsys):
    enter(root, b"")
    for wrong, right in [("tinny", "tiny"), ("librispeach", "librispeech"), ("tiny/wieghts", "weights")]:
        code, _, err = run(capsys, "fetch", wrong, "--directory", root)
        assert code == 1 and f"did you mean {right!r}" in err


def test_elsewhere_it_is_fetched_too_and_the_config_line_is_said(root, capsys):
    data = saved(STATE)
    with server.serving() as site:
        enter(root, data, site.put("there", data))
        code, out, _ = run(capsys, "fetch", "tiny", "--directory", root, "--to", root / "big")
    assert code == 0 and f"Set in config/config.yaml: networks: {{tiny: {root / 'big'}}}" in out
    config = {"scale": "smoke", "papers": ["ts_mixit"], "networks": {"tiny": str(root / "big")}}
    (root / "config/config.yaml").write_text(yaml.safe_dump(config))
    assert made(root)


def test_a_paper_uses_one_from_its_address_to_a_trained_run(voices, tmp_path):
    """The toy paper, whose judge is fetched, by the workflow, and used frozen."""
    checkout = toy_checkout(tmp_path / "checkout", voices)
    checkout.edit("src/sepflow/tasks/dereverb/__init__.py", 'Use(("separation",))', 'Use(("fetched",))')
    paper = yaml.safe_load((checkout.root / "config/papers/toy.yaml").read_text())
    paper["stages"]["judge"] = {"task": "fetched", "fetched": {"network": "tiny"}}
    del paper["tables"]["table2"]
    checkout.write("config/papers/toy.yaml", yaml.safe_dump(paper))
    data = saved({"model": STATE})
    ours = {"cwd": checkout.root, "env": os.environ | {"PYTHONPATH": str(checkout.root / "src")}}
    with server.serving() as site:
        enter(checkout.root, data, site.put("there", data), state=["model"])
        told = sepflow("status", **ours).stdout
        assert re.search(r"judge of toy: .* - tiny.pt is missing: sepflow fetch tiny\n", told), told
        done = checkout.snakemake("data/networks/tiny/.sepflow/weights.json")
        assert done.returncode == 0, done.stderr
    assert "is missing" not in sepflow("status", **ours).stdout
    spec = yaml.safe_load(sepflow("why", "dereverb", **ours).stdout)
    trained = checkout.root / f"results/runs/{run_name(spec)}"
    done = checkout.snakemake(str((trained / "model.safetensors").relative_to(checkout.root)))
    assert done.returncode == 0 and (trained / "model.safetensors").exists(), done.stderr
    weights, _ = load_model(trained.with_name(spec["uses"]["judge"]) / "model.safetensors")
    assert all(torch.equal(weights[name], weight) for name, weight in STATE.items())
    assert sepflow("verify", **ours).returncode == 0


def test_a_plan_shows_it_and_it_is_made_without_a_workflow(root):
    put(root, saved(STATE))
    (root / "ear.yaml").write_text(yaml.safe_dump(spec_of(root)))
    shown = describe(plan.Plan("tiny", False, {"x": plan.Run("x", "listen", spec_of(root), ["toy/ear"])}))
    assert re.search(r"ear +x +listen +conv_tasnet, 1 out +[\d,]+ +- +fetched +made without", shown)
    done = sepflow("train", "ear.yaml", "--out", "alone", cwd=root, env=environment())
    assert done.returncode == 0, done.stderr
    assert (root / "alone/model.safetensors").read_bytes() == (made(root) / "model.safetensors").read_bytes()
    assert json.loads((root / "alone/run.json").read_text())["run"] == run_name(spec_of(root))


def sepflow(*words: str, **how) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "sepflow", *words], capture_output=True, text=True, **how)
