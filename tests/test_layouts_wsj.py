"""The Wall Street Journal corpora on disk: by directories, and by the index files of speech recognition."""

import pytest

from corpora_on_disk import manifest, problems, put, write
from sepflow.corpora.layouts import recordings
from sepflow.corpora.layouts.wsj import words_of
from sepflow.errors import SepflowError


@pytest.fixture
def wsj(tmp_path):
    """WSJ0 and WSJ1 as a user might have them: one merged, the other by disks, in capitals."""
    put(tmp_path, "wsj0/si_tr_s/01i/01ic0201.wv1", "wsj0/si_tr_s/01i/01ic0202.wv1", format="NIST")
    put(tmp_path, "wsj0/si_tr_s/401/401c0201.wv1", "wsj0/si_et_20/440/440c0401.wv1", format="NIST")
    put(tmp_path, "wsj0/si_et_20/440/440o0402.wav", "wsj0/si_dt_05/050/050c0501.wav")
    put(
        tmp_path,
        "13-1.1/WSJ1/SI_TR_S/46M/46MC0201.WV1",
        "13-16.1/WSJ1/SI_DT_20/4K0/4K0C0301.WV1",
        format="NIST",
    )
    write(
        tmp_path,
        "wsj0/doc/indices/train/tr_s_wv1.ndx",
        ";; File: tr_s_wv1.ndx",
        "11_1_1:wsj0/si_tr_s/01i/01ic0201.wv1",
        "11_2_1:wsj0/si_tr_s/401/401c0201.wv1",
    )
    write(tmp_path, "wsj0/doc/indices/test/nvp/si_et_20.ndx", "11_13_1:wsj0/si_et_20/440/440c0401")
    write(tmp_path, "13-34.1/WSJ1/DOC/INDICES/SI_TR_S.NDX", "13_1_1: wsj1/si_tr_s/46m/46mc0201.wv1")
    write(tmp_path, "13-34.1/WSJ1/DOC/INDICES/H1_P0.NDX", "13_16_1: wsj1/si_dt_20/4k0/4k0c0301.wv1")
    write(
        tmp_path,
        "wsj0/transcrp/dots/si_tr_s/01i/01io0200.dot",
        r"The [door_slam] \<sale\> *of* ~ the hotels . is \%PERCENT (01ic0201)",
        "Yes (01ic0202)",
    )
    write(tmp_path, "wsj0/transcrp/dots/si_et_20/440/440c0400.dot", "Eight (440c0401)")
    write(tmp_path, "13-34.1/WSJ1/TRANS/46MC0200.LSN", "THE COMPANY (46mc0201)")
    write(tmp_path, "13-34.1/WSJ1/TRANS/46MC0200.DOT", ",COMMA company (46mc0201)")
    write(tmp_path, "13-34.1/WSJ1/TRANS/4K0C0300.LSN", "UP (4K0C0301)")
    write(tmp_path, "wsj0/doc/spkrinfo.txt", "; speaker", "440  M  x", "--- --")
    write(tmp_path, "wsj0-train-spkrinfo.txt", "01i  F  y")
    return tmp_path  # fmt: skip


def test_wsj_by_directories(wsj):
    columns = ("speaker", "sex", "split", "subset", "text")
    assert manifest(wsj, "wsj0", *columns) == {
        "01ic0201": ("01i", "f", "train", "si_tr_s", "THE SALE OF THE HOTELS IS PERCENT"),
        "01ic0202": ("01i", "f", "train", "si_tr_s", "YES"),
        "401c0201": ("401", "", "train", "si_tr_s", ""),
        "440c0401": ("440", "m", "test", "si_et_20", "EIGHT"),
        "440o0402": ("440", "m", "test", "si_et_20", ""),
        "050c0501": ("050", "", "validation", "si_dt_05", ""),
        "46mc0201": ("46m", "", "train", "si_tr_s", ",COMMA COMPANY"),
        "4k0c0301": ("4k0", "", "validation", "si_dt_20", "UP"),
    }


def test_wsj_for_recognition(wsj):
    assert manifest(wsj, "wsj", "subset", "split", "text") == {
        "01ic0201": ("si_84", "train", "THE SALE OF THE HOTELS IS PERCENT"),
        "46mc0201": ("si_200", "train", ",COMMA COMPANY"),
        "4k0c0301": ("dev93", "validation", "UP"),
        "440c0401": ("eval92", "test", "EIGHT"),
    }
    assert list(manifest(wsj, "wsj", "path", subsets=["Eval92"])) == ["440c0401"]
    (wsj / "wsj0/si_tr_s/01i/01ic0201.wv1").unlink()
    (wsj / "wsj0/transcrp/dots/si_et_20/440/440c0400.dot").unlink()
    assert problems(wsj, "wsj") == [
        "wsj0/doc/indices/train/tr_s_wv1.ndx line 2: wsj0/si_tr_s/01i/01ic0201.wv1: in the index, but no "
        "such file (is that disk there?)",
        "wsj0/si_et_20/440/440c0401.wv1: no transcript of it (in no .dot or .lsn file)",
    ]


def test_words_of_the_journal():
    line = r"[<door_slam] *Mr.* .POINT <the> [tongue_click] two \[cough>\] dollars -HYPHEN [/phone_ring]"
    assert words_of(line) == "MR. POINT THE TWO DOLLARS -HYPHEN"


def test_wsj_with_other_files_or_without_its_indices(wsj):
    with pytest.raises(SepflowError, match="subsets: si_284: not there. It has: dev93, dev93_5k, eval92, "):
        recordings(wsj, "wsj", ["si_284"])
    assert problems(wsj, "wsj", ["eval93"]) == [
        "wsj1/doc/indices/wsj1/eval/h1_p0.ndx: not there, and it lists eval93 (is all of it unpacked?)"
    ]
    for index in [*wsj.rglob("*.ndx"), *wsj.rglob("*.NDX")]:
        index.unlink()
    (line,) = problems(wsj, "wsj")
    assert line == "wsj0/doc/indices, wsj1/doc/indices: not there, and they list who is in which set"
    put(wsj, "wsj0/si_tr_s/01i/01ic0201.wav")
    (line,) = problems(wsj, "wsj0")
    assert "has the same id as wsj0/si_tr_s/01i/01ic0201.wav, '01ic0201'" in line
