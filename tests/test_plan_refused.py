"""What a training would refuse hours later, the plan refuses, and so does `sepflow train` of a spec."""

import json

import pytest
import yaml

from conftest import ROOT
from sepflow import plugs, tasks
from sepflow.commands import explain
from sepflow.commands.spec import read_spec
from sepflow.declarations import declaration
from sepflow.errors import SepflowError
from sepflow.identity import canonical, fill_neutral, merge, run_name, without_neutral
from sepflow.planning import plan
from sepflow.tasks.contrastive.contrast import Contrast
from sepflow.tasks.fetched.settings import Settings as Fetching
from sepflow.tasks.mama.alteration import Alterations

PAPERS = ["ts_mixit", "ssl_pretraining"]
MIX = {"ts_mixit": "train", "ssl_pretraining": "wsj_train"}


@pytest.fixture(scope="module")
def smoke() -> plan.Plan:
    return plan.load({"scale": "smoke", "papers": PAPERS}, ROOT)


def changed(checkout, paper, *change):
    """The plan of scale smoke where a paper's file has the `change` (path, value) laid over it."""
    path = checkout.root / f"config/papers/{paper}.yaml"
    content = yaml.safe_load(path.read_text())
    for keys, value in zip(change[::2], change[1::2], strict=True):
        content = merge(content, nested(keys, value))
    path.write_text(yaml.safe_dump(content))
    return plan.load({"scale": "smoke", "papers": [paper]}, checkout.root)


def nested(keys, value):
    for key in reversed(keys.split(".")):
        value = {key: value}
    return value


# Of a run: what is changed of its spec, and what the message says.
WRONG = [
    ("supervised_100", "seed", 10**20, "seed"),
    ("supervised_100", "seed", -1, "seed.*: -1"),
    ("supervised_100", "segment", 1e9, "segment: "),
    ("supervised_100", "segment", 1e-9, "segment: .* is no sample at 8000 Hz"),
    ("supervised_100", "optimizer.clip", -1, "optimizer.clip: -1"),
    ("supervised_100", "optimizer.clip", 0, "optimizer.clip: 0"),
    ("supervised_100", "optimizer.plateau", {"factor": 1.5, "patience": 3}, "plateau"),
    ("supervised_100", "optimizer.plateau", {"factor": 0.5, "patience": -1}, "plateau"),
    ("supervised_100", "optimizer.noam", {"scale": 1, "features": 1}, "optimizer.noam: beside it"),
    ("supervised_100", "optimizer.lr", 0, "optimizer.lr"),
    ("supervised_100", "validate_every", 7, "20 steps are no multiple of 7"),
    ("supervised_100", "validate_every", 50, "20 steps are no multiple of 50"),
    ("supervised_100", "steps", 0, "steps: 0"),
    ("supervised_100", "batch", 0, "batch: 0"),
    ("supervised_100", "batch", 10**12, "batch"),
    ("supervised_100", "patience", -2, "patience: -2"),
    ("supervised_100", "precision", "8", "precision"),
    ("supervised_100", "objective.max_snr", -1e5, "max_snr"),
    ("supervised_100", "objective.loss", "info_nce", "objective: name and loss pit, info_nce"),
    ("supervised_100", "model.mask", "softmax", "model: mask must be one of relu, sigmoid, not 'softmax'"),
    ("supervised_100", "model.nonsense", 1, "model: unknown key 'nonsense'; the keys are sources, filters"),
    ("supervised_100", "model.kernle", 1, "unknown key 'kernle'; did you mean 'kernel'"),
    ("supervised_100", "model.kernel", 0, "model: kernel must be an integer of at least 1, not 0"),
    ("supervised_100", "model.kernel", "x", "model: kernel must be an integer of at least 1, not 'x'"),
    ("supervised_100", "model.filters", 10**9, "model: filters must be .* at most 1048576"),
    ("supervised_100", "model.stride", 33, "model: stride 33 leaves gaps between kernels of 32"),
    ("supervised_100", "model.conv_kernel", 4, "model: conv_kernel must be odd"),
    ("supervised_100", "model.blocks", 99, "model: blocks must be .* at most 20"),
    ("supervised_100", "model.name", "../tasks/mama", "model.*name: there is no (model|network)"),
    ("supervised_100", "model.sources", 3, "data: mix: 2 speakers, and model.sources is 3"),
    ("supervised_10_dprnn", "model.hop", 21, "model: hop 21 leaves gaps between chunks of 20"),
    ("scratch_dptnet_4", "model.heads", 3, "model: heads must divide filters; 3 does not divide 16"),
    ("teacher_2src", "model.sources", 1, "MixIT needs two estimates or more"),
    ("teacher_2src", "model.sources", 17, "takes 16"),
    ("teacher_2src", "data.first", 1, "data: 1 mixture is too few for MixIT"),
    ("teacher_2src", "data.first", 41, "data: first: 41 of only 40 mixtures"),
    ("teacher_2src", "data.crop", "fixed", "data: crop: fixed: not of mixtures drawn anew"),
    ("teacher_2src", "data.single_speaker", 0.6, "single_speaker"),
    ("multi_task", "objective.name", "mixit", "objective: name and loss mixit, .*: the task multi_task"),
    ("mama", "pretext.frame", 0.1, "pretext: unknown key 'frame'; the keys are window"),
    ("mama", "pretext.window", "abc", "pretext: window must be a number above 0, not 'abc'"),
    ("mama", "pretext.share", 1.5, "pretext: share must be a number above 0 and at most 1"),
    ("mama", "pretext.hop", 0.02, "pretext: hop must be at most half of window"),
    ("mama", "pretext.hop", 1e-6, "pretext: hop must be a sample at least, at 8000 Hz"),
    ("cc", "pretext.groups", 3, "pretext: groups must divide size"),
    ("cc", "pretext.share", 1, "pretext: share must be below 1"),
    ("cc", "pretext.frame", 0.4, "pretext: in a segment of 0.5 s are fewer than two masked frames"),
    ("se", "data.dynamic", True, "data: dynamic: draws speech alone"),
]  # fmt: skip


