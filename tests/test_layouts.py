"""From a layout to a packed corpus and to the names of a plan."""

import shutil

import numpy as np
import pytest
import soundfile

from corpora_on_disk import RATE, put, write
from sepflow.corpora import build, layouts
from sepflow.corpora.layouts import corpus_digest
from sepflow.corpora.packed import PackedCorpus
from sepflow.errors import SepflowError
from sepflow.planning import plan, roles


@pytest.fixture
def libri(tmp_path):
    """LibriSpeech with two subsets of three speakers each."""
    root = tmp_path / "LibriSpeech"
    people = {"train-clean-100": ("19", "26", "27"), "dev-clean": ("84", "174", "251")}
    for subset, speakers in people.items():
        for speaker in speakers:
            chapter = f"{subset}/{speaker}/7/{speaker}-7"
            put(root, f"{chapter}-0000.flac", f"{chapter}-0001.flac")
            write(root, f"{chapter}.trans.txt", f"{speaker}-7-0000 ONE", f"{speaker}-7-0001 TWO")
    write(root, "SPEAKERS.TXT", *(f"{x} | F | any | 1.0 | N" for y in people.values() for x in y))
    return root


def recipe_of(root, **keys):
    recipe = {"kind": "folder", "rate": RATE} | keys
    return recipe if "release" in keys else recipe | {"digest": corpus_digest(recipe, root)}


def made(root, jobs=1, **keys):
    out = root.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    build(recipe_of(root, **keys), out, root, jobs)
    return PackedCorpus(out)


def complaint(root, **keys):
    with pytest.raises(SepflowError) as error:
        made(root, **keys)
    assert not (root.parent / "out" / "manifest.csv").exists()
    return str(error.value)


def test_a_layout_becomes_a_packed_corpus(libri, caplog):
    corpus = made(libri, layout="librispeech", jobs=2)
    assert len(corpus) == 12 and set(corpus.manifest["split"]) == {"train", "validation"}
    row = corpus.manifest.loc["27-7-0001"]
    assert row[["speaker", "sex", "split", "text", "subset"]].tolist() == [
        "27",
        "f",
        "train",
        "TWO",
        "train-clean-100",
    ]
    assert corpus.read("27-7-0001").shape == (int(0.6 * RATE),)
    assert "dev-clean: 6 of the 2703 recordings that were published" in caplog.text
    some = made(libri, layout="librispeech", subsets=["dev-clean"])
    assert set(some.manifest["subset"]) == {"dev-clean"} and len(some) == 6  # fmt: skip


def test_what_a_corpus_publishes_is_not_dealt_again(libri):
    message = complaint(libri, layout="librispeech", splits={"test": 0.2})
    assert message.startswith("splits: test: librispeech has its own. Take this out")


def test_speakers_without_a_split_are_dealt_among_the_rest(tmp_path):
    root = tmp_path / "sins"
    names = [f"audio/DevNode1_ex{session}_{segment}.wav" for session in range(10) for segment in range(2)]
    put(root, *names, channels=4)
    write(root, "meta.txt", *(f"{name}\tother\tx" for name in names))
    assert "4 channels (set `channel: mean`" in complaint(root, layout="sins")
    manifest = made(root, layout="sins", channel=0).manifest
    assert manifest.groupby("split")["speaker"].nunique().to_dict() == {
        "test": 2,
        "train": 6,
        "validation": 2,
    }
    even = made(root, layout="sins", channel=0, splits={"validation": 0.5, "test": 0}).manifest
    assert even.groupby("split")["speaker"].nunique().to_dict() == {"train": 5, "validation": 5}


def test_of_whams_noise_the_first_channel_is_taken_unless_the_scale_says_another(tmp_path):
    root = tmp_path / "wham_noise"
    put(root, "tr/a_1.wav", "cv/b_2.wav", "tt/c_3.wav", channels=2)
    left, right = soundfile.read(root / "tr/a_1.wav")[0].T
    for keys, expected in (({}, left), ({"channel": 1}, right)):
        corpus = made(root, layout="wham_noise", **keys)
        np.testing.assert_allclose(corpus.read("a_1"), expected, atol=1e-4)
    assert "2 channels (set `channel: mean`" in complaint(root, layout="wham_noise", channel=None)


