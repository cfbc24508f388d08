"""Mixtures: decided by name, rendered as the sum of their sources, cropped as a function of the example."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from sepflow import corpora
from sepflow.corpora.packed import PackedCorpus
from sepflow.errors import SepflowError
from sepflow.files import write_text
from sepflow.mixes.examples import Examples, FixedExamples
from sepflow.mixes.labels.mixtures import LabelledMix
from sepflow.mixes.mix import Mix, cut_segments, read_plan
from sepflow.mixes.speakers.mixtures import LEVEL_DB, draw
from sepflow.training.data import Parts, StepSampler, collate

RECIPE = {
    "kind": "speakers",
    "corpus": {"rate": 8000},
    "split": "train",
    "mixtures": 24,
    "speakers": 2,
    "level_difference": [-5.0, 5.0],
    "length": "min",
    "min_seconds": 0.0,
}
DATA = {"mix": RECIPE, "first": None, "dynamic": False, "single_speaker": 0.0, "crop": "random"}


@pytest.fixture(scope="module")
def corpus(voices, tmp_path_factory) -> PackedCorpus:
    out = tmp_path_factory.mktemp("corpus")
    recipe = {"kind": "folder", "rate": 8000, "splits": {"validation": 0.25, "test": 0.25}}
    corpora.build(recipe, out, voices, 1)
    return PackedCorpus(out)


@pytest.fixture(scope="module")
def mix(corpus, tmp_path_factory) -> Mix:
    return written(RECIPE, corpus, tmp_path_factory.mktemp("mix"))


def written(recipe, corpus, folder) -> Mix:
    write_text(folder / "mix.csv", draw(recipe, corpus.manifest).to_csv(index=False))
    return Mix(folder, corpus)


def labelled_mix(directory, mix) -> LabelledMix:
    """The mix with labels in `directory`, of the recipe of `mix`."""
    own, corpora = read_plan(directory / "mix.csv"), {"corpus": mix.corpus}
    return LabelledMix.opened({"mix": RECIPE}, directory, own, corpora)


class Humming(Mix):
    """A kind of mix whose mixtures have a hum, which nobody is to give back."""

    def mixture(self, row, start=0, length=None):
        mixture = super().mixture(row, start, length)
        time = np.arange(start, start + len(mixture)) / 8000
        return mixture + np.sin(2 * np.pi * 50 * time, dtype=np.float32)


def manifest(speakers: int, utterances: int = 3, split: str = "train") -> pd.DataFrame:
    names = [(f"s{s}-{u}", f"s{s}") for s in range(speakers) for u in range(utterances)]
    table = pd.DataFrame(names, columns=["id", "speaker"]).assign(split=split, sex="f", level_db=-20.0)
    return table.assign(samples=np.arange(len(table)) * 100 + 8000).set_index("id")


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5), st.integers(0, 4), st.sampled_from(["min", "max"]))
def test_a_mixture_has_other_speakers_legal_levels_and_its_sources_length(speakers, more, length):
    table = manifest(speakers + more)
    plan = draw(RECIPE | {"speakers": speakers, "length": length}, table)
    sources = range(1, speakers + 1)
    assert (plan[[f"speaker_{k}" for k in sources]].nunique(axis=1) == speakers).all()
    levels = plan[[f"gain_db_{k}" for k in sources]].to_numpy() + table["level_db"].iloc[0] - LEVEL_DB
    assert (np.ptp(levels, axis=1) <= 5 + 1e-5).all()
    lengths = np.stack([table["samples"].loc[plan[f"utterance_{k}"]] for k in sources], 1)
    assert (plan["samples"] == (lengths.min(1) if length == "min" else lengths.max(1))).all()


def test_a_row_depends_on_its_name_and_the_manifest_only():
    table = manifest(5)
    whole = draw(RECIPE | {"mixtures": 50}, table)
    pd.testing.assert_frame_equal(draw(RECIPE | {"mixtures": 20}, table), whole.head(20))
    pd.testing.assert_frame_equal(
        draw(RECIPE | {"mixtures": 50}, table.sample(frac=1, random_state=3)), whole
    )


def test_level_differences_fill_the_range():
    plan = draw(RECIPE | {"mixtures": 2000}, manifest(6))
    difference = (plan["gain_db_1"] - plan["gain_db_2"]).to_numpy()
    assert difference.min() > -5 - 1e-5 and difference.max() < 5 + 1e-5
    counts = np.histogram(difference, bins=10, range=(-5, 5))[0]
    assert counts.min() > 140  # 200 expected, three standard deviations are 40


def test_too_few_speakers_is_said_with_the_split_and_the_way_out():
    with pytest.raises(SepflowError, match=r"split train: 1 speakers .* needs 2. Add speakers"):
        draw(RECIPE, manifest(1))
    with pytest.raises(SepflowError, match="0 speakers"):
        draw(RECIPE | {"split": "test"}, manifest(4))


def test_a_mixture_is_the_sum_of_its_sources_at_their_levels(mix):
    for row in range(len(mix)):
        sources, mixture = mix.sources(row), mix.mixture(row)
        assert mixture.dtype == np.float32 and len(mixture) == mix.samples[row]
        np.testing.assert_array_equal(mixture, sources.sum(0))
        for k, source in enumerate(sources, 1):
            utterance, gain_db = mix.table[f"utterance_{k}"][row], mix.table[f"gain_db_{k}"][row]
            wanted = mix.corpus.read(utterance)[: len(source)] * 10 ** (gain_db / 20)
            np.testing.assert_allclose(source, wanted, rtol=1e-6)


def test_max_length_pads_the_shorter_source_with_zeros(corpus, tmp_path):
    longest = written(RECIPE | {"length": "max"}, corpus, tmp_path)
    for row in range(len(longest)):
        lengths = [corpus.samples(longest.table[f"utterance_{k}"][row]) for k in (1, 2)]
        sources = longest.sources(row)
        assert sources.shape == (2, max(lengths))
        assert not sources[int(np.argmin(lengths)), min(lengths) :].any()
        np.testing.assert_array_equal(longest.sources(row, min(lengths) + 5, 100)[:, :100].shape, (2, 100))


def test_a_crop_is_a_piece_of_the_whole_also_where_it_goes_past_the_end(mix):
    whole = mix.sources(3)
    np.testing.assert_array_equal(mix.sources(3, 100, 500), whole[:, 100:600])
    past = mix.sources(3, whole.shape[1] - 50, 200)
    np.testing.assert_array_equal(past[:, :50], whole[:, -50:])
    assert past.shape == (2, 200)


def test_segments_are_pieces_of_their_mixture(mix):
    cut = mix.segments(RECIPE, 3000)
    assert cut.ids[:2] == [f"{mix.ids[0]}-0", f"{mix.ids[0]}-3000"]
    np.testing.assert_array_equal(cut.mixture(1), mix.mixture(0)[3000:6000])
    assert len(cut_segments(mix.table, 10**6)) == 0


def test_labels_are_read_back_row_by_row(mix, tmp_path):
    write_text(tmp_path / "mix.csv", mix.table.to_csv(index=False))
    rows = [2 * mix.references(row) for row in range(len(mix))]  # louder than 1 in places: never clipped
    (tmp_path / "labels.f32").write_bytes(b"".join(row.tobytes() for row in rows))
    labelled = labelled_mix(tmp_path, mix)
    for row, wanted in enumerate(rows):
        np.testing.assert_array_equal(labelled.references(row), wanted)
        np.testing.assert_array_equal(labelled.references(row, 7, 90), wanted[:, 7:97])
        np.testing.assert_array_equal(labelled.mixture(row), mix.mixture(row))


@pytest.mark.parametrize("made", ["example", "segments", "labels"])
def test_what_is_made_of_a_mix_is_of_its_kind(mix, tmp_path, made):
    """Its mixtures, of which an example has no method of its own here, keep the hum."""
    humming = Humming(mix.directory, mix.corpus)
    heard = humming.mixture(2)
    assert np.abs(heard - mix.mixture(2)).max() > 0.9
    if made == "example":
        example = humming.example(2, 100, 500)
        found, references = example["mixture"], example["references"]
        np.testing.assert_array_equal(references, mix.references(2, 100, 500))
        heard = heard[100:600]
    elif made == "segments":
        cut = humming.segments(RECIPE, 2000)
        found, heard = cut.mixture(cut.ids.index(f"{mix.ids[2]}-0")), heard[:2000]
    else:
        write_text(tmp_path / "mix.csv", mix.table.to_csv(index=False))
        (tmp_path / "labels.f32").write_bytes(bytes(8 * int(mix.samples.sum())))
        found = LabelledMix(tmp_path, humming).example(2, 0, len(heard))["mixture"]
    np.testing.assert_allclose(found, heard, atol=1e-6)


def test_labels_cut_short_are_refused(mix, tmp_path):
    write_text(tmp_path / "mix.csv", mix.table.to_csv(index=False))
    (tmp_path / "labels.f32").write_bytes(bytes(100))
    with pytest.raises(SepflowError, match=r"labels.f32: 100 bytes, not \d+: cut short"):
        labelled_mix(tmp_path, mix)


@pytest.mark.parametrize("data", [{}, {"dynamic": True}, {"first": 5}])
@pytest.mark.parametrize("pairs", [False, True])
def test_an_example_is_a_function_of_its_number(mix, data, pairs):
    first, second = (Examples(mix, DATA | data, 4000, seed=1, of_mixtures=pairs) for _ in range(2))
    forward = [first[i] for i in range(12)]
    for i in reversed(range(12)):
        assert forward[i].keys() == second[i].keys()
        for name, value in second[i].items():
            np.testing.assert_array_equal(forward[i][name], value)
    mixture, references = forward[0]["mixture"], forward[0]["references"]
    assert forward[0]["number"] == 0
    assert mixture.shape == (4000,) and references.shape == (2, 4000)
    np.testing.assert_allclose(mixture, references.sum(0), atol=1e-6)
    other = Examples(mix, DATA | data, 4000, seed=2, of_mixtures=pairs)
    assert any(not np.array_equal(forward[i]["mixture"], other[i]["mixture"]) for i in range(12))


def test_workers_change_nothing(mix):
    examples = Examples(mix, DATA | {"dynamic": True}, 4000, seed=1, of_mixtures=True)
    sampler = StepSampler(3, {"data": 4}, lambda: 5)
    options = {"batch_sampler": sampler, "collate_fn": collate}
    batches = [list(DataLoader(Parts({"data": examples}), num_workers=n, **options)) for n in (0, 2)]
    for here, there in zip(*batches, strict=True):
        assert here["data"].keys() == there["data"].keys()
        for name, value in there["data"].items():
            np.testing.assert_array_equal(here["data"][name], value)


def test_an_epoch_sees_each_mixture_once(mix):
    examples = Examples(mix, DATA, 4000, seed=1, of_mixtures=False)
    for epoch in range(3):
        rows = [examples._crop(i)[0] for i in range(epoch * len(mix), (epoch + 1) * len(mix))]
        assert sorted(rows) == list(range(len(mix)))
    first_tenth = Examples(mix, DATA | {"first": 3}, 4000, seed=1, of_mixtures=False)
    assert {first_tenth._crop(i)[0] for i in range(30)} == {0, 1, 2}


def test_a_single_speaker_is_in_at_most_one_mixture_of_a_pair_and_as_often_as_asked(mix):
    examples = Examples(mix, DATA | {"single_speaker": 0.1}, 4000, seed=1, of_mixtures=True)
    chosen = [examples._single(i) for i in range(5000)]
    assert all(number is None or number // 2 == i for i, number in enumerate(chosen))
    share = sum(number is not None for number in chosen) / (2 * len(chosen))  # of all mixtures
    assert abs(share - 0.1) < 0.01  # three standard deviations
    i = next(i for i, number in enumerate(chosen) if number is not None)
    mixture, references = examples[i]["mixture"], examples[i]["references"]
    row, start = examples._crop(chosen[i])
    np.testing.assert_array_equal(references[chosen[i] % 2], mix.sources(row, start, 4000)[0])
    np.testing.assert_allclose(mixture, references.sum(0), atol=1e-6)


def test_validation_examples_are_each_row_once_and_always_the_same(mix):
    fixed = FixedExamples(mix, DATA, 4000, seed=1, of_mixtures=True)
    assert len(fixed) == len(mix) // 2
    rows = [fixed._crop(2 * i + k)[0] for i in range(len(fixed)) for k in range(2)]
    assert rows == list(range(len(mix)))
    again = FixedExamples(mix, DATA, 4000, seed=1, of_mixtures=True)
    np.testing.assert_array_equal(fixed[3]["mixture"], again[3]["mixture"])
