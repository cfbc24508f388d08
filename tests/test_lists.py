"""Lists of mixtures that cannot be: refused by line, by every simulator, before anything is written."""

import csv
import os
import shutil

import numpy as np
import pytest

import librimix_corpora as libri
import whamr_corpus
from librimix_corpora import put_table, run, table
from sepflow.errors import SepflowError
from sepflow.simulation import inputs, lists
from sepflow.simulation.librimix.inputs import read_rows
from sepflow.simulation.librimix.tables import noises
from sepflow.simulation.whamr.lists import needed, read_mixtures
from sepflow.simulation.wsj0mix.lists import read_list, read_powers

POWERS = {f"u{k}": 0.01 for k in range(4)}
OUT_OF_ALL_BOUNDS = ("1e300", "1e11", "-1e300", "inf", "nan", "1e-300", "0")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = whamr_corpus.write_corpora(tmp_path_factory.mktemp("lists"))
    libri.small(root / "libri")
    return root


def librimix(tmp_path, world, **cells):
    frame = table(world / "libri", 2).astype(object)
    for column, cell in cells.items():
        frame.loc[2, column] = cell
    return read_rows(put_table(frame, tmp_path, 2) / "libri2mix_dev-clean.csv", 2)


def wsj0mix(tmp_path, first="wsj0/a/u0.wav", level="1", second="wsj0/b/u1.wav", more=""):
    path = tmp_path / "mix_2_spk_tr.txt"
    path.write_text(f"wsj0/a/u2.wav 1 wsj0/b/u3.wav -1\n\n{first} {level} {second} -1\n{more}")
    return read_list(path, 2, POWERS)


def whamr(tmp_path, world, rooms=(), pairs=(), levels=()):
    """The mixtures of cv, where the third row of each table has other cells."""
    files = needed(world / "lists", world / "wham", "cv")
    for n, changes in enumerate((rooms, pairs)):
        rows = list(csv.DictReader(files[n].open()))
        rows[2] |= dict(changes)
        files[n] = tmp_path / files[n].name
        whamr_corpus.write_table(files[n], rows)
    arrays = dict(np.load(files[2], allow_pickle=True))
    for key, value in dict(levels).items():
        arrays[key][2] = value
    np.savez(tmp_path / "scaling_cv.npz", **arrays)
    return read_mixtures([*files[:2], tmp_path / "scaling_cv.npz"], [(8000, "min")])


def test_as_they_are_all_are_read(world, tmp_path):
    assert len(librimix(tmp_path, world)) == 8
    assert len(wsj0mix(tmp_path)) == 2
    assert len(whamr(tmp_path, world)) == 5


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/etc/passwd.wav", "leads out of the corpus"),
        ("../wsj0/a/u0.wav", "leads out of the corpus"),
        ("wsj0/../../u0.wav", "leads out of the corpus"),
        ("wsj0\\..\\..\\a\\u0.wav", "leads out of the corpus"),
        ("wsj0/a\x07/u0.wav", "holds what no path does"),
    ],
)
def test_no_list_leads_out_of_its_corpus(world, tmp_path, path, said):
    shown = repr(path.replace("\\", "/"))
    with pytest.raises(SepflowError) as wsj:
        wsj0mix(tmp_path, first=path)
    assert "line 3: " in str(wsj.value) and said in str(wsj.value) and shown in str(wsj.value)
    with pytest.raises(SepflowError) as of_rooms:
        whamr(tmp_path, world, pairs={"s2_path": path})
    assert "line 4: s2_path: " in str(of_rooms.value) and said in str(of_rooms.value)
    for column in ("source_1_path", "source_2_path", "noise_path"):
        with pytest.raises(SepflowError) as of_libri:
            librimix(tmp_path, world, **{column: path})
        assert f"line 4: {column}: " in str(of_libri.value) and said in str(of_libri.value)
    metadata = tmp_path / "wham" / "metadata"
    metadata.mkdir(parents=True)
    (metadata / "dev.csv").write_text(f"length,augmented,origin_path\n50000,False,{path}\n")
    with pytest.raises(SepflowError) as of_noise:
        noises(tmp_path / "wham", "dev", 1)
    assert "line 2: origin_path: " in str(of_noise.value) and said in str(of_noise.value)


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a\x07b", "x" * 201, "ä" * 101, "a\tb"])
def test_no_list_names_what_is_no_file(world, tmp_path, name):
    with pytest.raises(SepflowError, match="line 4: mixture_ID: .* cannot be a file's name"):
        librimix(tmp_path, world, mixture_ID=name)
    with pytest.raises(SepflowError, match=r"line [45]: output_filename: .* cannot be a file's name"):
        whamr(tmp_path, world, pairs={"output_filename": name})
    with pytest.raises(SepflowError, match="utterance_id, entry 3: .* cannot be a file's name"):
        whamr(tmp_path, world, levels={"utterance_id": name})
    with pytest.raises(ValueError):
        lists.file_name(name)


