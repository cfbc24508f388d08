"""Mixtures with noise: synthesised noise, drawn by name, at its level, in training and scoring."""

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sepflow import corpora
from sepflow.corpora.noise import synthesise
from sepflow.corpora.packed import PackedCorpus
from sepflow.errors import SepflowError
from sepflow.identity import RECIPES, digest
from sepflow.mixes.mix import open_mix, write_plan
from sepflow.mixes.speakers.mixtures import LEVEL_DB, decide, draw
from sepflow.planning import plan

NOISE = {
    "kind": "noise",
    "rate": 8000,
    "recordings": 12,
    "seconds": 2.5,
    "splits": {"validation": 3, "test": 3},
}
SPEECH = {"kind": "folder", "rate": 8000, "splits": {"validation": 0.25, "test": 0.25}}
RECIPE = {
    "kind": "speakers",
    "corpus": SPEECH,
    "noise": NOISE,
    "noise_difference": [-5.0, 10.0],
    "split": "train",
    "mixtures": 30,
    "speakers": 2,
    "level_difference": [-5.0, 5.0],
    "length": "min",
    "min_seconds": 0.0,
}


@pytest.fixture(scope="module")
def results(voices, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    for recipe, path in ((SPEECH, voices), (NOISE, None)):
        corpora.build(recipe, out / "corpora" / digest(recipe), path, 1)
    write_plan(out / "mixes" / digest(RECIPE), decide(RECIPE, out))
    return out


@pytest.fixture(scope="module")
def mix(results):
    return open_mix(RECIPE, results)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([8000, 16000]))
def test_a_noise_is_its_names_own_and_loud_enough(number, rate):
    noise = synthesise(f"noise-{number}", rate, 1.5)
    assert len(noise) == 1.5 * rate and np.isfinite(noise).all()
    assert np.abs(noise).max() == pytest.approx(0.5)
    assert np.sqrt(np.mean(noise**2)) > 0.01
    np.testing.assert_array_equal(noise, synthesise(f"noise-{number}", rate, 1.5))


def test_a_larger_corpus_has_the_recordings_of_the_smaller(results, tmp_path):
    corpora.build(NOISE | {"recordings": 15}, tmp_path, None, 1)
    small, large = PackedCorpus(results / "corpora" / digest(NOISE)), PackedCorpus(tmp_path)
    for name in small.manifest.index:
        np.testing.assert_array_equal(small.read(name), large.read(name))
    assert sorted(small.manifest["split"].value_counts()) == [3, 3, 6]


def test_a_noisy_mix_has_the_speech_of_its_clean_twin(results):
    manifest = PackedCorpus(results / "corpora" / digest(SPEECH)).manifest
    clean = draw({key: value for key, value in RECIPE.items() if not key.startswith("noise")}, manifest)
    noisy = decide(RECIPE, results)
    assert noisy[clean.columns].equals(clean)
    assert decide(RECIPE | {"mixtures": 10}, results).equals(noisy.head(10))


def test_noise_is_of_the_split_at_its_level_and_adds_up(mix):
    manifest = mix.noise_corpus.manifest
    differences = []
    for row in range(len(mix)):
        name, gain_db = mix.table["noise"][row], mix.table["noise_gain_db"][row]
        assert manifest.loc[name, "split"] == "train"
        differences.append(LEVEL_DB - (gain_db + manifest.loc[name, "level_db"]))
        noise = mix.noise(row)
        np.testing.assert_allclose(mix.mixture(row), mix.sources(row).sum(0) + noise, atol=1e-6)
        begin = -mix.table["offset_noise"][row]
        whole = mix.noise_corpus.corpus.read(name) * np.float32(10 ** (gain_db / 20))
        np.testing.assert_allclose(noise, whole[begin : begin + len(noise)], atol=1e-6)
    assert -5 <= min(differences) < 0 < 5 < max(differences) <= 10
    assert len(set(mix.table["noise"])) > 3 and mix.table["offset_noise"].min() < 0


def test_noise_shorter_than_the_mixture_is_repeated(results, mix):
    recipe = RECIPE | {"noise": NOISE | {"seconds": 1.1}}
    corpora.build(recipe["noise"], results / "corpora" / digest(recipe["noise"]), None, 1)
    write_plan(results / "mixes" / digest(recipe), decide(recipe, results))
    short = open_mix(recipe, results)
    longest = int(np.argmax(short.samples))
    assert short.samples[longest] > 1.1 * 8000
    noise = short.noise(longest)
    assert np.abs(noise[-400:]).max() > 0.1 * np.abs(noise).max()


def configure(checkout, change=lambda tiny: None):
    tiny = yaml.safe_load((checkout.root / "config/scales/tiny.yaml").read_text())
    tiny["corpora"]["hiss"] = {"kind": "noise", "recordings": 9, "seconds": 2.0, "splits": NOISE["splits"]}
    tiny["roles"]["room_noise"] = "hiss"
    for mix in tiny["papers"]["ts_mixit"]["mixes"].values():
        mix |= {"noise": True, "noise_difference": [0.0, 10.0]}
    tiny["papers"]["ts_mixit"]["stages"]["teacher"] = {"data": {"dynamic": False}}
    change(tiny)
    checkout.write("config/scales/tiny.yaml", yaml.safe_dump(tiny))
    return plan.load(yaml.safe_load((checkout.root / "config/config.yaml").read_text()), checkout.root)


def test_the_workflow_trains_and_scores_in_noise(checkout, monkeypatch):
    found = configure(checkout)
    run = found.find("supervised_10")
    (row,) = [x for x in found.tables["ts_mixit", "table1"]["rows"] if run.name in x["runs"]]
    done = checkout.snakemake(*row["scores"])
    assert done.returncode == 0, done.stderr
    monkeypatch.setitem(RECIPES, "noise", RECIPES["noise"] + 1)
    assert configure(checkout).find("supervised_10").name != run.name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tiny: tiny["roles"].pop("room_noise"), "no role 'room_noise'; .* Give it a corpus in"),
        (
            lambda tiny: tiny["papers"]["ts_mixit"]["mixes"]["test"].pop("noise_difference"),
            "mixes.test: noise and noise_difference",
        ),
        (lambda tiny: tiny["papers"]["ts_mixit"]["stages"].pop("teacher"), "dynamic: draws speech alone"),
    ],
)
def test_what_a_noisy_mix_lacks_is_said(checkout, change, said):
    with pytest.raises(SepflowError, match=said):
        configure(checkout, change)
