"""The rehearsal of scale `paper`: look-alikes of all its corpora, and a scale that differs in sizes alone."""

from collections import Counter

import pytest
import yaml

from conftest import ROOT
from rehearsal import lookalikes, scale
from rehearsal.__main__ import planned
from rehearsal.lookalikes import (
    Asked,
    aishell2,
    librimix,
    librispeech,
    musdb18,
    voxceleb,
    wham_noise,
    wsj0,
    wsj0mix,
)
from rehearsal.run import jobs_of, targets
from sepflow.corpora.folder import split_speakers
from sepflow.corpora.layouts import find, recordings, recordings_and_own
from sepflow.errors import SepflowError
from sepflow.identity import difference, flatten
from sepflow.planning import plan
from sepflow.simulation.librimix.inputs import read_rows
from sepflow.simulation.wsj0mix.lists import read_list, read_powers

PAPERS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "config/papers").glob("*.yaml")}
FULL = yaml.safe_load((ROOT / "config/scales/paper.yaml").read_text())
SMALL = scale.derive(FULL, PAPERS)
SIZES = {"mixtures", "first", "batch", "segment", "steps", "validate_every", "min_seconds", "speakers"}
SIZES |= {"seconds", "enrolment", "shortest"}
SPLITS = ("train", "validation", "test")


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
        changed = {key for key, _, size in difference(full, SMALL["papers"][name]) if size is not None}
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
        "stages": {"y": {"verification": {"speakers": 1171, "bands": 64}, "data": {"speakers": 3}}},
    }
    assert flatten(scale.cut(said)) == {
        "base.batch": 2, "base.steps": 2, "base.validate_every": 1, "base.weak.batch": 2,
        "mixes.a.mixtures": 2, "mixes.b.mixtures": 4,
        "runs.x.batch": 1, "runs.x.segment": 0.25, "runs.x.epochs": 2, "stages.y.verification.speakers": 2,
    }  # fmt: skip


def test_what_a_stage_has_not_stays_away_from_it():
    base = {"verification": {"speakers": 1211}, "patience": 3}
    paper = {"base": base, "stages": {"x": {"verification": None, "patience": None}, "y": {}}}
    small = scale.derive({"papers": {}}, {"p": paper})["papers"]["p"]
    assert small == {"base": {"verification": {"speakers": 2}}, "stages": {"x": {"verification": None}}}


def test_other_look_alikes_have_another_version():
    small = scale.derive(FULL, PAPERS)
    before = scale.version_of(small, PAPERS)
    small["corpora"]["librispeech"]["subsets"] = ["dev-clean"]
    assert scale.version_of(SMALL, PAPERS) == before != scale.version_of(small, PAPERS)


def test_a_mix_of_each_form_is_asked_for_as_files(plans):
    asked = targets(plans[1])
    kinds = [plans[1].mixes[x.split("/")[2]]["kind"] for x in asked[1:]]
    forms = "clips enrolled enrolled labels librimix librimix trials wsj0mix"
    assert asked[0] == "all" and sorted(kinds) == forms.split()


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


def test_voices_are_tried_as_a_mix_asks(tmp_path):
    entry = FULL["corpora"]["voxceleb"]
    mixes = [{"kind": "clips", "mixtures": 9}, {"kind": "trials", "published": True, "mixtures": 4}]
    place = voxceleb.write(tmp_path, Asked(entry, mixes, {}))
    rows, problems, own = recordings_and_own(place, "voxceleb")
    trials, faults = own["trials"]
    assert problems == faults == [] and [trial["same"] for trial in trials] == ["1", "0", "1", "0"]
    speakers = {row["id"]: row["speaker"] for row in rows}
    for trial in trials:
        assert (speakers[trial["enrolment"]] == speakers[trial["test"]]) == (trial["same"] == "1")
    assert {row["speaker"] for row in rows if row.get("split") == "test"} == {*voxceleb.TESTED}
    dealt = split_speakers([x["speaker"] for x in rows if "split" not in x], entry["splits"] | {"test": 0.0})
    spoken = Counter(dealt.get(row["speaker"], "test") for row in rows)
    speaking = Counter(dealt.values())
    assert spoken["train"] == speaking["train"] and spoken["validation"] == 2 * speaking["validation"] > 2


def test_speech_to_enhance_and_what_plays_beside_it_are_read_as_published(tmp_path):
    asked = Asked({}, [], {})
    rows, problems = recordings(aishell2.write(tmp_path / "a", asked), "aishell2")
    told = {(row["split"], row["speaker"]) for row in rows}
    assert problems == [] and Counter(split for split, _ in told) == dict.fromkeys(SPLITS, 3)
    assert all(row["text"] for row in rows)
    place = musdb18.write(tmp_path / "m", asked)
    played, problems = recordings(place, "musdb18")
    assert problems == [] and {row["split"] for row in played} == {*SPLITS}
    musdb18.fill(place, asked)
    played, problems = recordings(place, "musdb18")
    assert problems == [] and Counter(row["subset"] for row in played) == find("musdb18").counts
    assert len({row["speaker"] for row in played}) == len({(row["subset"], row["speaker"]) for row in played})


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
