"""Published mixtures in the workflow: planned from their lists, mixed on the fly, the simulators' samples."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from conftest import Checkout
from sepflow import cli, corpora
from sepflow.corpora.packed import PackedCorpus
from sepflow.errors import SepflowError
from sepflow.identity import RECIPES
from sepflow.mixes import code_of
from sepflow.mixes.lists import decide_listed
from sepflow.mixes.resampled import Resampled
from sepflow.planning import plan

RATE = 16000
SPEAKERS = (11, 22, 33, 44)
CORPUS = {"kind": "folder", "layout": "librispeech", "rate": RATE}
RECIPE = {"kind": "librimix", "rate": 8000, "split": "train", "subset": "train-clean-100", "speakers": 2,
          "mixtures": 12, "min_seconds": 0.0}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """LibriSpeech, WHAM! and WSJ0 in small, with the lists of mixtures over them."""
    root, rng = tmp_path_factory.mktemp("world"), np.random.default_rng(5)

    def record(path, channels=1, suffix="flac"):
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = 0.2 * rng.standard_normal((int(rng.integers(20000, 40000)), channels))
        soundfile.write(f"{path}.{suffix}", samples, RATE, subtype="PCM_16")

    names = [(s, f"train-clean-100/{s}/1/{s}-1-000{u}") for s in SPEAKERS for u in range(2)]
    for _, name in names:
        record(root / "librispeech" / name)
    noises = [f"tr/hiss{n}" for n in range(3)]
    for name in noises:
        record(root / "wham" / name, 2, "wav")
    words = [(w, f"wsj0/si_tr_s/{w}/{w}a010{u}") for w in ("01a", "02b", "03c") for u in range(2)]
    for _, name in words:
        record(root / "wsj" / name, 1, "wav")
    (root / "librispeech/SPEAKERS.TXT").write_text(
        "".join(f"{s} | F | train-clean-100 | 5.0 | x\n" for s in SPEAKERS)
    )
    for s in SPEAKERS:
        lines = [f"{s}-1-000{u} SOME WORDS\n" for u in range(2)]
        (root / f"librispeech/train-clean-100/{s}/1/{s}-1.trans.txt").write_text("".join(lines))
    write_lists(root, [name for _, name in names], noises, [name for _, name in words], rng)
    return root


def write_lists(root, names, noises, words, rng) -> None:
    """Twelve rows a list; gains that let some mixtures clip."""
    rows = []
    for n in range(12):
        a, b = rng.choice(4, 2, replace=False) * 2 + rng.integers(0, 2, 2)
        sources = {f"source_{k}_path": f"{names[i]}.flac" for k, i in ((1, a), (2, b))}
        gains = {f"source_{k}_gain": rng.uniform(0.3, 2.5) for k in (1, 2)}
        noise = {"noise_path": f"{noises[n % 3]}.wav", "noise_gain": rng.uniform(0.1, 1.0)}
        name = f"{names[a].rsplit('/')[-1]}_{names[b].rsplit('/')[-1]}-{n}"
        rows.append({"mixture_ID": name, **sources, **gains, **noise})
    (root / "libri").mkdir()
    pd.DataFrame(rows).to_csv(root / "libri/libri2mix_train-clean-100.csv", index=False)
    (root / "wsjmix/activlev").mkdir(parents=True)
    lines = []
    for _ in range(12):
        a, b = rng.choice(3, 2, replace=False) * 2 + rng.integers(0, 2, 2)
        level = rng.uniform(0, 2.5)
        lines.append(f"{words[a]}.wav {level:.5g} {words[b]}.wav {-level:.5g}")
    (root / "wsjmix/mix_2_spk_tr.txt").write_text("\n".join(lines) + "\n")
    powers = [f"{word.rsplit('/')[-1]} {rng.uniform(0.01, 0.06):.6g}" for word in words]
    (root / "wsjmix/activlev/activlev_tr.txt").write_text("\n".join(powers) + "\n")


SCALES = {
    "librimix": ({"kind": "librimix", "speech": "speech", "noise": "hiss"}, "librispeech", "libri"),
    "wsj0mix": ({"kind": "wsj0mix", "speech": "speech"}, "wsj", "wsjmix"),
}


@pytest.fixture(params=[("librimix", "min"), ("librimix", "max"), ("wsj0mix", "min"), ("wsj0mix", "max")])
def listed(request, world, checkout):
    """(checkout whose scale `tiny` trains on a published list, kind, mode, the name of the training mix)."""
    kind, mode = request.param
    configure(checkout, world, kind, mode)
    mix, *_ = planned(checkout).mixes_with(labels=False)
    return checkout, kind, mode, mix


def configure(checkout: Checkout, world, kind: str, mode: str, change=lambda tiny: None) -> None:
    entry, speech, lists = SCALES[kind]
    tiny = yaml.safe_load((checkout.root / "config/scales/tiny.yaml").read_text())
    layout = "librispeech" if kind == "librimix" else "wsj0"
    tiny["corpora"] = {"speech": {"kind": "folder", "layout": layout}, "lists": dict(entry)}
    tiny["corpora"]["hiss"] = {"kind": "folder", "layout": "wham_noise", "channel": 0}
    tiny["roles"] = {"clean_speech_pairs": "lists"}
    mix = {"mixtures": 12, "min_seconds": 0.0, "length": mode}
    if kind == "librimix":
        mix |= {"subset": "train-clean-100", "noise": True}
    else:
        mix["split"] = "train"
    tiny["papers"]["ts_mixit"]["mixes"] = dict.fromkeys(("train", "validation", "test"), mix)
    tiny["papers"]["ts_mixit"]["stages"]["teacher"] = {"data": {"dynamic": False}}
    change(tiny)
    checkout.write("config/scales/tiny.yaml", yaml.safe_dump(tiny))
    config = yaml.safe_load((checkout.root / "config/config.yaml").read_text())
    config["corpora"] = {
        "speech": str(world / speech),
        "lists": str(world / lists),
        "hiss": str(world / "wham"),
    }
    checkout.write("config/config.yaml", yaml.safe_dump(config))


def planned(checkout: Checkout) -> plan.Plan:
    return plan.load(yaml.safe_load((checkout.root / "config/config.yaml").read_text()), checkout.root)


def official(world, kind: str, mode: str, out) -> dict[str, np.ndarray]:
    """{signal/name: int16} of the command that writes the official tree."""
    words = ["--out", str(out), "--speakers", "2", "--rates", "8000", "--modes", mode, "--jobs", "1"]
    if kind == "librimix":
        words += ["--librispeech", str(world / "librispeech"), "--wham", str(world / "wham")]
        assert cli.main(["simulate", "librimix", "--metadata", str(world / "libri"), *words]) == 0
        tree, names = out / f"Libri2Mix/wav8k/{mode}/train-100", {"mix_both": "mix"}
    else:
        words += ["--wsj0", str(world / "wsj"), "--splits", "tr"]
        assert cli.main(["simulate", "wsj0mix", "--metadata", str(world / "wsjmix"), *words]) == 0
        tree, names = out / f"2speakers/wav8k/{mode}/tr", {}
    files = {
        (names.get(path.parent.name, path.parent.name), path.name): path for path in tree.glob("*/*.wav")
    }
    return {key: soundfile.read(path, dtype="int16")[0] for key, path in files.items()}


def test_what_the_workflow_mixes_is_what_the_simulator_writes(listed, world, tmp_path):
    checkout, kind, mode, mix = listed
    done = checkout.snakemake(f"results/rendered/{mix}/complete.json")
    assert done.returncode == 0, done.stderr
    complete = json.loads((checkout.root / f"results/rendered/{mix}/complete.json").read_text())
    assert complete["mixtures"] == 12
    expected, wrong, count = official(world, kind, mode, tmp_path / "tree"), 0, 0
    for signal in complete["signals"]:
        files = sorted((checkout.root / f"results/rendered/{mix}/{signal}").glob("*.wav"))
        assert len(files) == 12
        for path in files:
            samples, codes = soundfile.read(path, dtype="float64")[0] * 32768, expected[signal, path.name]
            assert len(samples) == len(codes)
            if kind == "wsj0mix":  # of float64: ours is some last bits of float32 (1e-3) away
                assert np.abs(samples - codes).max() <= 0.5 + 5e-3
            wrong += (np.clip(np.floor(samples), -32768, 32767) != codes).sum() * (kind == "librimix")
            count += len(codes)
    assert count > 12 * 3 * 10000
    assert wrong < 1e-4 * count  # in LibriMix's own types and order: the samples are the same


def test_a_run_trains_on_a_published_noisy_list(world, checkout):
    configure(checkout, world, "librimix", "min")
    found = planned(checkout)
    runs = [found.find(label).name for label in ("teacher_2src", "student_2src")]
    done = checkout.snakemake(*(f"results/runs/{run}/model.safetensors" for run in runs))
    assert done.returncode == 0, done.stderr


def packed(world, where: str, out) -> Resampled:
    corpora.build(CORPUS, out, world / where, 1)
    return Resampled(PackedCorpus(out), RATE, 8000)


def test_recordings_that_a_corpus_lacks_are_listed_together(world, tmp_path):
    speech = packed(world, "librispeech", tmp_path / "speech")
    text = (world / "libri/libri2mix_train-clean-100.csv").read_text()
    (tmp_path / "libri2mix_train-clean-100.csv").write_text(
        text.replace("11-1-0000.flac", "11-1-0009.flac").replace("22-1-0001.flac", "22-1-0007.flac")
    )
    with pytest.raises(SepflowError) as error:
        decide_listed(code_of("librimix").planned, RECIPE | {"length": "min"}, tmp_path, {"corpus": speech})
    assert "11-1-0009.flac: not in the corpus of the speech" in str(error.value)
    assert "22-1-0007.flac" in str(error.value)


def test_a_list_that_is_too_short_says_how_many_it_has(world, tmp_path):
    speech = packed(world, "librispeech", tmp_path / "speech")
    with pytest.raises(SepflowError, match="12 mixtures of 0 s or more, and the mix asks for 13"):
        decide_listed(
            code_of("librimix").planned,
            RECIPE | {"length": "min", "mixtures": 13},
            world / "libri",
            {"corpus": speech},
        )


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("papers.ts_mixit.mixes.train.subset", None, "subset: .*not set"),
        ("papers.ts_mixit.stages.teacher.data.dynamic", True, "draws speech alone"),
        ("corpora.lists.noise", None, "names no noise"),
        ("corpora.lists.speech", "spech", "did you mean 'speech'"),
        ("corpora.lists.speech", "lists", "where recordings are needed"),
        ("roles.clean_speech_pairs", "speech", "is no list of mixtures"),
    ],
)
def test_a_scale_that_does_not_fit_its_lists_says_where(world, checkout, place, value, said):
    def change(tiny) -> None:
        *parents, key = place.split(".")
        for parent in parents:
            tiny = tiny[parent]
        if value is None:
            del tiny[key]
        else:
            tiny[key] = value

    configure(checkout, world, "librimix", "min", change)
    with pytest.raises(SepflowError, match=said):
        planned(checkout)


def test_new_code_of_a_published_mix_renames_it(world, checkout, monkeypatch):
    configure(checkout, world, "librimix", "min")
    before = planned(checkout).find("student_2src").name
    monkeypatch.setitem(RECIPES, "librimix", RECIPES["librimix"] + 1)
    assert planned(checkout).find("student_2src").name != before
