"""The rehearsal of scale `paper`: look-alikes of all its corpora, and a scale that differs in sizes alone."""

import pytest
import yaml

from conftest import ROOT
from rehearsal import lookalikes, scale
from rehearsal.__main__ import planned
from rehearsal.lookalikes import Asked, librimix, librispeech, wham_noise, wsj0, wsj0mix
from rehearsal.run import jobs_of, targets
from sepflow.corpora.layouts import find, recordings
from sepflow.errors import SepflowError
from sepflow.identity import difference, flatten
from sepflow.planning import plan
from sepflow.simulation.librimix.inputs import read_rows
from sepflow.simulation.wsj0mix.lists import read_list, read_powers

PAPERS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "config/papers").glob("*.yaml")}
FULL = yaml.safe_load((ROOT / "config/scales/paper.yaml").read_text())
SMALL = scale.derive(FULL, PAPERS)
SIZES = {"mixtures", "first", "batch", "segment", "steps", "validate_every", "min_seconds"}


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """Scale `paper` as it is, and rehearsed."""
    small, version, found = planned("paper", tmp_path_factory.mktemp("rehearsal"))
    assert (small, version) == (SMALL, scale.version_of(SMALL, PAPERS))
    return plan.load({"scale": "paper", "papers": [*PAPERS]}, ROOT), found


def by_label(found: plan.Plan) -> dict[str, plan.Run]:
    return {label: run for run in found.runs.values() for label in run.aliases}


def test_every_corpus_of_scale_paper_has_a_look_alike():
    for name, entry in FULL["corpora"].items():
        assert callable(lookalikes.find(name, entry).write)