@pytest.mark.parametrize(("label", "key", "value", "said"), WRONG, ids=lambda x: str(x)[:30])
def test_a_spec_is_refused_in_planning_and_alone(checkout, smoke, tmp_path, label, key, value, said):
    run = smoke.find(label)
    paper = run.aliases[0].split("/")[0]
    change = {"seeds": [value]} if key == "seed" else nested(f"runs.{label}.{key}", value)
    scale = checkout.root / "config/scales/smoke.yaml"
    content = yaml.safe_load(scale.read_text())
    part = content["papers"][paper]
    if paper == "ssl_pretraining" and key in ("steps", "validate_every"):
        pytest.skip("said as epochs")
    content["papers"][paper] = merge(part, change)
    scale.write_text(yaml.safe_dump(content))
    with pytest.raises(SepflowError, match=f"config/.*({said}|no number to count with)"):
        plan.load({"scale": "smoke", "papers": [paper]}, checkout.root)

    (path := tmp_path / "spec.json").write_text(json.dumps(merge(run.spec, nested(key, value))))
    with pytest.raises(SepflowError, match=f"{path}: .*({said}|no number to count with)"):
        read_spec(path, ROOT / "config")


def test_speakers_that_cannot_be_apart_are_refused_in_planning(checkout):
    apart = "runs.finetuned.disjoint_speakers", True
    with pytest.raises(SepflowError, match="runs.finetuned: disjoint_speakers: init: of the same speakers"):
        changed(checkout, "ts_mixit", *apart)
    half = (
        "mixes.half",
        {**yaml.safe_load((ROOT / "config/papers/ts_mixit.yaml").read_text())["mixes"]["train"]},
    )
    half[1]["among"] = [0.0, 0.5]
    assert changed(checkout, "ts_mixit", *half, "runs.finetuned.data.mix", "half").find("finetuned")


MIXES = [
    ("length", "foo", "length: 'foo'"),
    ("mixtures", 0, "mixtures: 0"),
    ("mixtures", 1e300, "mixtures"),
    ("speakers", "2", "speakers: '2'"),
    ("level_difference", [5], "level_difference"),
    ("level_difference", [5, -5], "level_difference: .5, -5.: from the lesser"),
    ("min_seconds", -1, "min_seconds"),
    ("min_seconds", True, "min_seconds"),
    ("split", "dev", "split: 'dev'"),
    ("split", None, "split: None"),
    ("among", [1, 0], "among"),
    ("among", [0.5, 0.5], "among"),
    ("noise_difference", [0, 1], "noise_difference"),
    ("colour", 1, "unknown key 'colour'"),
]


