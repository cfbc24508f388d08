"""Trials and mixtures with an enrolment: drawn by name, at their levels; verification by them."""

import numpy as np
import pandas as pd
import pytest
import torch

from sepflow import corpora
from sepflow.corpora.packed import PackedCorpus
from sepflow.errors import SepflowError
from sepflow.files import write_text
from sepflow.identity import digest
from sepflow.metrics.aggregates import eer
from sepflow.metrics.verification.aggregates import P_TARGET, eer_of_some, min_dcf
from sepflow.mixes.enrolled.mixtures import LUFS, Enrolled
from sepflow.mixes.enrolled.mixtures import decide as decide_enrolled
from sepflow.mixes.mix import decide
from sepflow.mixes.resampled import Resampled
from sepflow.mixes.trials.mixtures import Trials
from sepflow.mixes.trials.mixtures import decide as decide_trials
from sepflow.tasks.verification.features import SpeechBands, Verification
from sepflow.tasks.verification.task import BINS, Verifying

RATE = 8000
CORPUS = {"kind": "folder", "rate": RATE, "splits": {"validation": 0.25, "test": 0.25}}
TRIALS = {"kind": "trials", "corpus": CORPUS, "split": "train", "mixtures": 40, "min_seconds": 0.5}
PAIRS = {"kind": "enrolled", "corpus": CORPUS, "split": "train", "mixtures": 30, "seconds": 1.0,
         "enrolment": 1.5, "min_seconds": 1.0, "speakers": 1}  # fmt: skip
SETTINGS = Verification(speakers=4, bands=24, frame=0.025, hop=0.01, quietest=30.0, shortest=0.5)


@pytest.fixture(scope="module")
def results(voices, tmp_path_factory):
    """A directory of results with the corpus of voices, and the same as noise."""
    root = tmp_path_factory.mktemp("results")
    corpora.build(CORPUS, root / "corpora" / digest(CORPUS), voices, 1)
    return root


@pytest.fixture(scope="module")
def corpus(results):
    return PackedCorpus(results / "corpora" / digest(CORPUS))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_other_trial_is_of_one_speaker_in_two_utterances(results, corpus):
    table = decide_trials(TRIALS, results)
    same = table["speaker_1"] == table["speaker_2"]
    assert list(same) == [True, False] * 20 and (table["utterance_1"] != table["utterance_2"]).all()
    fewer = decide_trials(TRIALS | {"mixtures": 7}, results)
    pd.testing.assert_frame_equal(fewer, table.head(7))
    mix = Trials("nowhere", corpus, table)
    for row in (0, 1):
        for k, side in ((1, mix.mixture(row)), (2, mix.references(row)[0])):
            np.testing.assert_array_equal(side, corpus.read(table[f"utterance_{k}"][row]))
        assert mix.facts(row)["same"] == same[row]
    np.testing.assert_array_equal(mix.mixture(3, 100, 50), mix.mixture(3)[100:150])
    assert (mix.references(3, 0, 20000)[0, -100:] == 0).all()


def test_a_published_list_is_taken_in_its_order(results, corpus):
    drawn = decide_trials(TRIALS | {"mixtures": 6}, results)
    own = pd.DataFrame({"enrolment": drawn["utterance_2"], "test": drawn["utterance_1"],
                        "same": ["1", "0"] * 3})  # fmt: skip
    path = results / "corpora" / digest(CORPUS) / "trials.csv"
    recipe = TRIALS | {"mixtures": 6, "published": True}
    with pytest.raises(SepflowError, match="no trials.csv of its own"):
        decide_trials(recipe, results)
    try:
        write_text(path, own.to_csv(index=False))
        table = decide_trials(recipe, results)
        assert list(table["utterance_1"]) == list(drawn["utterance_2"])
        for change, said in (
            ({"same": ["1"] * 6}, "3 trials are not as their speakers say, train-000001 the first"),
            ({"test": ["nobody"] * 6}, "nobody and 0 others are not in the split train"),
        ):
            write_text(path, own.assign(**change).to_csv(index=False))
            with pytest.raises(SepflowError, match=said):
                decide_trials(recipe, results)
        with pytest.raises(SepflowError, match="6 trials, and the mix asks for 7"):
            decide_trials(recipe | {"mixtures": 7}, results)
    finally:
        path.unlink()


@pytest.mark.parametrize("recipe", [TRIALS, PAIRS])
def test_the_plan_of_speakers_of_unknown_sex_is_whole(results, corpus, recipe):
    assert (corpus.manifest["sex"] == "").all()
    table = decide(recipe, results)
    assert (table[["sex_1", "sex_2"]] == "").all(axis=None)


@pytest.mark.parametrize("decide", [decide_trials, decide_enrolled])
def test_too_few_speakers_with_two_utterances_are_told(results, decide):
    recipe = (TRIALS if decide is decide_trials else PAIRS) | {"min_seconds": 60.0}
    with pytest.raises(SepflowError, match="0 speakers with two utterances of 60 s"):
        decide(recipe, results)


def enrolled(results, **changes) -> Enrolled:
    recipe = PAIRS | changes
    parts = {"corpus": PackedCorpus(results / "corpora" / digest(CORPUS))}
    if "noise" in recipe:
        parts["noise"] = Resampled(parts["corpus"], RATE, RATE)
    return Enrolled.opened(recipe, results, decide_enrolled(recipe, results), parts)