def test_speakers_that_a_corpus_puts_into_two_splits_are_refused(tmp_path):
    root = tmp_path / "desed"
    put(
        root,
        "audio/train/weak/Yabcdefghijk_0.000_10.000.wav",
        "audio/eval/public/Yabcdefghijk_9.000_19.000.wav",
    )
    write(root, "metadata/train/weak.tsv", "filename\tevent_labels", "Yabcdefghijk_0.000_10.000.wav\tDog")
    write(root, "metadata/eval/public.tsv", "filename\tevent_labels", "Yabcdefghijk_9.000_19.000.wav\tDog")
    assert "speaker 'abcdefghijk' is in several splits: test and train" in complaint(root, layout="desed")


def test_nist_files_of_the_journal_are_packed(tmp_path):
    root = tmp_path / "wsj"
    put(root, "wsj0/si_tr_s/01i/01ic0201.wv1", "wsj0/SI_ET_05/440/440C0401.WV1", format="NIST")
    manifest = made(root, layout="wsj0").manifest
    assert manifest["split"].to_dict() == {"440c0401": "test", "01ic0201": "train"}
    assert set(manifest["samples"]) == {int(0.6 * RATE)}


def test_a_release_must_be_whole(libri):
    message = complaint(libri, layout="librispeech", release="openslr.org/12")
    assert "2 problems" in message and "train-clean-100: 6 of the 28539 recordings" in message


def test_the_digest_is_that_of_the_subsets_and_their_tables(libri):
    def name(**keys):
        return recipe_of(libri, **keys)["digest"]

    part = {"layout": "librispeech", "subsets": ["dev-clean"]}
    before = name(**part), name(layout="librispeech"), name()
    put(libri, "train-clean-100/27/7/27-7-0002.flac")
    (libri / "README.TXT").write_text("nothing")
    assert name(**part) == before[0]
    after = name(layout="librispeech"), name()
    assert after[0] != before[1] and after[1] != before[2]
    write(libri, "dev-clean/84/7/84-7.trans.txt", "84-7-0000 THREE", "84-7-0001 TWO")
    assert name(**part) != before[0] and name() == after[1]
    recipe = recipe_of(libri, **part)
    put(libri, "dev-clean/84/7/84-7-0001.flac", seconds=0.7)
    with pytest.raises(SepflowError, match="changed since this corpus was planned"):
        build(recipe, libri.parent / "out", libri, 1)


def test_a_scale_names_a_layout_and_plans_each_folder_once(checkout, libri, monkeypatch):
    def runs():
        config = {"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": str(libri)}}
        return plan.load(config, checkout.root)

    plain = runs()
    calls = []
    monkeypatch.setattr(roles, "corpus_digest", lambda *args: calls.append(args) or corpus_digest(*args))
    checkout.edit("config/scales/tiny.yaml", "    kind: folder", "    kind: folder\n    layout: librispeech")
    checkout.edit("config/scales/tiny.yaml", "    splits:\n      test: 0.25\n      validation: 0.25\n", "")
    (recipe,) = runs().corpora.values()
    assert recipe["layout"] == "librispeech" and recipe["digest"] == corpus_digest(recipe, libri)
    assert len(calls) == 1 and not set(runs().runs) & set(plain.runs)
    checkout.edit("config/scales/tiny.yaml", "layout: librispeech", "layout: librispech")
    words = "tiny.yaml: corpora.speech.layout: there is no layout 'librispech'; did you mean 'librispeech'?"
    with pytest.raises(SepflowError, match=words):
        runs()
    checkout.edit("config/scales/tiny.yaml", "layout: librispech", "subsets: [dev-clean]")
    with pytest.raises(SepflowError, match="corpora.speech.*layout"):
        runs()


def test_every_layout_is_found_by_its_name():
    # Names stand in recipes, and so in the names of corpora.
    assert " ".join(layouts.known()) == (
        "aishell aishell2 audioset desed desed_soundbank esc50 fuss fuss_mixtures fuss_rooms iemocap "
        "librispeech musdb18 sins sounds speechocean762 tut2017 vctk_demand voxceleb wham_noise wsj wsj0 wsj1"
    )
    assert all(one.title and one.tree for one in layouts.known().values())
    assert layouts.find("wsj0") is layouts.find("wsj1") is not layouts.find("wsj")
    with pytest.raises(
        SepflowError, match="layout: there is no layout 'wham_nose'; did you mean 'wham_noise'?"
    ):
        layouts.find("wham_nose")
