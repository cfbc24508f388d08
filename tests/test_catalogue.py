"""The catalogue of corpora, what it says of this machine, and the workflow's way to it."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

import server
from conftest import ROOT
from sepflow.cli import main
from sepflow.corpora import catalogue
from sepflow.corpora.presence import find_part, folder_of
from sepflow.errors import SepflowError
from sepflow.planning import plan
from test_fetch import DATA, TOY, tree

PAPERS = {"ts_mixit", "ssl_pretraining", "task_aware_sed", "atss_net", "perl"}
CORPORA = {name: catalogue.read(name, ROOT) for name in catalogue.names(ROOT)}


@pytest.fixture
def toys(tmp_path):
    """A checkout whose catalogue is a corpus with a free part and one to be asked for."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "config/config.yaml").write_text("{scale: smoke, papers: [ts_mixit]}")
    for path in (tmp_path / "config/corpora").glob("*.yaml"):
        path.unlink()
    toy = {
        "title": "Toy corpus",
        "homepage": "http://toy",
        "licence": {"name": "CC0", "allows": "any use"},
        "access": "free",
        "instructions": "Ask Ann for the tests.",
        "papers": {"perl": ["dev", "test"]},
        "parts": {
            "dev": {
                "archives": [{"file": "dev.tar.gz", "urls": ["http://127.0.0.1:9/x"], "size": len(DATA)}],
                "expects": ["Toy/dev"],
            },
            "test": {"access": "request", "expects": {"tree": ["Toy/test"], "discs": ["d[0-9]*/test/*.wav"]}},
        },
    }
    write(tmp_path, toy)
    return tmp_path, toy


def write(root, toy):
    (root / "config/corpora/toy.yaml").write_text(yaml.safe_dump(toy))


def run(capsys, *words):
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_every_file_is_valid_and_every_paper_has_its_corpora():
    assert len(CORPORA) == 21
    assert {paper for corpus in CORPORA.values() for paper in corpus.papers} == PAPERS
    for name, corpus in CORPORA.items():
        assert corpus.licence and corpus.allows and corpus.homepage.startswith("http"), name


def needed(paper):
    return {name: set(corpus.papers[paper]) for name, corpus in CORPORA.items() if paper in corpus.papers}


def test_the_papers_need_what_they_say():
    assert needed("ssl_pretraining") == {
        "librispeech": {"train-clean-100", "train-clean-360", "dev-clean", "test-clean"},
        "librimix": {"metadata"},
        "wham_noise": {"noise"},
        "wsj0": {"all"},
        "wsj0_mix": {"metadata"},
    }
    assert set(needed("ts_mixit")) == {"wsj0", "wsj1", "wsj0_mix", "wham_noise", "whamr", "cmudict"}
    assert set(needed("task_aware_sed")) == {"desed", "sins", "tut", "fuss"}
    assert set(needed("atss_net")) == {"voxceleb", "librispeech", "aishell2", "musdb18"}
    assert set(needed("perl")) == {"vctk_demand", "audioset", "librispeech", "voxceleb", "iemocap"}


def test_archives_have_distinct_addresses_that_end_in_their_names():
    urls = [url for c in CORPORA.values() for p in c.parts.values() for a in p.archives for url in a.urls]
    assert len(urls) == len(set(urls)) > 60
    for corpus in CORPORA.values():
        for part in corpus.parts.values():
            for archive in part.archives:
                for url in archive.urls:
                    known = archive.name in url or "/api/core/bitstreams/" in url or "github.com" in url
                    assert known, url