def test_an_enrolment_is_another_utterance_of_the_same_speaker(results, corpus):
    table, speakers = enrolled(results).table, corpus.manifest["speaker"]
    assert (table["speaker_1"] != table["speaker_2"]).all() and len(set(table["speaker_1"])) > 2
    for k in (1, 2):
        assert (table[f"enrolment_{k}"] != table[f"utterance_{k}"]).all()
        assert list(speakers[table[f"enrolment_{k}"]]) == list(table[f"speaker_{k}"])


def test_voices_are_as_loud_as_each_other_and_cuts_are_of_the_whole(results):
    mix = enrolled(results)
    for row in range(10):
        sources = mix.sources(row)
        for voice in sources:
            assert mix.meter.integrated_loudness(voice.astype(np.float64)) == pytest.approx(LUFS, abs=0.1)
        np.testing.assert_allclose(mix.mixture(row), sources.sum(0), atol=1e-6)
        np.testing.assert_array_equal(mix.sources(row, 700, 500), sources[:, 700:1200])
        example = mix.example(row, 0, 8000)
        whole = mix.enrolled(row)[0]
        assert len(example["enrolment"]) == 12000
        np.testing.assert_array_equal(example["enrolment"][: len(whole)][:12000], whole[:12000])
        np.testing.assert_array_equal(example["references"], sources)


def test_noise_lies_under_the_target_by_what_was_drawn(results):
    mix = enrolled(results, noise=CORPUS, noise_difference=[5.0, 20.0])
    for row in range(10):
        target, noise = mix.sources(row).astype(np.float64)
        wanted = -mix.table["noise_gain_db"][row]
        assert 5 <= wanted <= 20
        assert 10 * np.log10((target**2).mean() / (noise**2).mean()) == pytest.approx(wanted, abs=1e-3)
        np.testing.assert_array_equal(mix.noise(row, 100, 500), noise[100:600].astype(np.float32))
        assert not mix.facts(row)["voices"] and len(mix.facts(row)["enrolments"]) == 2


def costs(score, same):
    """The least detection cost by trying every threshold."""
    thresholds = [*sorted(set(score)), np.inf]
    found = []
    for threshold in thresholds:
        miss = np.mean(score[same == 1] < threshold)
        alarm = np.mean(score[same == 0] >= threshold)
        found.append((P_TARGET * miss + (1 - P_TARGET) * alarm) / P_TARGET)
    return min(*found, 1.0)


@pytest.mark.parametrize("seed", range(6))
def test_min_dcf_is_the_least_over_all_thresholds(seed):
    same = rng(seed).integers(0, 2, 60)
    score = np.round(rng(seed).normal(same, 0.5 + seed % 3), 1 + seed % 2)  # with ties
    weights = np.full((1, 60), 1 / 60)
    assert min_dcf(weights, np.stack([score, same], 1)) == pytest.approx(costs(score, same))


@pytest.mark.parametrize("same", [np.ones(5), np.zeros(5)])
def test_trials_of_one_sort_have_no_error_rate(same):
    columns = np.stack([rng().normal(size=5), same, np.ones(5)], 1)
    weights = np.full((1, 5), 0.2)
    assert np.isnan(eer(weights, columns[:, :2])).all() and np.isnan(min_dcf(weights, columns[:, :2])).all()
    assert np.isnan(eer_of_some(weights, columns)).all()


def test_trials_that_are_not_counted_do_not_count():
    columns = np.stack([rng().normal(size=80), rng(1).integers(0, 2, 80), rng(2).integers(0, 2, 80)], 1)
    counted = columns[columns[:, 2] == 1]
    found = eer_of_some(np.full((1, 80), 1 / 80), columns)
    assert found == pytest.approx(eer(np.full((1, len(counted)), 1 / len(counted)), counted[:, :2]))


def test_the_error_rate_of_a_validation_is_that_of_its_cosines():
    same = rng().integers(0, 2, 500)
    cosines = np.clip(rng(1).normal(0.2 + 0.4 * same, 0.25), -1, 1)
    bins = np.minimum(((cosines + 1) / 2 * BINS).astype(int), BINS - 1)
    sums = torch.from_numpy(np.bincount(bins + BINS * same, minlength=2 * BINS).astype(float))
    found = Verifying.summary(None, sums)["eer"]
    exact = eer(np.full((1, 500), 1 / 500), np.stack([cosines, same], 1))
    assert float(found) == pytest.approx(float(exact[0]), abs=0.01)


def test_frames_without_speech_are_not_heard():
    bands = SpeechBands(SETTINGS, RATE).double()
    speech = torch.from_numpy(0.1 * rng().standard_normal((1, 8000)))
    silence = torch.zeros(1, 4000, dtype=torch.float64)
    alone, padded = bands(speech), bands(torch.cat([speech, silence], 1))
    assert alone.shape == (1, 24, 98) and padded.shape[-1] <= 100
    both = bands(torch.cat([torch.cat([speech, silence], 1)] * 2))
    assert both.shape == (2, 24, 148)  # filled up with its own, from the first one on
    count = padded.shape[-1]
    torch.testing.assert_close(both[0, :, :48] - both[0, :, count : count + 48], torch.zeros(24, 48).double())
    assert bands(silence).isfinite().all() and bands(speech[:, :10]).shape[-1] == 1
    torch.testing.assert_close(alone.mean(-1), torch.zeros(1, 24).double(), atol=1e-9, rtol=0)