@pytest.mark.parametrize(("key", "value", "said"), MIXES)
@pytest.mark.parametrize("label", ["supervised_100", "student_2src"])
def test_a_mix_is_refused_in_planning_and_alone(checkout, smoke, tmp_path, label, key, value, said):
    scale = checkout.root / "config/scales/smoke.yaml"
    content = yaml.safe_load(scale.read_text())
    content["papers"]["ts_mixit"]["mixes"]["train"][key] = value
    scale.write_text(yaml.safe_dump(content))
    with pytest.raises(
        SepflowError, match=f"(smoke|ts_mixit).yaml: .*(mixes.train.*{key}|no number to count with)"
    ):
        plan.load({"scale": "smoke", "papers": ["ts_mixit"]}, checkout.root)

    spec = json.loads(json.dumps(smoke.find(label).spec))
    mix = spec["data"]["mix"]
    mix.get("mix", mix)[key] = value
    (path := tmp_path / "spec.json").write_text(json.dumps(spec))
    with pytest.raises(SepflowError, match=f"{path}: (.*{said}|not valid YAML)"):
        read_spec(path, ROOT / "config")


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("data.mix", {}, "data.mix: kind: one of clips, enrolled, labels, librimix, speakers"),
        ("data.mix", [], "data.mix: kind"),
        ("data.mix", "x", "data.mix: kind"),
        ("data.mix.kind", "talkers", "data.mix: kind: .*not 'talkers'"),
        ("data.mix.kind", "librimix", "data.mix: .*list, .*rate, subset: not set"),
        ("data.mix.recipe", 99, "data.mix: made for other recipes than this sepflow's: labels: 99"),
        ("data.mix.run", "../../x", "data.mix.run: "),
        ("data.mix.selection", "loudest", "selection: 'loudest'"),
        ("data.mix.unit", "segment", "segment: what labels of the unit segment have"),
        ("data.mix.mix.kind", "labels", "data.mix.mix: kind"),
        ("data.mix.mix.corpus", None, "corpus: kind: one of espeak"),
        ("data.mix.mix.corpus.kind", "folder", "corpus: made for|scale|unknown key 'variants'"),
        ("data.mix.mix.corpus.rate", 0, "corpus: rate: 0"),
        ("data.mix.mix.corpus.variants", -1, "variants: -1"),
        ("data.mix.mix.corpus.recipe", 1, "made for other recipes .* espeak: 1, here 2"),
        ("data.mix.mix.corpus.digest", "x", "corpus: (digest|unknown key 'digest')"),
        ("data.mix.mix.rate", 8000, "rate: not of such a mix"),
        ("data.labels", {"run": "x"}, "data.labels"),
        ("stage", "student", "stage: no key of a whole spec"),
        ("epochs", 3, "epochs: no key of a whole spec"),
        ("recipe", 99, "made for other recipes than this sepflow's: train: 99, here"),
        ("recipe", None, "made for other recipes"),
        ("optimizer", None, "optimizer: no spec of a run"),
        ("optimizer", {"name": "adam"}, "optimizer: not set: 'lr', 'clip', 'warmup', 'decay', 'plateau'"),
        ("model", {}, "model: not set: 'name'"),
        ("model", {"name": "dprnn"}, "model: the key .sources. is missing"),
        ("init", "../x", "init: '../x'"),
        ("data", None, "data: no spec of a run"),
        ("joint", {"mix": 3}, "joint.mix: kind"),
        ("pretext", {"window": 1}, "pretext: the settings of mama or contrastive"),
    ],
)
def test_what_is_no_spec_is_named(smoke, tmp_path, keys, value, said):
    spec = json.loads(json.dumps(smoke.find("student_2src").spec))
    *parents, last = keys.split(".")
    part = spec
    for key in parents:
        part = part[key]
    part[last] = value
    (path := tmp_path / "spec.json").write_text(json.dumps(spec))
    with pytest.raises(SepflowError, match=f"{path}: ({said}|.*{said})") as caught:
        read_spec(path, ROOT / "config")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scale", ["smoke", "demo", "paper", "mini"])