def test_librispeech_is_what_openslr_publishes():
    parts = CORPORA["librispeech"].parts
    assert len(parts) == 7
    assert sum(part.size for part in parts.values()) == 61_357_943_031
    dev = parts["dev-clean"].archives[0]
    assert dev.urls[0] == "https://www.openslr.org/resources/12/dev-clean.tar.gz" and len(dev.urls) == 4
    assert dev.checksum == "md5:42e2234ba48799c1f50f24a7926300a1" and dev.exact


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"titel": "x"}, "unknown key 'titel'; did you mean 'title'"),
        ({"access": "libre"}, "access: 'libre' is not one of"),
        ({"papers": {"perl": ["devv"]}}, "papers.perl: .*did you mean 'dev'"),
        ({"papers": {"pearl": ["dev"]}}, "'pearl' is not one of"),
        ({"parts": {"dev": {"expects": ["x"]}}}, "parts.dev: archives are for what is free"),
        ({"parts": {"dev": {"expects": ["../x"], "access": "request"}}}, "expects"),
        ({"parts": {"dev": {"expects": ["x"], "archives": [{"file": "a.zip"}]}}}, "a.zip has no url"),
        ({"parts": {"dev": {"expects": ["x"], "archives": [{"file": "../a.zip"}]}}}, "file"),
    ],
)
def test_a_wrong_entry_is_said_with_file_and_key(toys, change, words):
    root, toy = toys
    write(root, toy | change)
    with pytest.raises(SepflowError, match=words) as error:
        catalogue.read("toy", root)
    assert "toy.yaml" in str(error.value)


def test_parts_are_found_by_name(toys):
    root, _ = toys
    assert [part.name for part in catalogue.find_parts("toy/test", root)[1]] == ["test"]
    assert [part.name for part in catalogue.find_parts("toy", root)[1]] == ["dev"]  # what is free
    for wanted, words in [("toyy", "did you mean 'toy'"), ("toy/tset", "did you mean 'test'")]:
        with pytest.raises(SepflowError, match=words):
            catalogue.find_parts(wanted, root)


def test_what_is_there_is_found_in_any_layout(toys, tmp_path):
    root, _ = toys
    parts = catalogue.read("toy", root).parts
    here = tmp_path / "here"
    (here / "Toy/dev").mkdir(parents=True)
    assert find_part(parts["dev"], here).state == "missing"  # an empty folder
    (here / "Toy/dev/x.wav").touch()
    assert find_part(parts["dev"], here).layout == "as published"
    assert find_part(parts["dev"], here / "Toy").there  # the folder in it is as good
    (here / "d2/test").mkdir(parents=True)
    assert not find_part(parts["test"], here).there
    (here / "d2/test/x.wav").touch()
    assert find_part(parts["test"], here).layout == "discs"
    assert not find_part(parts["test"], here / "nowhere").there


def test_a_folder_is_that_of_the_config_or_the_usual_one():
    assert folder_of("toy", {}, Path("/c")) == Path("/c/data/toy")
    assert folder_of("toy", {"toy": "/big/toy"}, Path("/c")) == Path("/big/toy")
    assert folder_of("toy", {"toy": "~/toy"}, Path("/c")) == Path.home() / "toy"


def test_the_list_fits_and_says_the_next_step(capsys):
    code, out, _ = run(capsys, "corpora", "--directory", ROOT)
    assert code == 0 and max(map(len, out.splitlines())) <= 110
    for name in CORPORA:
        assert re.search(rf"^{name} ", out, re.M), name
    assert "sepflow fetch wham_noise" in out and "sepflow corpora wsj0" in out


@pytest.mark.parametrize("name", sorted(CORPORA))
def test_every_corpus_is_described_in_full(name, capsys):
    code, out, _ = run(capsys, "corpora", name, "--directory", ROOT)
    assert code == 0 and CORPORA[name].licence in out and max(map(len, out.splitlines())) <= 110
    if CORPORA[name].access != "free":
        assert f"corpora.{name}" in out and "http" in CORPORA[name].instructions


