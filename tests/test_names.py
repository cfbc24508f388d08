"""Names on the disk and in tables, and what else but files lies in a folder of recordings."""

import os
import re
import shutil
import unicodedata

import pytest
import soundfile

from sepflow.corpora import build
from sepflow.corpora.digest import folder_digest, list_digest
from sepflow.corpora.listing import list_recordings
from sepflow.corpora.packed import PackedCorpus
from sepflow.errors import SepflowError
from sepflow.files.text import as_on_disk
from sepflow.simulation import inputs
from sepflow.simulation.wsj0mix.lists import read_list
from test_inputs import RATE, SPECIAL, hiss, no_hanging, written  # noqa: F401  (no_hanging: for every test)

FORMS = ("NFC", "NFD")


@pytest.mark.parametrize("listed", FORMS)
@pytest.mark.parametrize("on_disk", FORMS)
def test_a_name_in_the_other_unicode_form_is_read(tmp_path, listed, on_disk):
    name, said = (unicodedata.normalize(form, "Ångström/é.wav") for form in (on_disk, listed))
    written(tmp_path / name)
    (tmp_path / "metadata.csv").write_text(f"path,speaker\n{said},anna\n", encoding="utf-8")
    rows, problems = list_recordings(tmp_path)
    assert problems == [] and [row["path"] for row in rows] == [name]
    assert as_on_disk(tmp_path / said) == tmp_path / name
    inputs.check_present(tmp_path, [said], "")
    assert len(inputs.read(tmp_path / said)) == RATE // 2


def test_paths_of_windows_are_read_and_named_where_nothing_is_there(tmp_path):
    written(tmp_path / "s0/a.wav")
    (tmp_path / "metadata.csv").write_bytes(b"path,speaker\r\ns0\\a.wav,anna\r\ns0\\b.wav,anna\r\n")
    rows, problems = list_recordings(tmp_path)
    assert [row["path"] for row in rows] == ["s0/a.wav"]
    assert problems == ["metadata.csv line 3: s0\\b.wav: no such file (paths have / between their parts)"]
    (tmp_path / "list.txt").write_text("s0\\a.wav 0.5 s1\\b.wav -0.5\n")
    (mixture,) = read_list(tmp_path / "list.txt", 2, {"a": 0.1, "b": 0.1})
    assert mixture.paths == ("s0/a.wav", "s1/b.wav")


def test_a_name_that_two_files_answer_to_is_no_name(tmp_path):
    for form in FORMS:
        written(tmp_path / unicodedata.normalize(form, "ǭ.wav"))
    (tmp_path / "metadata.csv").write_text("path,speaker\nǭ.wav,anna\n", encoding="utf-8")
    assert list_recordings(tmp_path)[1] == ["metadata.csv line 2: ǭ.wav: no such file"]


def complaint(root):
    recipe = {"kind": "folder", "rate": RATE, "digest": folder_digest(root)}
    with pytest.raises(SepflowError) as error:
        build(recipe, root.parent / "built", root, 1)
    return str(error.value)


@pytest.fixture
def folder(tmp_path):
    """Four speakers with a recording each, as a corpus."""
    for place, speaker in enumerate("abcd"):
        written(tmp_path / "raw" / speaker / "x.wav", hiss(1.0, place))
    return tmp_path / "raw"


@pytest.mark.parametrize("bad", [name for name in SPECIAL if name not in ("directory", "nothing there")])
def test_what_is_no_file_in_a_folder_is_listed(folder, bad):
    make, cause = SPECIAL[bad]
    make(folder / "a" / "bad.wav")
    assert re.search(f"a/bad.wav: .*{cause}", complaint(folder))


def test_what_is_no_audio_in_a_folder_is_passed_over(folder):
    before = folder_digest(folder)
    for name, (make, _) in SPECIAL.items():
        if name != "nothing there":
            (folder / name).mkdir()
            make(folder / name / "notes.txt")
    assert folder_digest(folder) == before


@pytest.mark.parametrize("bad", [name for name in SPECIAL if name != "nothing there"])
def test_metadata_that_is_no_file_is_not_passed_over(folder, bad):
    make, cause = SPECIAL[bad]
    make(folder / "metadata.csv")
    for read in (folder_digest, list_recordings):
        with pytest.raises(SepflowError, match=rf"metadata.csv: .*{cause}"):
            read(folder)


@pytest.mark.parametrize("read", [folder_digest, list_recordings, list_digest])
def test_a_path_too_long_or_in_a_circle_is_a_message(tmp_path, read):
    (tmp_path / "x").symlink_to("x")
    for path in (tmp_path / ("y" * 300), tmp_path / ("/y" * 2500), tmp_path / "x"):
        with pytest.raises(SepflowError):
            read(path)


def test_one_recording_for_two_speakers_is_refused_by_name(folder):
    (folder / "b" / "same.wav").hardlink_to(folder / "a" / "x.wav")
    (folder / "c" / "link.wav").symlink_to(folder / "a" / "x.wav")
    samples, _ = soundfile.read(folder / "a" / "x.wav")
    soundfile.write(folder / "d" / "copy.flac", samples, RATE)
    (folder / "a" / "again.wav").write_bytes((folder / "a" / "x.wav").read_bytes())
    message = complaint(folder)
    assert "3 problems" in message
    for name in ("b/same.wav", "c/link.wav", "d/copy.flac"):
        assert f"{name}: the same recording as a/again.wav, of another speaker, 'a'" in message


def test_a_speaker_in_two_unicode_forms_is_refused_by_name(folder):
    for place, form in enumerate(FORMS):
        written(folder / unicodedata.normalize(form, "é") / "x.wav", hiss(1.0, 10 + place))
    message = complaint(folder)
    assert "1 problem" in message and "speaker 'é': spelled with composed letters" in message


@pytest.mark.parametrize("character", ["\x01", "\x1b[31m", "\x7f"])
def test_a_control_character_in_a_speakers_name_is_refused(folder, character):
    (folder / "metadata.csv").write_text(f"path,speaker\na/x.wav,an{character}na\n")
    assert "metadata.csv line 2: a/x.wav: a control character in its speaker" in complaint(folder)


def test_digests_of_good_folders_are_as_they_were(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/x.wav").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "metadata.csv").write_text("path,speaker\ns/x.wav,anna\n")
    assert folder_digest(tmp_path) == "92622a1921135b05d1458f5b17fad4c64cf1582ddbe4c384e8fccc01c957402d"


def test_names_that_are_not_utf8_are_listed_not_lost(folder):
    good, odd = folder / "a" / "x.wav", folder / "a" / os.fsdecode(b"caf\xe9.wav")
    shutil.copy(good, odd)
    assert r"'a/caf\udce9.wav': not UTF-8" in complaint(folder)
    odd.unlink()
    build({"kind": "folder", "rate": RATE, "digest": folder_digest(folder)}, folder.parent / "ok", folder, 1)
    assert len(PackedCorpus(folder.parent / "ok")) == 4