def test_a_file_of_two_lines_is_refused(world, tmp_path):
    names = [row.name for row in whamr(tmp_path, world)]
    with pytest.raises(SepflowError, match="line 4: mixture3 is in line|line 5: mixture3 is in line 4 too"):
        librimix(tmp_path, world, mixture_ID="mixture3")
    with pytest.raises(
        SepflowError, match="line 5: mixture3 is in line 4 too, as MIXTURE3: one file on many"
    ):
        librimix(tmp_path, world, mixture_ID="MIXTURE3")
    with pytest.raises(SepflowError, match=r"line 4: u2_1_u3_-1.wav is in line 1 too\nEach"):
        wsj0mix(tmp_path, more="wsj0/other/u2.wav 1 wsj0/b/u3.wav -1\n")
    for pairs, rooms, levels in (
        ({"output_filename": names[0]}, (), ()),
        ((), {"utterance_id": names[0]}, ()),
    ):
        with pytest.raises(SepflowError, match=f"line .: {names[0][:-4]} is in line . too"):
            whamr(tmp_path, world, rooms, pairs, levels)
    with pytest.raises(SepflowError, match="entry 3: .* is in entry 1 too, as .*: one file on many a disk"):
        whamr(tmp_path, world, levels={"utterance_id": names[0].upper().replace(".WAV", ".wav")})


def test_a_recording_mixed_with_itself_is_refused(world, tmp_path):
    (source, *_) = (row.sources[0] for row in librimix(tmp_path, world))
    for again in (source, source.replace("/", "//", 1), f"./{source}"):
        with pytest.raises(SepflowError, match=f"line 4: {source} is two sources of one mixture"):
            librimix(tmp_path, world, source_1_path=source, source_2_path=again)
    for again in ("wsj0/a/u0.wav", "WSJ0/A/u0.WV1", "11-1.1/wsj0/a/u0.wav"):
        with pytest.raises(SepflowError, match="line 3: a/u0 is two sources of one mixture"):
            wsj0mix(tmp_path, second=again)
    with pytest.raises(SepflowError, match="line 4: x/u0 is two sources of one mixture"):
        whamr(tmp_path, world, pairs={"s1_path": "wsj0/x/u0.wav", "s2_path": "x/u0.wav"})


def test_levels_that_are_none_are_refused(world, tmp_path):
    for cell in OUT_OF_ALL_BOUNDS:
        with pytest.raises(SepflowError, match="line 4: noise_gain: '.*' (is|are) (out|not)"):
            librimix(tmp_path, world, noise_gain=cell)
        if cell not in ("0", "1e-300"):  # a level in dB may be nothing
            with pytest.raises(SepflowError, match="line 3: '.*' is (out of all bounds|not finite)"):
                wsj0mix(tmp_path, level=cell)
        for key in ("scaling_wsjmix_8k_min", "scaling_wham_speech_8k_min", "scaling_wham_noise_8k_min"):
            with pytest.raises(SepflowError, match=f"{key}: (not over 0|float64)"):
                whamr(tmp_path, world, levels={key: float(cell)})
        (tmp_path / "a.txt").write_text(f"u0 {cell}\n")
        (tmp_path / "mix_2_spk_tr.txt").unlink(missing_ok=True)
        with pytest.raises(SepflowError, match="a.txt line 1: '.*' is"):
            read_powers(tmp_path)


ROOM = {"room_x": 9, "room_y": 9, "room_z": 4, "micL_x": 4.5, "micL_y": 4.5, "micR_x": 4.6, "micR_y": 4.5}
ROOM |= {"mic_z": 1.2, "s1_x": 2, "s1_y": 2, "s1_z": 1.6, "s2_x": 5.5, "s2_y": 5, "s2_z": 1.5, "T60": 0.2}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"room_x": 40, "room_y": 30, "room_z": 10, "T60": 0.1}, "would amplify: they leave -4.09 of an"),
        ({"T60": 0.01, "room_x": 7, "room_y": 6, "room_z": 2.5}, "would amplify"),
        ({"T60": 0.012, "room_x": 0.3, "room_y": 0.3, "room_z": 0.3}, "is not inside of a room"),
        ({"T60": 5}, "sound meets more than 400 walls"),
        ({"T60": 1e9}, "over 60 s, or sound meets more than 400 walls"),
        ({"T60": "nan"}, "T60: 'nan' is not finite"),
        ({"room_z": 0}, "room_z: '0' is not over 0"),
        ({"room_z": 1e-200}, "room_z: '1e-200' is out of all bounds"),
        ({"s1_x": 4.5, "s1_y": 4.5, "s1_z": 1.2}, "a source is where a microphone is"),
        ({"s2_z": 4}, "a source at (5.5, 5.0, 4.0) m is not inside"),
    ],
)
def test_rooms_that_cannot_be_are_refused(world, tmp_path, change, said):
    whamr(tmp_path, world, rooms=ROOM)
    with pytest.raises(SepflowError) as error:
        whamr(tmp_path, world, rooms=ROOM | change)
    assert "line 4: " in str(error.value) and said in str(error.value)


