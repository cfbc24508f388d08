"""A key that would do nothing is refused where it is said, and tolerated where it is only inherited."""

import json

import pytest
import yaml

from conftest import ROOT
from sepflow.commands.spec import read_spec
from sepflow.errors import SepflowError
from sepflow.identity import merge
from sepflow.planning import plan

SSL = "ssl_pretraining"
LISTED = {  # smoke's mixes of one paper, over a published list
    "corpora": {
        "speech": {"kind": "folder", "release": "x"},
        "lists": {"kind": "wsj0mix", "speech": "speech", "release": "x"},
    },
    "roles": {"clean_speech_pairs": "lists"},
}  # fmt: skip


def nested(keys, value):
    for key in reversed(keys.split(".")):
        value = {key: value}
    return value


def loaded(checkout, paper, *changes, scale=None):
    """The plan of scale smoke with `changes` (file, path, value): of "paper" or, in it, of the "scale"."""
    files = {"paper": f"config/papers/{paper}.yaml", "scale": "config/scales/smoke.yaml"}
    content = {name: yaml.safe_load((checkout.root / file).read_text()) for name, file in files.items()}
    content["scale"] = merge(content["scale"], scale)
    for file, keys, value in changes:
        keys = keys if file == "paper" else f"papers.{paper}.{keys}"
        content[file] = merge(content[file], nested(keys, value))
    for name, file in files.items():
        (checkout.root / file).write_text(yaml.safe_dump(content[name]))
    return plan.load({"scale": "smoke", "papers": [paper]}, checkout.root)


IDLE = [  # the paper, a run, its stage, a key of the run, a value: what the message says
    ("ts_mixit", "supervised_100", "supervised", "optimizer.warmup", 100, "plateau alone moves"),
    ("ts_mixit", "supervised_100", "supervised", "optimizer.decay", "linear", "plateau: null"),
    ("ts_mixit", "supervised_100", "supervised", "data.single_speaker", 0.1, "only MixIT"),
    ("ts_mixit", "supervised_100", "supervised", "validation.single_speaker", 0.1, "only MixIT"),
    ("ts_mixit", "supervised_100", "supervised", "validation.crop", "fixed", "always the same"),
    ("ts_mixit", "supervised_100", "supervised", "disjoint_speakers", True, "without init or joint"),
    ("ts_mixit", "distilled", None, "data.labels.selection", "energy", "no more outputs than sources"),
    (SSL, "multi_task", "multi_task", "joint.single_speaker", 0.2, "only MixIT"),
    (SSL, "multi_task", "multi_task", "validation.crop", "fixed", "always the same"),
    (SSL, "cc", None, "objective.max_snr", 30, "no bound"),
    (SSL, "cc", None, "objective.consistency", True, "make up no mixture"),
    (SSL, "cc", None, "model.sources", 2, "first output"),
    (SSL, "mama", None, "objective.consistency", True, "make up no mixture"),
    (SSL, "mama", None, "data.single_speaker", 0.1, "only MixIT"),
    (SSL, "mama", None, "optimizer.warmup", 10, "plateau alone moves"),
]


@pytest.mark.parametrize("side", ["paper", "scale"])
@pytest.mark.parametrize(("paper", "run", "stage", "key", "value", "said"), IDLE)
def test_what_a_run_or_its_stage_says_and_nothing_would_do_is_refused(
    checkout, paper, run, stage, key, value, said, side
):
    teacher = [(side, f"runs.{run}.data.labels.run", "student_1or2src")] if "labels" in key else []
    named = "papers/" + paper if side == "paper" else f"scales/smoke.yaml: papers.{paper}"
    for place in (f"runs.{run}", *([f"stages.{stage}"] if stage else [])):
        with pytest.raises(
            SepflowError, match=f"{named}.*{place}.{key}: {value}: would do nothing: .*{said}"
        ):
            loaded(checkout, paper, *teacher, (side, f"{place}.{key}", value))
        for file in ("papers", "scales"):
            for path in (ROOT / "config" / file).glob("*.yaml"):
                (checkout.root / "config" / file / path.name).write_text(path.read_text())


ALONE = ("warmup", "decay", "single_speaker", "crop", "disjoint_speakers")


@pytest.mark.parametrize(
    ("paper", "run", "key", "value", "said"),
    [(paper, run, *rest) for paper, run, _, *rest in IDLE if rest[0].endswith(ALONE)],
)
def test_what_a_resolved_spec_says_and_nothing_would_do_is_refused(tmp_path, paper, run, key, value, said):
    spec = plan.load({"scale": "smoke", "papers": [paper]}, ROOT).find(run).spec
    (path := tmp_path / "spec.json").write_text(json.dumps(merge(spec, nested(key, value))))
    with pytest.raises(SepflowError, match=f"{path}: spec.{key}: {value}: would do nothing: .*{said}"):
        read_spec(path, ROOT / "config")