def test_every_spec_that_is_printed_is_taken(tmp_path, voices, scale):
    corpora = {"speech": str(voices), "noise": str(voices)} if scale == "mini" else {}
    planned = plan.load({"scale": scale, "papers": PAPERS, "corpora": corpora}, ROOT)
    path = tmp_path / "spec.yaml"
    for run in planned.runs.values():
        written = canonical(without_neutral(run.spec))  # as a job is given it
        for text in (explain.spec_of(run), json.dumps(fill_neutral(written))):
            path.write_text(text)
            found = read_spec(path, ROOT / "config")
            assert run_name(found) == run.name and canonical(without_neutral(found)) == written


@pytest.mark.parametrize(
    ("paper", "change", "said"),
    [
        ("ts_mixit", ("runs.finetuned.model.filters", 32),
         "runs.finetuned: init: another model .*filters 16, here 32"),
        ("ts_mixit", ("stages.finetune.model.name", "dprnn"), "runs.finetuned: init: another model"),
        ("ts_mixit", ("runs.student_2src.data.labels.selection", "none"),
         "data.labels: selection: none: 4 outputs"),
        ("ts_mixit", ("base.optimizer", {"name": "adam", "lr": 1}), None),
        ("ts_mixit", ("runs.supervised_100.validation.mix", "other", "mixes.other",
                      {"role": "clean_speech_pairs", "split": "validation", "mixtures": 8, "speakers": 2,
                       "rate": 16000, "level_difference": [0, 0], "length": "min", "min_seconds": 0}),
         "validation: mix: at 16000 Hz, where the run hears 8000 Hz"),
    ],
)  # fmt: skip
def test_runs_that_build_on_others_fit_them(checkout, paper, change, said):
    if said is None:
        assert changed(checkout, paper, *change).runs
        return
    with pytest.raises(SepflowError, match=said):
        changed(checkout, paper, *change)


def test_what_the_source_declares_is_what_the_class_has():
    networks = {
        name: plugs.offered("sepflow.models", name, "MODEL") for name in plugs.names("models", "MODEL")
    }
    for package, classes in (
        ("models", networks),
        ("tasks", {"mama": Alterations, "contrastive": Contrast, "fetched": Fetching}),
    ):
        assert all(declaration(package, name) == kind.declared for name, kind in classes.items())
        assert all(kind.declared.types for kind in classes.values()) and len(classes) > 1


def test_every_task_declares_its_objectives_and_the_settings_that_it_takes():
    assert {"contrastive", "fetched", "mama", "multi_task", "separation"} <= {*tasks.names()}
    for name in tasks.names():
        declared = tasks.declared(name)
        trained = bool(declared.objectives and declared.trained_on and declared.validated_on)
        assert trained != declared.made
        if declared.settings:
            assert declaration("tasks", name).what == declared.settings


CLIPS = {"kind": "clips", "role": "clean_speech_pairs", "split": "train", "mixtures": 8, "rate": 8000,
         "min_seconds": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("runs.supervised_10.stage", "supervisd"), "supervised_10: stage: .*did you mean 'supervised'"),
        (("runs.finetuned.model.name", "dprn"), "model.name: there is no model 'dprn'; did you"),
        (("mixes.other", CLIPS | {"noise": True}, "tables.table1.test", "other"),
         "mixes.other: noise: nothing that a mix of the kind clips has; it has split, "),
        (("mixes.other", CLIPS | {"level_difference": [0, 0]}, "tables.table1.test", "other"),
         "level_difference: nothing that"),
        (("mixes.other", CLIPS | {"role": "clean_speech_pair"}, "tables.table1.test", "other"),
         "no role 'clean_speech_pair'; did you mean 'clean_speech_pairs'"),
        (("tables.table1.rows.supervised_10.selection", "oracle"),
         "selection: oracle does not fit: the run has 2 outputs .*, and the test mix 2 speakers"),
    ],
)  # fmt: skip
def test_a_slip_in_a_paper_is_said_where_it_is(checkout, change, said):
    with pytest.raises(SepflowError, match=said):
        changed(checkout, "ts_mixit", *change)