def test_a_room_that_is_silent_before_its_direct_sound_is_refused(world, tmp_path):
    near = {"room_x": 2, "room_y": 2, "room_z": 0.3, "mic_z": 0.1, "s1_z": 0.1, "s2_z": 0.1}
    near |= {"micL_x": 1.9, "micL_y": 1.9, "micR_x": 1.8, "micR_y": 1.9}
    near |= {"s1_x": 0.1, "s1_y": 0.1, "s2_x": 1.5, "s2_y": 1.5}
    whamr(tmp_path, world, rooms=ROOM | near | {"T60": 0.02})
    with pytest.raises(
        SepflowError, match="line 4: a T60 of 0.0095 s is 152 samples, over before the direct"
    ):
        whamr(tmp_path, world, rooms=ROOM | near | {"T60": 0.0095})


def test_published_walls_may_turn_the_sign(world, tmp_path):
    mixtures = whamr(tmp_path, world)
    assert any(-1 < row.room.reflected < 0 for row in mixtures)


def simulate_small(world, tmp_path, kind):
    """(what to call to simulate a few mixtures, two of their recordings)."""
    utterances = whamr_corpus.UTTERANCES
    recordings = [tmp_path / whamr_corpus.list_path(name) for name in utterances]
    for seed, path in enumerate(recordings):
        libri.put(path, 0.1 * np.random.default_rng(seed).standard_normal(4000), 16000)
    if kind == "librimix":
        frame = table(world / "libri", 2, 1)
        recordings = [tmp_path / "LibriSpeech" / frame[f"source_{k}_path"][0] for k in (1, 2)]
        for seed, path in enumerate(recordings):
            libri.put(path, libri.voice(seed, 9000), 16000)
        metadata = put_table(frame, tmp_path / "metadata", 2)
        words = ("--librispeech", tmp_path / "LibriSpeech", "--speakers", 2, "--types", "mix_clean")
    else:
        metadata = world / "lists"
        words = ("--wsj0", tmp_path, "--splits", "cv")
    if kind == "whamr":
        words += ("--wham", world / "wham")
    if kind == "wsj0mix":
        metadata = tmp_path / "mix"
        (metadata / "activlev").mkdir(parents=True)
        (metadata / "activlev" / "a.txt").write_text("".join(f"{name} 0.01\n" for name in utterances))
        paths = [whamr_corpus.list_path(name) for name in utterances]
        (metadata / "mix_2_spk_cv.txt").write_text(f"{paths[0]} 1 {paths[1]} -1\n")
    common = ("--metadata", metadata, "--rates", 8000, "--modes", "min", "--jobs", 1)
    return lambda: run("simulate", kind, *words, *common, "--out", tmp_path / "out"), recordings[:2]


@pytest.mark.parametrize("samples", [np.zeros(9000), np.full(9000, 0.25), 0.25 + np.arange(9000) % 3 / 32768])
@pytest.mark.parametrize("kind", ["wsj0mix", "whamr", "librimix"])
def test_a_source_without_sound_is_named(world, tmp_path, capsys, kind, samples):
    simulate, (spoilt, _) = simulate_small(world, tmp_path, kind)
    libri.put(spoilt, samples)
    assert simulate() == 1
    message = capsys.readouterr().err
    assert f"{spoilt}: silent, every sample is about {samples.mean():.3g}." in message
    assert not list((tmp_path / "out").rglob("*.wav"))


@pytest.mark.parametrize("how", ["copied", "linked"])
@pytest.mark.parametrize("kind", ["wsj0mix", "whamr", "librimix"])
def test_a_recording_twice_in_a_mixture_is_named_whatever_it_is_called(world, tmp_path, capsys, kind, how):
    simulate, (first, second) = simulate_small(world, tmp_path, kind)
    second.unlink()
    second.hardlink_to(first) if how == "linked" else shutil.copy(first, second)
    assert simulate() == 1
    assert "the same recording as" in (message := capsys.readouterr().err)
    assert str(first) in message and str(second) in message
    assert not list((tmp_path / "out").rglob("*.wav"))