@pytest.mark.parametrize("scale", ["smoke", "demo"])
@pytest.mark.parametrize("paper", ["ts_mixit", SSL])
def test_the_spec_of_every_run_of_a_plan_can_be_trained_alone(tmp_path, paper, scale):
    for run in plan.load({"scale": scale, "papers": [paper]}, ROOT).runs.values():
        (path := tmp_path / "spec.json").write_text(json.dumps(run.spec))
        read_spec(path, ROOT / "config")


def test_masks_of_a_contrastive_run_are_those_of_whoever_begins_with_it(checkout):
    mask = [("scale", f"runs.{run}.model.mask", "sigmoid") for run in ("cc", "pt_ft_cc")]
    assert loaded(checkout, SSL, *mask).find("cc").spec["model"]["mask"] == "sigmoid"
    with pytest.raises(SepflowError, match="runs.cc.model.mask: sigmoid: would do nothing: .*no estimates"):
        loaded(checkout, SSL, ("scale", "tables", {"pretext": ["cc"]}))


def test_a_base_of_the_scale_is_refused_where_no_run_heeds_it(checkout):
    warm = ("scale", "base.optimizer.warmup", 10)
    heeding = ("scale", "runs.supervised_100.optimizer.plateau", None)
    assert (
        loaded(checkout, "ts_mixit", warm, heeding).find("supervised_100").spec["optimizer"]["warmup"] == 10
    )
    with pytest.raises(
        SepflowError, match=r"smoke.yaml: papers.ts_mixit.base.optimizer.warmup: 10: would do"
    ):
        loaded(
            checkout,
            "ts_mixit",
            ("scale", "runs.supervised_100.optimizer", {"plateau": {"factor": 0.5, "patience": 1}}),
        )


@pytest.mark.parametrize("key", ["optimizer.warmup", "optimizer.decay"])
def test_what_asks_for_nothing_or_is_inherited_is_tolerated(checkout, key):
    off = {"optimizer.warmup": 0, "optimizer.decay": "none"}[key]
    on = {"optimizer.warmup": 9, "optimizer.decay": "linear"}[key]
    before = plan.load({"scale": "smoke", "papers": ["ts_mixit"]}, ROOT)
    said = loaded(checkout, "ts_mixit", ("paper", f"runs.supervised_100.{key}", off))
    assert set(said.runs) == set(before.runs)
    inherited = loaded(
        checkout, "ts_mixit", ("paper", f"base.{key}", on)
    )  # a name is of all that is inherited
    assert inherited.find("finetuned").name not in before.runs


@pytest.mark.parametrize(
    ("paper", "mix", "key", "value", "said"),
    [
        ("ts_mixit", "test", "level_difference", [-3.0, 3.0], "the list says the levels"),
        ("ts_mixit", "validation", "level_difference", [-3.0, 3.0], "the list says the levels"),
        (SSL, "noisy_train", "level_difference", [-3.0, 3.0], "of one speaker there is no difference"),
        (SSL, "noisy_train", "length", "max", "one speaker is as long"),
    ],
)
def test_what_a_scale_says_of_a_mix_and_nothing_would_do_is_refused(checkout, paper, mix, key, value, said):
    scale = LISTED if paper == "ts_mixit" else None
    still = [("scale", "stages.teacher.data.dynamic", False)] if scale and mix == "train" else []
    with pytest.raises(SepflowError, match=f"papers.{paper}.mixes.{mix}.{key}: .* would do nothing: {said}"):
        loaded(checkout, paper, *still, ("scale", f"mixes.{mix}.{key}", value), scale=scale)


def test_levels_of_a_list_are_heeded_where_mixtures_are_drawn_anew(checkout):
    levels = ("scale", "mixes.train.level_difference", [-3.0, 3.0])
    assert loaded(checkout, "ts_mixit", levels, scale=LISTED).runs
    with pytest.raises(SepflowError, match="mixes.train.level_difference: .* the list says the levels"):
        loaded(checkout, "ts_mixit", ("scale", "stages.teacher.data.dynamic", False))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("subset", "x", "mixes.test.subset: lists: has one a split"), ("noise", True, "lists names no noise")],
)
def test_a_list_of_wsj0_mix_has_neither_subsets_nor_noise(checkout, key, value, said):
    with pytest.raises(SepflowError, match=said):
        loaded(checkout, "ts_mixit", ("scale", f"mixes.test.{key}", value), scale=LISTED)