def test_what_is_here_is_counted(toys, capsys):
    root, _ = toys
    dev = root / "elsewhere/Toy/dev"
    dev.mkdir(parents=True)
    (dev / "x.wav").write_bytes(bytes(1_234_567))
    config = f"{{scale: smoke, papers: [ts_mixit], corpora: {{toy: {root / 'elsewhere'}}}}}"
    (root / "config/config.yaml").write_text(config)
    code, out, _ = run(capsys, "corpora", "--directory", root)
    assert code == 0 and re.search(r"toy +1 of 2 +1.2 MB +- +partly free +perl", out)
    assert "perl              toy (test)" in out and "sepflow fetch" not in out
    _, out, _ = run(capsys, "corpora", "--json", "--directory", root)
    toy = json.loads(out)["toy"]
    assert toy["bytes_on_disk"] == 1_234_567 and toy["folder"] == str(root / "elsewhere")
    assert {name: part["state"] for name, part in toy["parts"].items()} == {"dev": "there", "test": "missing"}
    _, out, _ = run(capsys, "corpora", "toy", "--directory", root)
    assert "Ask Ann" in out and re.search(r"dev +there", out)


def test_fetching_by_the_command(toys, capsys):
    root, toy = toys
    with server.serving() as site:
        toy["parts"]["dev"]["archives"][0]["urls"] = [site.put("x", DATA)]
        write(root, toy)
        code, out, _ = run(capsys, "fetch", "toy", "--directory", root, "--to", root / "big")
        assert code == 0 and tree(root / "big") == TOY
        assert f"corpora: {{toy: {root / 'big'}}}" in out and "Not free: test" in out
        assert run(capsys, "fetch", "toy/dev", "--directory", root)[0] == 0 and tree(root / "data/toy") == TOY
        site.asked.clear()
        code, out, _ = run(capsys, "fetch", "toy/dev", "--directory", root)
        assert code == 0 and "there already" in out and site.asked == []
    code, _, err = run(capsys, "fetch", "toy/test", "--directory", root)
    assert code == 1 and "Ask Ann" in err


def test_the_workflow_fetches_what_is_asked_for_by_name_and_nothing_else(checkout):
    assert "fetch" not in checkout.planned()
    shutil.rmtree(checkout.root / "config/corpora")
    (checkout.root / "config/corpora").mkdir()
    with server.serving() as site:
        archive = {"file": "dev.tar.gz", "urls": [site.put("x", DATA)], "size": len(DATA)}
        toy = {
            "title": "Toy",
            "homepage": "http://toy",
            "licence": {"name": "CC0", "allows": "any use"},
            "access": "free",
            "papers": {},
            "parts": {"dev": {"archives": [archive], "expects": ["Toy/dev"]}},
        }
        write(checkout.root, toy)
        target = "data/toy/.sepflow/dev.json"
        done = checkout.snakemake(target)
        assert done.returncode == 0, done.stderr
        assert tree(checkout.root / "data/toy") == TOY
        site.asked.clear()
        # Of a record that was lost nothing is fetched again.
        (checkout.root / target).unlink()
        assert checkout.snakemake(target).returncode == 0 and site.asked == []


def test_a_corpus_that_is_not_there_names_the_command(toys):
    root, _ = toys
    scale = yaml.safe_load((root / "config/scales/smoke.yaml").read_text())
    scale["corpora"] = {"toy": {"kind": "folder"}}
    scale["roles"] = {"clean_speech_pairs": "toy"}
    (root / "config/scales/smoke.yaml").write_text(yaml.safe_dump(scale))
    with pytest.raises(SepflowError, match=r"corpora.toy is not set(.|\n)*sepflow fetch toy"):
        plan.load({"scale": "smoke", "papers": ["ts_mixit"]}, root)


def test_a_path_of_a_corpus_of_the_catalogue_is_no_mistake(toys):
    root, _ = toys
    plan.load({"scale": "demo", "papers": ["ts_mixit"], "corpora": {"toy": "/x"}}, root)
    with pytest.raises(SepflowError, match="corpora.toyy"):
        plan.load({"scale": "demo", "papers": ["ts_mixit"], "corpora": {"toyy": "/x"}}, root)
