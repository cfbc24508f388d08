"""Corpora of speech as they lie on disk: tiny trees after the published descriptions, and broken ones."""

import json

import pytest

from corpora_on_disk import manifest, problems, put, write
from sepflow.corpora.layouts import recordings
from sepflow.errors import SepflowError


@pytest.fixture
def librispeech(tmp_path):
    root = tmp_path / "LibriSpeech"
    for subset, chapter in {
        "train-clean-100": "60-121082",
        "dev-clean": "84-121123",
        "test-other": "367-130732",
    }.items():
        speaker, book = chapter.split("-")
        folder = f"{subset}/{speaker}/{book}"
        put(root, *(f"{folder}/{chapter}-000{u}.flac" for u in range(2)))
        write(root, f"{folder}/{chapter}.trans.txt", f"{chapter}-0000 GO ON", f"{chapter}-0001 DON'T")
    write(
        root,
        "SPEAKERS.TXT",
        "; Some pipe(|) separated metadata about all LibriVox readers",
        ";ID  |SEX| SUBSET           |MINUTES| NAME",
        "60   | M | train-clean-100  | 20.18 | |CBW|Simon",
        "84   | F | dev-clean        | 8.02  | Christie Nowak",
        "367  | M | test-other       | 8.04  | Peter Eastman",
    )
    return root


def test_librispeech(librispeech):
    columns = ("speaker", "sex", "split", "subset", "chapter", "text")
    assert manifest(librispeech, "librispeech", *columns) == {
        "60-121082-0000": ("60", "m", "train", "train-clean-100", "121082", "GO ON"),
        "60-121082-0001": ("60", "m", "train", "train-clean-100", "121082", "DON'T"),
        "84-121123-0000": ("84", "f", "validation", "dev-clean", "121123", "GO ON"),
        "84-121123-0001": ("84", "f", "validation", "dev-clean", "121123", "DON'T"),
        "367-130732-0000": ("367", "m", "test", "test-other", "130732", "GO ON"),
        "367-130732-0001": ("367", "m", "test", "test-other", "130732", "DON'T"),
    }
    paths = manifest(librispeech, "librispeech", "path")
    assert paths["60-121082-0000"] == ("train-clean-100/60/121082/60-121082-0000.flac",)
    some = manifest(librispeech, "librispeech", "subset", subsets=["dev-clean", "test-other"])
    assert {subset for (subset,) in some.values()} == {"dev-clean", "test-other"} and len(some) == 4


def test_librispeech_with_a_part_missing(librispeech):
    (librispeech / "dev-clean/84/121123/84-121123-0001.flac").unlink()
    (librispeech / "test-other/367/130732/367-130732.trans.txt").unlink()
    (librispeech / "SPEAKERS.TXT").unlink()
    place = "test-other/367/130732/367-130732-000"
    lost = "no transcript of it (is its chapter's .trans.txt there?)"
    assert problems(librispeech, "librispeech") == [
        "SPEAKERS.TXT: not there (is all of it unpacked?)",
        f"{place}0.flac: {lost}",
        f"{place}1.flac: {lost}",
        "84-121123-0001: in a transcript, but no such file (is all unpacked?)",
    ]
    assert len(problems(librispeech, "librispeech", ["train-clean-100"])) == 1


def test_one_directory_too_high_or_too_low_or_something_else(librispeech, tmp_path):
    for root in (tmp_path, librispeech / "dev-clean", librispeech / "dev-clean" / "84" / "121123"):
        with pytest.raises(SepflowError) as error:
            recordings(root, "librispeech")
        message = str(error.value)
        assert "Expected: train-clean-100/19/198/19-198-0000.flac" in message
        assert f"as if the corpus were {librispeech}: set its path to that" in message
    with pytest.raises(
        SepflowError, match=r"subsets: dev-other: not there. It has: dev-clean, test-other, tr"
    ):
        recordings(librispeech, "librispeech", ["dev-clean", "dev-other"])
    with pytest.raises(SepflowError, match="layout: there is no layout 'libri'; did you mean 'librispeech'"):
        recordings(librispeech, "libri")
    packed = tmp_path / "packed"
    write(packed, "train-clean-100.tar.gz", "x")
    with pytest.raises(SepflowError, match=r"Found: 1 .gz \(train-clean-100.tar.gz\). Unpack the archives."):
        recordings(packed, "librispeech")
    put(tmp_path / "other", "a/b.wav")
    with pytest.raises(SepflowError, match=r"Found: 1 .wav \(a/b.wav\). Is it the right directory?"):
        recordings(tmp_path / "other", "librispeech")


