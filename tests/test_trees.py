"""Trees of files begun before: whatever has changed since, or was damaged, they end as a fresh one does."""

import json
import os
import shutil

import numpy as np
import pytest
import soundfile

import librimix_corpora as libri
import whamr_corpus
from librimix_corpora import put_table, run, table
from sepflow import corpora
from sepflow.files.seals import digest_of
from sepflow.identity import digest
from sepflow.mixes.export import export
from sepflow.mixes.mix import write_plan
from sepflow.mixes.speakers.mixtures import draw
from sepflow.simulation.librimix import noise as librimix_noise

SMALL = ("--rates", 8000, "--modes", "min", "--jobs", 1)
MIX = {"kind": "speakers", "split": "train", "mixtures": 40, "speakers": 2, "level_difference": [-5.0, 5.0],
       "length": "min", "min_seconds": 0.0,
       "corpus": {"kind": "folder", "rate": 8000, "splits": {"validation": 0.25, "test": 0.25}}}  # fmt: skip
# What a tree is made of, to be changed, and what it holds, to be damaged.
KINDS = {
    "wsj0mix": ("wsj0/**/*.wav", "**/s1/*.wav"),
    "librimix": ("libri/wham_noise/cv/*.wav", "**/mix_both/*.wav"),
    "whamr": ("wham/cv/*.wav", "**/mix_both_reverb/*.wav"),
    "desed": ("bank/fg/*/*.wav", "**/soundscapes/*.wav"),
    "desed, responses": ("bank/rir/*.wav", "**/sources/*/background.wav"),
    "librimix-noise": ("libri/wham_noise/tr/*.wav", "tr/*sp08.wav"),
    "a mix": ("results/corpora/*/audio.i16", "s2/*.wav"),
    "labels": ("results/mixes/*/labels.f32", "s1/*.wav"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory, voices):
    """All that the simulators take, in small."""
    root = whamr_corpus.write_corpora(tmp_path_factory.mktemp("world"))
    words, rng = whamr_corpus.UTTERANCES, np.random.default_rng(3)
    (root / "mix" / "activlev").mkdir(parents=True)
    (root / "mix" / "activlev" / "a.txt").write_text("".join(f"{word} 0.01\n" for word in words))
    lines = [
        f"{whamr_corpus.list_path(words[n % 4])} {n} {whamr_corpus.list_path(words[n % 3 - 1])} {-n}\n"
        for n in range(36)
        if words[n % 4] != words[n % 3 - 1]
    ]
    (root / "mix" / "mix_2_spk_cv.txt").write_text("".join(lines))
    put_table(table(libri.small(root / "libri"), 2, 34), root / "libri" / "metadata", 2)
    for kind, seconds in (("fg/Dog", 0.5), ("fg/Cat", 0.8), ("bg", 2.5), ("rir", 0.1)):
        for n in range(4):
            fade = np.exp(-np.arange(int(seconds * 8000)) / 150) if kind == "rir" else 1
            libri.put(
                root / f"bank/{kind}/{n}.wav",
                0.1 * fade * rng.standard_normal(int(seconds * 8000)),
                8000,
                subtype="FLOAT",
            )
    corpora.build(MIX["corpus"], root / "results/corpora" / digest(MIX["corpus"]), voices, 1)
    manifest = corpora.packed.read_manifest(root / "results/corpora" / digest(MIX["corpus"]))
    plan = draw(MIX, manifest)
    write_plan(root / "results/mixes" / digest(MIX), plan)
    folder = root / "results/mixes" / digest(labelled())
    folder.mkdir(parents=True)
    (0.1 * rng.standard_normal(2 * plan["samples"].sum())).astype("<f4").tofile(folder / "labels.f32")
    write_plan(folder, plan, {"labels.f32": digest_of(folder / "labels.f32")}, run="abc", model="")
    return root


def labelled():
    return {"kind": "labels", "mix": MIX, "run": "abc"}


@pytest.fixture
def world(made, tmp_path, monkeypatch):
    """A copy of it, to be changed."""
    monkeypatch.setattr(librimix_noise, "has_sox", lambda: True)
    monkeypatch.setattr(librimix_noise, "at_speed", lambda samples, speed: samples[:: int(speed * 10) // 4])
    return shutil.copytree(made, tmp_path / "world")


def simulate(kind, world, out, *more):
    """What the command returns."""
    if kind in ("a mix", "labels"):
        export(MIX if kind == "a mix" else labelled(), world / "results", out, 1)
        return 0
    bank = (
        "--foreground",
        world / "bank/fg",
        "--background",
        world / "bank/bg",
        "--rirs",
        world / "bank/rir",
    )
    wham = ("--wham", world / "libri/wham_noise")
    speech = ("--librispeech", world / "libri/LibriSpeech", "--metadata", world / "libri/metadata")
    wsj0 = ("--wsj0", world, "--splits", "cv")
    words = {
        "wsj0mix": (*wsj0, "--metadata", world / "mix", *SMALL),
        "librimix": (*speech, *wham, "--speakers", 2, "--types", "mix_both", *SMALL),
        "whamr": (*wsj0, "--wham", world / "wham", "--metadata", world / "lists", *SMALL),
        "desed": (
            *bank,
            "--number",
            34,
            "--seconds",
            1,
            "--rate",
            8000,
            "--split",
            "a",
            "--sources",
            "--jobs",
            1,
        ),
        "librimix-noise": (*wham, "--jobs", 1),
    }
    kind = kind.partition(",")[0]
    return run("simulate", kind, *words[kind], *more, "--out", out)


def nudge(path, place):
    """Change the bytes at a place, and neither the size nor the time."""
    before, data = path.stat(), bytearray(path.read_bytes())
    for i in range(len(data))[place]:
        data[i] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def sources_change(world, out, kind):
    for path in sorted(world.glob(KINDS[kind][0])):
        nudge(path, slice(1500, 1600))
        if (seal := path.parent / "seal.json").exists():  # as who made it anew would
            said = json.loads(seal.read_text())
            said["files"][path.name] = digest_of(path)
            seal.write_text(json.dumps(said))


def damage(how):
    def spoil(world, out, kind):
        path = sorted(out.glob(KINDS[kind][1]))[0]
        if how == "cut":
            os.truncate(path, 100)
        elif how == "flipped":
            nudge(path, slice(-300, -299))
        elif how == "pipe":
            path.unlink()
            os.mkfifo(path)
        else:
            path.unlink()

    return spoil


def record_is_damaged(world, out, kind):
    nudge(next(out.glob(".sepflow/*/*/00000.json")), slice(-30, -29))
    os.truncate(sorted(out.glob(KINDS[kind][1]))[0], 100)


def record_is(what):
    def change(world, out, kind):
        record = next(out.glob(".sepflow/*/*/00000.json"))
        record.unlink()
        os.mkfifo(record) if what == "pipe" else record.write_text("[" * 200_000)

    return change


CHANGES = {
    "other recordings": sources_change,
    **{f"a file {how}": damage(how) for how in ("cut", "flipped", "removed", "pipe")},
    "a record damaged": record_is_damaged,
    "a record too deep": record_is("deep"),
    "a record that is a pipe": record_is("pipe"),
}


def everything(root):
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_tree_ends_as_a_fresh_one_whatever_has_changed(world, tmp_path, kind):
    out = tmp_path / "out"
    assert simulate(kind, world, out) == 0
    for name, change in CHANGES.items():
        before = everything(out)
        change(world, out, kind)
        assert simulate(kind, world, out) == 0, name
        mended = everything(out)
        if name != "other recordings":
            assert mended == before, name
            continue
        assert mended != before
        shutil.rmtree(out)
        assert simulate(kind, world, out) == 0
        assert everything(out) == mended


@pytest.mark.parametrize("kind", ["wsj0mix", "librimix", "whamr", "a mix"])
def test_what_is_whole_is_left_as_it_is(world, tmp_path, kind):
    out = tmp_path / "out"
    times = []
    for _ in range(2):
        assert simulate(kind, world, out) == 0
        times.append({path: path.stat().st_mtime_ns for path in sorted(out.rglob("*.wav"))})
    assert times[0] == times[1] and times[0]


def test_lengths_and_levels_beside_the_audio_are_those_of_the_new_recordings(world, tmp_path):
    assert simulate("librimix", world, tmp_path / "out") == 0
    for path in sorted((world / "libri/LibriSpeech").rglob("*.flac")):
        samples = soundfile.read(path)[0]
        soundfile.write(path, 0.5 * samples[: len(samples) - 2000], 16000)
    old = everything(tmp_path / "out")
    assert simulate("librimix", world, tmp_path / "out") == 0
    new = everything(tmp_path / "out")
    for name in ("mixture", "metrics"):
        place = f"Libri2Mix/wav8k/min/metadata/{name}_dev_mix_both.csv"
        assert place in new and old[place] != new[place]
    shutil.rmtree(tmp_path / "out")
    assert simulate("librimix", world, tmp_path / "out") == 0
    assert everything(tmp_path / "out") == new


def test_rooms_that_have_changed_are_another_list(world, tmp_path, capsys):
    assert simulate("whamr", world, tmp_path / "out") == 0
    before = everything(tmp_path / "out")
    rooms = world / "lists/reverb_params_cv.csv"
    text = rooms.read_text()
    rooms.write_text(text.replace(text.splitlines()[1].split(",")[4], "0.19", 1))
    assert simulate("whamr", world, tmp_path / "out") == 1
    assert "whamr-cv was made from something else" in capsys.readouterr().err
    assert everything(tmp_path / "out") == before


def test_another_rate_of_recordings_that_have_changed_is_told(world, tmp_path, caplog):
    out, low = tmp_path / "out", ("--rates", 8000)
    assert simulate("wsj0mix", world, out, *low) == 0
    assert simulate("wsj0mix", world, out, "--rates", 16000) == 0
    assert not caplog.records
    sources_change(world, out, "wsj0mix")
    assert simulate("wsj0mix", world, out, "--rates", 16000) == 0
    (warning,) = caplog.messages
    assert "wsj0-2mix-cv with folders ['2speakers/wav8k/min/cv'] was made from recordings that" in warning
    caplog.clear()
    assert simulate("wsj0mix", world, out, *low) == 0
    mended = everything(out)
    shutil.rmtree(out)
    for rate in (8000, 16000):
        assert simulate("wsj0mix", world, out, "--rates", rate) == 0
    assert everything(out) == mended and not caplog.records


def test_an_unfinished_tree_does_not_say_that_it_is_complete(world, tmp_path, capsys):
    assert simulate("wsj0mix", world, tmp_path / "out") == 0
    (complete,) = tmp_path.glob("out/.sepflow/*/*/complete.json")
    assert json.loads(complete.read_text())["files"] > 60
    path = sorted((world / "wsj0").rglob("*.wav"))[1]
    soundfile.write(path, np.full(9000, 0.25), 16000)
    assert simulate("wsj0mix", world, tmp_path / "out") == 1
    assert f"{path}: silent, every sample is about 0.25" in capsys.readouterr().err
    assert not complete.exists()


def test_a_damaged_recipe_of_another_variant_is_named(world, tmp_path, capsys):
    assert simulate("wsj0mix", world, tmp_path / "out") == 0
    (recipe,) = tmp_path.glob("out/.sepflow/*/*/recipe.json")
    nudge(recipe, slice(20, 21))
    assert simulate("wsj0mix", world, tmp_path / "out", "--rates", 16000) == 1
    assert f"{recipe}: damaged. Remove {recipe.parent}" in capsys.readouterr().err