def test_a_layout_without_a_look_alike_is_named_before_anything_is_written(tmp_path):
    corpora = FULL["corpora"] | {"events": {"kind": "folder", "layout": "desed"}}
    with pytest.raises(SepflowError, match="corpora.events: no look-alike of the layout desed yet. Write"):
        lookalikes.write_all(corpora, {}, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(SepflowError, match="the kind scenes yet"):
        lookalikes.find("scenes", {"kind": "scenes"})


def test_a_rehearsed_scale_differs_in_sizes_alone():
    for name, paper in PAPERS.items():
        full = FULL["papers"].get(name, {})
        changed = {key for key, *_ in difference(full, SMALL["papers"][name])}
        assert changed and {key.rpartition(".")[2] for key in changed} <= SIZES | {"epochs"}
        assert all(key.split(".")[0] in ("mixes", "base", "stages", "runs") for key in changed)
        assert paper["mixes"].keys() == SMALL["papers"][name]["mixes"].keys()
    others = {key: value for key, value in SMALL.items() if key not in ("papers", "untrained")}
    assert others == {key: value for key, value in FULL.items() if key != "papers"}
    assert SMALL["untrained"]


def test_each_run_of_a_rehearsal_is_that_of_the_paper_but_for_its_sizes(plans):
    full, small = map(by_label, plans)
    assert full.keys() == small.keys() and len(small) > 30
    for label, run in small.items():
        differs = difference(full[label].spec, run.spec)
        built_on = {"init", "data.mix.run", "validation.mix.run", "joint.mix.run"}
        keys = {key for key, *_ in differs if key not in built_on and not key.startswith("uses.")}
        assert {key.rpartition(".")[2] for key in keys} <= SIZES | {"release"}, label
        assert run.spec["steps"] <= 2 * scale.FEW and run.spec["segment"] <= scale.SECONDS
        assert run.stage == full[label].stage
    assert set(plans[0].tables) == set(plans[1].tables) and set(plans[0].figures) == set(plans[1].figures)


def test_nothing_of_a_rehearsal_goes_by_the_name_of_what_is_real(plans):
    full, small = plans
    for part in ("corpora", "mixes", "runs"):
        assert not getattr(full, part).keys() & getattr(small, part).keys()
    releases = [recipe["release"] for recipe in small.corpora.values()]
    assert f"look-alike {scale.version_of(SMALL, PAPERS)} of LDC93S6A" in releases


def test_sizes_are_cut_wherever_they_are_said():
    said = {
        "base": {"batch": 24, "steps": 75000, "validate_every": 2500, "weak": {"mix": "w", "batch": 6}},
        "mixes": {"a": {"split": "train", "mixtures": 20000}, "b": {"split": "test", "mixtures": 3000}},
        "runs": {"x": {"batch": 1, "segment": 0.25, "data": {"first": None, "crop": "fixed"}, "epochs": 200}},
    }
    assert flatten(scale.cut(said)) == {
        "base.batch": 2, "base.steps": 2, "base.validate_every": 1, "base.weak.batch": 2,
        "mixes.a.mixtures": 2, "mixes.b.mixtures": 4,
        "runs.x.batch": 1, "runs.x.segment": 0.25, "runs.x.epochs": 2,
    }  # fmt: skip


def test_other_look_alikes_have_another_version():
    small = scale.derive(FULL, PAPERS)
    before = scale.version_of(small, PAPERS)
    small["corpora"]["librispeech"]["subsets"] = ["dev-clean"]
    assert scale.version_of(SMALL, PAPERS) == before != scale.version_of(small, PAPERS)


def test_a_mix_of_each_form_is_asked_for_as_files(plans):
    asked = targets(plans[1])
    kinds = [plans[1].mixes[x.split("/")[2]]["kind"] for x in asked[1:]]
    assert asked[0] == "all" and sorted(kinds) == ["labels", "librimix", "librimix", "wsj0mix"]


def test_the_jobs_are_those_of_snakemakes_table():
    lines = "Provided cores: 2\nJob stats:\njob  count\n---  ---\ncorpus  3\nall  1\ntotal  4\n\nmix  9\n"
    assert jobs_of(lines.splitlines()) == {"corpus": 3}


def test_the_journal_and_its_lists_are_read_as_published(tmp_path):
    speech = wsj0.write(tmp_path / "wsj0", Asked(FULL["corpora"]["wsj0"], [], {}))
    rows, problems = recordings(speech, "wsj0")
    assert problems == [] and {row["split"] for row in rows} == {"train", "validation", "test"}
    assert all(row["sex"] and row["text"] == "SOME WORDS" for row in rows)
    mixes = [{"speakers": n, "split": x, "mixtures": 5} for n in (2, 3) for x in ("train", "test")]
    lists = wsj0mix.write(tmp_path / "lists", Asked(FULL["corpora"]["wsj0_mix"], mixes, {"wsj0": speech}))
    powers = read_powers(lists / "activlev")
    for speakers in (2, 3):
        drawn = {x: read_list(lists / f"mix_{speakers}_spk_{x}.txt", speakers, powers) for x in ("tr", "tt")}
        assert {path.split("/")[1] for x in drawn["tr"] for path in x.paths} == {"si_tr_s"}
        assert {path.split("/")[1] for x in drawn["tt"] for path in x.paths} <= {"si_dt_05", "si_et_05"}
        assert all(len(x) == 5 for x in drawn.values())


def test_libraries_of_speech_and_noise_are_whole_by_number(tmp_path, monkeypatch):
    monkeypatch.setattr(librispeech, "UTTERANCES", 1)
    monkeypatch.setattr(wham_noise, "RECORDINGS", {"tr": 2, "cv": 2, "tt": 2})
    monkeypatch.setattr(librimix, "_sepflow", lambda *words: None)
    published = {
        "librispeech": {"train-clean-100": 130, "dev-clean": 14},
        "wham_noise": {"tr": 5, "cv": 3, "tt": 2},
    }
    for layout, counts in published.items():
        for subset, count in counts.items():
            monkeypatch.setitem(find(layout).counts, subset, count)
    entries = {name: dict(FULL["corpora"][name]) for name in ("librispeech", "wham_noise", "libri2mix")}
    entries["librispeech"]["subsets"] = [*published["librispeech"]]
    mixes = {"libri2mix": [{"speakers": 2, "subset": "train-clean-100", "mixtures": 7}]}
    places = lookalikes.write_all(entries, mixes, tmp_path)
    for name in ("librispeech", "wham_noise"):
        rows, problems = recordings(places[name], name, entries[name].get("subsets"))
        there = [row["subset"] for row in rows]
        assert problems == [] and {x: there.count(x) for x in published[name]} == published[name]
    assert len(read_rows(places["libri2mix"] / "libri2mix_train-clean-100.csv", 2)) == 7