@pytest.fixture
def voxceleb(tmp_path):
    clips = [
        "id10001/1zcIwhmdeo4/00001.wav",
        "id10002/0_laIeN-Q44/00002.wav",
        "id10003/bDxy7bnj_bc/00003.wav",
    ]
    put(tmp_path, *(f"dev/wav/{name}" for name in clips), "test/wav/id10270/5r0dWxy17C8/00001.wav")
    write(tmp_path, "veri_test2.txt", "1 id10270/5r0dWxy17C8/00001.wav id10270/8jEAjG6SegY/00008.wav")
    header = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"
    write(
        tmp_path,
        "vox1_meta.csv",
        header,
        "id10001\tA.J._Buckley\tm\tIreland\tdev",
        "id10270\tEartha_Kitt\tf\tUSA\ttest",
    )
    return tmp_path  # fmt: skip


def test_voxceleb(voxceleb):
    rows = manifest(voxceleb, "voxceleb", "speaker", "sex", "split", "video")
    assert rows["id10001-1zcIwhmdeo4-00001"] == ("id10001", "m", None, "1zcIwhmdeo4")  # dealt with the others
    assert rows["id10270-5r0dWxy17C8-00001"] == ("id10270", "f", "test", "5r0dWxy17C8")
    assert len(rows) == 4
    (voxceleb / "vox1_meta.csv").unlink()
    (voxceleb / "veri_test2.txt").unlink()
    assert "none is there, and they say who is for test" in problems(voxceleb, "voxceleb")[0]


def test_voxceleb2_is_m4a(tmp_path):
    for name in ("00001", "00002"):
        write(tmp_path, f"dev/aac/id00012/21Uxsk56VDQ/{name}.m4a", "x")
    with pytest.raises(
        SepflowError, match=r"2 .m4a \(dev/aac/id00012/21Uxsk56VDQ/00001.m4a\)(.|\n)*ffmpeg -i"
    ):
        recordings(tmp_path, "voxceleb")
    put(tmp_path, "dev/aac/id00012/21Uxsk56VDQ/00001.flac")
    header = ("VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set", "id00012 ,n000012 ,m ,test ")
    write(tmp_path, "vox2_meta.csv", *header)
    found = problems(tmp_path, "voxceleb")
    assert len(found) == 1 and "00002.m4a and 0 more files: libsndfile" in found[0]
    put(tmp_path, "dev/aac/id00012/21Uxsk56VDQ/00002.wav")
    assert set(manifest(tmp_path, "voxceleb", "sex", "split").values()) == {("m", "test")}


def test_aishell(tmp_path):
    wav = "data_aishell/wav"
    put(tmp_path, f"{wav}/train/S0002/BAC009S0002W0122.wav", f"{wav}/train/S0002/BAC009S0002W0999.wav")
    put(tmp_path, f"{wav}/dev/S0724/BAC009S0724W0121.wav", f"{wav}/test/S0764/BAC009S0764W0121.wav")
    said = {"S0002W0122": "而 对 楼市", "S0724W0121": "广州市", "S0764W0121": "甚至 出现"}
    lines = [f"BAC009{name} {text}" for name, text in said.items()]
    write(tmp_path, "data_aishell/transcript/aishell_transcript_v0.8.txt", *lines)
    write(tmp_path, "resource_aishell/speaker.info", "0002 F", "0724 M")
    assert manifest(tmp_path, "aishell", "speaker", "sex", "split", "text") == {
        "BAC009S0002W0122": ("S0002", "f", "train", "而 对 楼市"),
        "BAC009S0002W0999": ("S0002", "f", "train", ""),
        "BAC009S0724W0121": ("S0724", "m", "validation", "广州市"),
        "BAC009S0764W0121": ("S0764", "", "test", "甚至 出现"),
    }
    with pytest.raises(SepflowError, match=f"as if the corpus were {tmp_path}: set"):
        recordings(tmp_path / "data_aishell", "aishell")


def test_aishell2(tmp_path):
    put(tmp_path, "AISHELL-2/iOS/data/wav/C0001/IC0001W0001.wav")
    put(tmp_path, "AISHELL-DEV-TEST-SET/iOS/test/wav/T0011/IT0011W0001.wav")
    put(tmp_path, "AISHELL-DEV-TEST-SET/Mic/dev/wav/D0012/MD0012W0001.wav")
    write(tmp_path, "AISHELL-2/iOS/data/trans.txt", "IC0001W0001\t厨房用品")
    write(tmp_path, "AISHELL-DEV-TEST-SET/iOS/test/trans.txt", "IT0011W0001\t换一首歌")
    assert manifest(tmp_path, "aishell2", "speaker", "split", "subset", "device", "text") == {
        "IC0001W0001": ("C0001", "train", "data", "iOS", "厨房用品"),
        "IT0011W0001": ("T0011", "test", "test", "iOS", "换一首歌"),
        "MD0012W0001": ("D0012", "validation", "dev", "Mic", ""),
    }