@pytest.mark.parametrize("kind", ["wsj0mix", "whamr", "librimix"])
def test_a_recording_that_is_no_file_is_refused_with_the_cause(world, tmp_path, capsys, kind):
    simulate, (spoilt, _) = simulate_small(world, tmp_path, kind)
    spoilt.unlink()
    os.mkfifo(spoilt)
    assert simulate() == 1
    assert "a named pipe (FIFO), not a file" in capsys.readouterr().err


def test_a_list_that_is_no_file_is_refused_with_the_cause(world, tmp_path, capsys):
    os.mkfifo(tmp_path / "mix_2_spk_tr.txt")
    (tmp_path / "activlev").mkdir()
    (tmp_path / "activlev" / "a.txt").write_text("x 0.1\n")
    words = ("--wsj0", world, "--metadata", tmp_path, "--out", tmp_path / "out")
    assert run("simulate", "wsj0mix", *words) == 1
    assert "mix_2_spk_tr.txt: does not read (a named pipe (FIFO), not a file)" in capsys.readouterr().err


def test_speech_begins_at_a_sample(world, tmp_path):
    files = needed(world / "lists", world / "wham", "cv")
    arrays = dict(np.load(files[2], allow_pickle=True))
    arrays["speech_start_sample_16k"] = arrays["speech_start_sample_16k"] + 0.5
    np.savez(tmp_path / "scaling_cv.npz", **arrays)
    with pytest.raises(SepflowError, match="no whole number"):
        read_mixtures([*files[:2], tmp_path / "scaling_cv.npz"], [(8000, "min")])


@pytest.mark.parametrize("cell", ["1_0", "١", "0x10", "1,5", "1 0"])
def test_a_number_is_written_as_everywhere(cell):
    with pytest.raises(ValueError, match="is no number"):
        inputs.number(cell)


@pytest.mark.parametrize("kind", ["wsj0mix", "whamr", "librimix", "librimix-metadata"])
def test_paths_too_long_are_messages(world, tmp_path, capsys, kind):
    long = str(tmp_path / ("x" * 300))
    roots = {"wsj0mix": ("--wsj0",), "whamr": ("--wsj0", "--wham")}.get(kind, ("--librispeech", "--wham"))
    options = (*roots, "--metadata") if kind != "librimix-metadata" else roots
    words = [word for option in options for word in (option, long)]
    speakers = ("--speakers", 2) if "libri" in kind else ()
    assert run("simulate", kind, *words, *speakers, "--out", tmp_path / "out") == 1
    told = capsys.readouterr()
    assert long in told.out + told.err and told.err.startswith("error: ")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--out", "\udce9", "bytes that are not UTF-8"),
        ("--jobs", "0", "'0' is no whole number over 0"),
        ("--jobs", "-1", "'-1' is no whole number over 0"),
        ("--jobs", "1000000", "1000000 processes: 1024 at most"),
        ("--out", "FILE", "not a directory"),
        ("--out", "FILE/below/it", "not a directory"),
    ],
)
@pytest.mark.parametrize(
    "kind", ["wsj0mix", "whamr", "librimix", "librimix-noise", "librimix-metadata", "desed"]
)
def test_where_to_write_and_how_many_processes(tmp_path, capsys, kind, option, value, said):
    (tmp_path / "file").write_text("")
    words = ("--out", tmp_path / "out", option, value.replace("FILE", str(tmp_path / "file")))
    with pytest.raises(SystemExit) as ended:
        run("simulate", kind, *words)
    assert ended.value.code == 2
    assert f"argument {option}: " in (message := capsys.readouterr().err) and said in message


def test_two_tables_of_one_split_are_refused(world, tmp_path, capsys):
    metadata = put_table(table(world / "libri", 2), tmp_path / "metadata", 2)
    (metadata / "libri2mix_dev.csv").write_bytes((metadata / "libri2mix_dev-clean.csv").read_bytes())
    assert run(*libri.render_command(world / "libri", metadata, tmp_path / "out", 2)) == 1
    assert (
        "libri2mix_dev-clean.csv and libri2mix_dev.csv are both of dev. Keep one." in capsys.readouterr().err
    )


def test_samples_that_are_no_numbers_are_not_written(tmp_path):
    from sepflow.simulation.rendering import Tree

    tree = Tree(tmp_path, "x", {}, {})
    for write, samples in ((tree.write_pcm16, [0.1, np.nan]), (tree.write_float, [0.1, 1e39])):
        with pytest.raises(SepflowError, match="a.wav: would hold NaN or infinite samples"):
            write("a.wav", np.array(samples), 8000)
    assert not list(tmp_path.rglob("*.wav"))
