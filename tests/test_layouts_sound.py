"""Corpora of noise, events and music as they lie on disk: tiny trees after the descriptions; broken ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora_on_disk import manifest, problems, put, write
from sepflow.corpora.layouts import recordings
from sepflow.corpora.layouts.tables import set_source
from sepflow.errors import SepflowError

WHAM = "utterance_id,Noise Band,File ID,L to R Width (cm),Reverberation Level,Location ID,Location Day ID"


def test_wham_noise(tmp_path):
    files = {"tr": ["a_0.9", "a_0.9sp08", "b_1"], "cv": ["c_2"], "tt": ["d_3"]}
    for subset, names in files.items():
        put(tmp_path, *(f"{subset}/{name}.wav" for name in names), channels=2)
        rows = [f"{x}.wav,1,f{x},17.5 cm,l,{subset}-cafe,day {x}" for x in names if "sp" not in x]
        write(tmp_path, f"metadata/noise_meta_{subset}.csv", WHAM, *rows)
    assert manifest(tmp_path, "wham_noise", "speaker", "split", "recording") == {
        "a_0.9": ("tr-cafe", "train", "fa_0.9"),
        "a_0.9sp08": ("tr-cafe", "train", "fa_0.9"),
        "b_1": ("tr-cafe", "train", "fb_1"),
        "c_2": ("cv-cafe", "validation", "fc_2"),
        "d_3": ("tt-cafe", "test", "fd_3"),
    }
    # A place in two splits: then what must stay together is the place on one day.
    write(tmp_path, "metadata/noise_meta_cv.csv", WHAM, "c_2.wav,1,fc,17 cm,l,tr-cafe,day 9")
    assert manifest(tmp_path, "wham_noise", "speaker")["b_1"] == ("day b_1",)
    write(tmp_path, "metadata/noise_meta_tt.csv", WHAM, "e.wav,1,fc,17 cm,l,tr-cafe,day 9")
    assert problems(tmp_path, "wham_noise") == ["tt/d_3.wav: not in metadata/noise_meta_tt.csv"]
    for subset in files:
        (tmp_path / f"metadata/noise_meta_{subset}.csv").unlink()
    assert manifest(tmp_path, "wham_noise", "speaker")["a_0.9sp08"] == ("a_0.9",)
    assert list(manifest(tmp_path, "wham_noise", "split", subsets=["cv"])) == ["c_2"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from("12")), min_size=1))
def test_the_source_is_the_coarsest_that_no_two_splits_share(cells):
    rows = [{"place": a, "day": a + b, "file": a + b + c, "split": c} for a, b, c in cells]
    set_source(rows, ("place", "day", "file"))
    homes = {column: {(row[column], row["split"]) for row in rows} for column in ("place", "day", "file")}
    apart = [x for x in homes if len(homes[x]) == len({value for value, _ in homes[x]})]
    assert all(row["speaker"] == row[apart[0]] for row in rows)


def test_esc50(tmp_path):
    names = ["1-100032-A-0", "4-181628-B-9", "5-9032-A-0"]
    put(tmp_path, *(f"audio/{name}.wav" for name in names))
    write(
        tmp_path,
        "meta/esc50.csv",
        "filename,fold,target,category,esc10,src_file,take",
        "1-100032-A-0.wav,1,0,dog,True,100032,A",
        "4-181628-B-9.wav,4,9,crow,False,181628,B",
        "5-9032-A-0.wav,5,0,dog,True,9032,A",
    )
    assert manifest(tmp_path, "esc50", "speaker", "split", "subset", "labels", "esc10") == {
        "1-100032-A-0": ("100032", "train", "1", "dog", "True"),
        "4-181628-B-9": ("181628", "validation", "4", "crow", "False"),
        "5-9032-A-0": ("9032", "test", "5", "dog", "True"),
    }
    put(tmp_path, "audio/5-9033-A-0.wav")
    assert problems(tmp_path, "esc50") == ["audio/5-9033-A-0.wav: not in meta/esc50.csv"]
    (tmp_path / "meta/esc50.csv").write_text("filename,fold\n1-100032-A-0.wav\n")
    with pytest.raises(SepflowError, match=r"esc50.csv line 2: 1 cells where line 1 names 2 columns"):
        recordings(tmp_path, "esc50")
    (tmp_path / "meta/esc50.csv").write_bytes(b"\xff")
    with pytest.raises(SepflowError, match=r"meta/esc50.csv line 1: not UTF-8"):
        recordings(tmp_path, "esc50")


def test_sins_and_tut(tmp_path):
    sins, tut = tmp_path / "DCASE2018-task5-dev", tmp_path / "TUT-acoustic-scenes-2017-development"
    put(sins, "audio/DevNode1_ex1_1.wav", "audio/DevNode2_ex1_2.wav", channels=4)
    write(sins, "meta.txt", "audio/DevNode1_ex1_1.wav\tabsence\tex1", "audio/DevNode2_ex1_2.wav\tother\tex1")
    assert manifest(sins, "sins", "speaker", "split", "labels") == {
        "DevNode1_ex1_1": ("ex1", None, "absence"),
        "DevNode2_ex1_2": ("ex1", None, "other"),
    }
    put(tut, "audio/b020_90_100.wav", "audio/a001_0_10.wav", channels=2)
    write(tut, "meta.txt", "audio/b020_90_100.wav\tbeach\tb020")
    assert problems(tut, "tut2017") == ["audio/a001_0_10.wav: not in meta.txt"]
    write(
        tut, "meta.txt", "audio/b020_90_100.wav\tbeach\tb020", "audio/a001_0_10.wav\tresidential_area\ta001"
    )
    assert manifest(tut, "tut2017", "speaker", "labels")["b020_90_100"] == ("b020", "beach")


def test_musdb18(tmp_path):
    stems = ("mixture", "bass", "drums", "other", "vocals")
    for track in ("train/A Classic Education - NightOwl", "train/Leaf - Summerghost", "test/BKS - Too Much"):
        put(tmp_path, *(f"{track}/{stem}.wav" for stem in stems), channels=2)
    rows = manifest(tmp_path, "musdb18", "speaker", "split", "stem")
    assert len(rows) == 15 and {cells[:2] for cells in rows.values()} == {
        ("A Classic Education - NightOwl", "train"),
        ("Leaf - Summerghost", "validation"),
        ("BKS - Too Much", "test"),
    }
    assert rows["test-BKS - Too Much-drums"][2] == "drums"
    (tmp_path / "test/BKS - Too Much/drums.wav").unlink()
    assert problems(tmp_path, "musdb18") == ["test/BKS - Too Much: no drums"]
    write(tmp_path / "mp4", "train/Leaf - Summerghost.stem.mp4", "x")
    with pytest.raises(SepflowError, match=r"1 .mp4 \(train/Leaf - Su.*take MUSDB18-HQ, zenodo"):
        recordings(tmp_path / "mp4", "musdb18")


@pytest.fixture
def desed(tmp_path):
    weak, other = "Y--4gqARaEJE_0.000_10.000.wav", "Y0123456789a_30.000_40.000.wav"
    put(tmp_path, f"audio/train/weak/{weak}", f"audio/train/unlabel_in_domain/{other}")
    put(
        tmp_path,
        "audio/validation/YAbcdefghijk_5.000_15.000.wav",
        "audio/eval/public/Ybbcdefghijk_5.000_15.000.wav",
    )
    put(
        tmp_path,
        "audio/train/synthetic20/soundscapes/0.wav",
        "audio/train/synthetic20/soundscapes/0_events/foreground0.wav",
    )
    put(tmp_path, "audio/train/soundbank/foreground/Cat/123_0.wav")
    strong = "filename\tonset\toffset\tevent_label"
    write(
        tmp_path,
        "metadata/train/weak.tsv",
        "filename\tevent_labels",
        f"{weak}\tDog,Speech",
        "Ygone_0.000_10.000.wav\tCat",
    )
    write(
        tmp_path,
        "metadata/validation/validation.tsv",
        strong,
        "YAbcdefghijk_5.000_15.000.wav\t0.5\t1.25\tCat",
        "YAbcdefghijk_5.000_15.000.wav\t3.0\t4.0\tDog",
    )
    write(tmp_path, "metadata/eval/public.tsv", strong, "Ybbcdefghijk_5.000_15.000.wav\t\t\t")
    write(tmp_path, "metadata/train/synthetic20/soundscapes.tsv", strong, "0.wav\t0.0\t9.0\tFrying")
    return tmp_path  # fmt: skip


def test_desed_soundscapes(desed, caplog):
    columns = ("speaker", "split", "subset", "labelled", "labels")
    made = "train/synthetic20/soundscapes"
    assert set(manifest(desed, "desed", *columns).values()) == {
        ("--4gqARaEJE", "train", "train/weak", "weak", "Dog;Speech"),
        ("0123456789a", "train", "train/unlabel_in_domain", "none", ""),
        (f"audio/{made}/0", "train", made, "strong", "Frying:0.0-9.0"),
        ("Abcdefghijk", "validation", "validation", "strong", "Cat:0.5-1.25;Dog:3.0-4.0"),
        ("bbcdefghijk", "test", "eval/public", "strong", ""),
    }  # fmt: skip
    assert "audio/train/weak: 1 of the 2 files of its table" in caplog.text
    (desed / "metadata/eval/public.tsv").unlink()
    put(desed, "audio/train/weak/Ynew_0.000_10.000.wav")
    assert problems(desed, "desed") == [
        "metadata/eval/public.tsv: not there, and it holds the labels of audio/eval/public",
        "audio/train/weak/Ynew_0.000_10.000.wav: not in metadata/train/weak.tsv",
    ]
    assert problems(desed, "desed", ["validation"]) == []


def test_desed_soundbank(desed):
    bank = "audio/train/soundbank"
    put(desed, f"{bank}/background/sins/DevNode1_ex12_3.wav", f"{bank}/foreground/Dog/123_1.wav")
    put(desed, "audio/validation/soundbank/foreground/Cat/77_0.wav")
    rows = {
        cells[0]: cells[1:]
        for cells in manifest(desed, "desed_soundbank", "path", "speaker", "split", "part", "labels").values()
    }
    assert rows == {
        f"{bank}/background/sins/DevNode1_ex12_3.wav": ("ex12", "train", "background", "sins"),
        f"{bank}/foreground/Cat/123_0.wav": ("123", "train", "foreground", "Cat"),
        f"{bank}/foreground/Dog/123_1.wav": ("123", "train", "foreground", "Dog"),
        "audio/validation/soundbank/foreground/Cat/77_0.wav": ("77", "validation", "foreground", "Cat"),
    }  # fmt: skip


def test_fuss(tmp_path):
    put(
        tmp_path, "fsd_data/train/sound/1234.wav", "fsd_data/eval/sound/99.wav", "rir_data/train/ab/rir_1.wav"
    )
    example = "ssdata/validation/example00001"
    parts = [
        f"{example}.wav",
        f"{example}_sources/background0_sound.wav",
        f"{example}_sources/foreground0_sound.wav",
    ]
    put(tmp_path, *parts, "ssdata/validation/example00002.wav")
    short = [part.removeprefix("ssdata/") for part in parts]
    write(tmp_path, "ssdata/validation_example_list.txt", "\t".join(short))
    assert manifest(tmp_path, "fuss", "speaker", "split") == {"1234": ("1234", "train"), "99": ("99", "test")}
    assert manifest(tmp_path, "fuss_rooms", "split") == {"rir_data-train-ab-rir_1": ("train",)}
    mixture = ("validation-example00001", "validation")
    assert manifest(tmp_path, "fuss_mixtures", "speaker", "split", "source") == {
        "ssdata-validation-example00001-mixture": (*mixture, "mixture"),
        "ssdata-validation-example00001-background0": (*mixture, "background0"),
        "ssdata-validation-example00001-foreground0": (*mixture, "foreground0"),
    }
    (tmp_path / parts[2]).unlink()
    place = "ssdata/validation_example_list.txt line 1"
    assert problems(tmp_path, "fuss_mixtures") == [f"{place}: {parts[2]}: no such file"]


def test_audioset(tmp_path):
    put(tmp_path, "train/Y--PJHxphWEs.wav", "train/Ybc-defghij_30.wav", "eval/Yabcdefghijk_30.000_40.000.wav")
    remarks = (
        "# Segments csv created Sun Mar  5 10:54:31 2017",
        "# YTID, start_seconds, end_seconds, positive_labels",
    )
    rows = ('--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"', 'Ybc-defghij, 30.000, 40.000, "/m/05tny_"')
    write(tmp_path, "balanced_train_segments.csv", *remarks, *rows)
    write(tmp_path, "eval_segments.csv", *remarks, 'abcdefghijk, 30.000, 40.000, "/m/02p0sh1"')
    assert set(manifest(tmp_path, "audioset", "speaker", "split", "segments", "labels").values()) == {
        ("--PJHxphWEs", None, "balanced_train", "/m/09x0r;/t/dd00088"),
        ("Ybc-defghij", None, "balanced_train", "/m/05tny_"),
        ("abcdefghijk", "test", "eval", "/m/02p0sh1"),
    }
    (tmp_path / "eval_segments.csv").unlink()
    assert problems(tmp_path, "audioset") == ["eval/Yabcdefghijk_30.000_40.000.wav: in no table of segments"]


BROKEN_EVENTS = {
    "2.0\t1.0\tCat": "ends at 1.0 s, before it begins",
    "-1\t1.0\tCat": "before the recording does",
    "nan\t1.0\tCat": "'nan' is not finite",
    "0.0\tinf\tCat": "'inf' is not finite",
    "0,5\t1.0\tCat": "'0,5' is no number",
    "\t1.0\tCat": "'' is no number",
    "0.0\t1.0\t": "'' is no class",
    "0.0\t1.0\tNaN": "'NaN' is no class",
    "0.0\t1.0\tCat;Dog": "cannot be the name of a class",
}


@pytest.mark.parametrize("cells", BROKEN_EVENTS)
def test_an_event_that_cannot_be_is_refused_by_its_line(desed, cells):
    name, header = "YAbcdefghijk_5.000_15.000.wav", "filename\tonset\toffset\tevent_label"
    good, broken = f"{name}\t0.5\t1.25\tCat", f"{name}\t{cells}"
    write(desed, "metadata/validation/validation.tsv", header, good, broken)
    with pytest.raises(SepflowError, match=f"validation.tsv line 3: .*{BROKEN_EVENTS[cells]}"):
        recordings(desed, "desed")


@pytest.mark.parametrize("labels", ["nan", "Dog,,Cat", "Dog,NA"])
def test_a_nan_is_no_weak_label(desed, labels):
    write(
        desed, "metadata/train/weak.tsv", "filename\tevent_labels", f"Y--4gqARaEJE_0.000_10.000.wav\t{labels}"
    )
    with pytest.raises(SepflowError, match=r"weak.tsv line 2: .* is no class"):
        recordings(desed, "desed")


def test_a_table_without_a_line_is_damaged_and_one_of_no_file_labels_none(desed):
    (desed / "metadata/train/weak.tsv").write_text("")
    with pytest.raises(SepflowError, match="weak.tsv: empty, where its first line names the columns"):
        recordings(desed, "desed")
    (desed / "metadata/train/weak.tsv").write_text("filename\tevent_labels\n")
    assert problems(desed, "desed") == [
        "audio/train/weak/Y--4gqARaEJE_0.000_10.000.wav: not in metadata/train/weak.tsv"
    ]