def test_vctk_demand(tmp_path):
    for condition in ("clean", "noisy"):
        put(tmp_path, *(f"{condition}_trainset_28spk_wav/p{s}_001.wav" for s in (226, 228)))
        put(tmp_path, f"{condition}_testset_wav/p232_002.wav")
    write(tmp_path, "trainset_28spk_txt/p226_001.txt", "Please call Stella.")
    write(tmp_path, "log_testset.txt", "p232_002 office 12.5")
    columns = ("speaker", "split", "condition", "reference", "noise", "snr_db", "text")
    assert manifest(tmp_path, "vctk_demand", *columns) == {
        "p226_001": ("p226", "validation", "clean", "", "", "", "Please call Stella."),
        "p226_001_noisy": ("p226", "validation", "noisy", "p226_001", "", "", "Please call Stella."),
        "p228_001": ("p228", "train", "clean", "", "", "", ""),
        "p228_001_noisy": ("p228", "train", "noisy", "p228_001", "", "", ""),
        "p232_002": ("p232", "test", "clean", "", "", "", ""),
        "p232_002_noisy": ("p232", "test", "noisy", "p232_002", "office", "12.5", ""),
    }
    (tmp_path / "clean_testset_wav/p232_002.wav").unlink()
    expected = "noisy_testset_wav/p232_002.wav: no clean recording of the same name"
    assert problems(tmp_path, "vctk_demand") == [expected]


def test_speechocean762(tmp_path):
    put(tmp_path, "WAVE/SPEAKER0001/000010011.WAV", "WAVE/SPEAKER0003/000030012.WAV")
    for part, speaker, name in (("train", "0001", "000010011"), ("test", "0003", "000030012")):
        write(tmp_path, f"{part}/wav.scp", f"{name}\tWAVE/SPEAKER{speaker}/{name}.WAV")
        write(tmp_path, f"{part}/text", f"{name}\tWE CALL IT BEAR")
        write(tmp_path, f"{part}/spk2gender", f"{speaker} m")
        write(tmp_path, f"{part}/spk2age", f"{speaker} 6")
    scores = {"000010011": {"text": "WE CALL IT BEAR", "accuracy": 8, "total": 7, "words": []}}
    (tmp_path / "resource").mkdir()
    (tmp_path / "resource/scores.json").write_text(json.dumps(scores, indent=1))
    columns = ("speaker", "sex", "split", "age", "text", "accuracy", "total", "fluency")
    assert manifest(tmp_path, "speechocean762", *columns) == {
        "000010011": ("0001", "m", None, "6", "WE CALL IT BEAR", "8", "7", ""),
        "000030012": ("0003", "m", "test", "6", "WE CALL IT BEAR", "", "", ""),
    }
    put(tmp_path, "WAVE/SPEAKER0003/000030099.WAV")
    assert problems(tmp_path, "speechocean762") == [
        "WAVE/SPEAKER0003/000030099.WAV: neither in train/wav.scp nor in test/wav.scp",
        "WAVE/SPEAKER0003/000030099.WAV: no text of it",
    ]


def test_iemocap(tmp_path):
    names = {1: "Ses01F_impro01_F000", 4: "Ses04M_script01_1_F000", 5: "Ses05F_impro01_M000"}
    for session, name in names.items():
        dialog = name.rpartition("_")[0]
        put(tmp_path, f"Session{session}/sentences/wav/{dialog}/{name}.wav")
        folder = f"Session{session}/dialog"
        write(
            tmp_path,
            f"{folder}/transcriptions/{dialog}.txt",
            f"{name} [006.2901-008.2357]: Excuse me.",
            "M: Hm",
        )
        write(
            tmp_path,
            f"{folder}/EmoEvaluation/{dialog}.txt",
            "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]",
            "",
            f"[6.2901 - 8.2357]\t{name}\tneu\t[2.5000, 2.0000, 3.5000]",
            "C-E2:\tNeutral;\t()",
        )
        write(tmp_path, f"{folder}/EmoEvaluation/Categorical/{dialog}_e2_cat.txt", f"{name} :Sadness; ()")
    columns = ("speaker", "sex", "split", "text", "emotion", "valence", "activation", "dominance")
    felt = ("Excuse me.", "neu", "2.5000", "2.0000", "3.5000")
    assert manifest(tmp_path, "iemocap", *columns) == {
        "Ses01F_impro01_F000": ("Ses01F", "f", "train", *felt),
        "Ses04M_script01_1_F000": ("Ses04F", "f", "validation", *felt),
        "Ses05F_impro01_M000": ("Ses05M", "m", "test", *felt),
    }
    assert list(manifest(tmp_path, "iemocap", "path", subsets=["Session5"])) == ["Ses05F_impro01_M000"]
    (tmp_path / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt").unlink()
    assert [line.partition(": ")[2] for line in problems(tmp_path, "iemocap")] == [
        "no emotion of it in EmoEvaluation"
    ]
