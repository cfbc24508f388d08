"""What a part of a plan has to say, and which keys of a spec go together."""

import math
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError
from sepflow.files import config as files
from sepflow.identity import canonical, data_parts, difference
from sepflow.metrics.names import PRETEXTS
from sepflow.mixes.recipes import rate_of, unlabelled
from sepflow.settings import declarations

_PIT = (("pit", "thresholded_snr"), ("pit", "si_snr"))
OBJECTIVES = {  # of each task: (name, loss)
    "separation": (*_PIT, ("mixit", "thresholded_snr"), ("mixit", "si_snr")),
    "multi_task": _PIT,
    "mama": (("masked_snr", "thresholded_snr"),),
    "contrastive": (("contrastive", "info_nce"),),
}
SETTINGS = {"mama": "alteration", "contrastive": "contrast"}  # the module that takes up pretext
MOST_ESTIMATES = 16  # of MixIT


def complete(part: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    """Raises SepflowError naming the `keys` that `part` lacks."""
    missing = [key for key in keys if key not in part]
    if missing:
        raise SepflowError(f"{where}: {', '.join(missing)}: not set, here or in what it is a difference from")


def check_spec(spec: dict[str, Any], config: Path, where: str) -> None:
    """Hold a resolved spec, its mixes apart, against the schema of runs in `config`, and its keys together.

    Raises SepflowError naming the key of whatever a training would refuse.
    """
    spec = canonical(spec)  # as a training has it
    shape = {key: value for key, value in spec.items() if key != "recipe"}
    shape |= {part: spec[part] | {"mix": ""} for part in data_parts(spec)}
    files.check(shape, "run", config, where)
    if spec["steps"] % spec["validate_every"]:
        raise SepflowError(
            f"{where}: validate_every: {spec['steps']} steps are no multiple of {spec['validate_every']}; "
            "the last steps would never be validated"
        )
    _check_task(spec, where)
    _check_network(spec, where)
    _check_pretext(spec, where)
    settings = spec["optimizer"]
    if settings["noam"] and (settings["plateau"] or settings["decay"] != "none" or not settings["warmup"]):
        raise SepflowError(
            f"{where}: optimizer.noam: beside it decay is none, plateau null and warmup above 0"
        )
    for part in data_parts(spec):
        _check_part(spec, part, f"{where}.{part}")


def _check_task(spec: dict[str, Any], where: str) -> None:
    task = spec["task"]
    if (task == "multi_task") != bool(spec["joint"]):
        raise SepflowError(f"{where}: joint: what the task multi_task trains on beside, and no other task")
    if spec["joint"] and spec["objective"]["consistency"]:
        raise SepflowError(f"{where}: objective.consistency: multi_task's outputs make up no one mixture")
    if (task in PRETEXTS) != bool(spec["pretext"]):
        raise SepflowError(f"{where}: pretext: the settings of {' or '.join(PRETEXTS)}, and of no other task")
    objective = spec["objective"]["name"], spec["objective"]["loss"]
    if objective not in OBJECTIVES[task]:
        there = "; ".join(", ".join(pair) for pair in OBJECTIVES[task])
        raise SepflowError(
            f"{where}: objective: name and loss {', '.join(objective)}: the task {task} has {there}"
        )


def _check_network(spec: dict[str, Any], where: str) -> None:
    model, networks = dict(spec["model"]), declarations("models")
    if (name := str(model.pop("name"))) not in networks:
        raise SepflowError(f"{where}.model: name: {files.unknown_name('network', name, list(networks))}")
    networks[name].check(model, f"{where}.")
    if spec["objective"]["name"] == "mixit" and not 2 <= model["sources"] <= MOST_ESTIMATES:
        raise SepflowError(
            f"{where}: model.sources: MixIT needs two estimates or more, and takes {MOST_ESTIMATES}"
        )


def _check_pretext(spec: dict[str, Any], where: str) -> None:
    """The settings of a pretext task, in themselves and as samples and frames."""
    if not (said := spec["pretext"]):
        return
    declarations("tasks")[SETTINGS[spec["task"]]].check(said, f"{where}.")
    rate = rate_of(spec["data"]["mix"])
    if spec["task"] == "mama" and not round(said["hop"] * rate):
        raise SepflowError(
            f"{where}.pretext: hop must be a sample at least, at {rate} Hz, not {said['hop']} s"
        )
    if spec["task"] == "contrastive" and _masked(spec, rate) < 2:
        raise SepflowError(
            f"{where}.pretext: in a segment of {spec['segment']} s are fewer than two masked frames to "
            "compare; lengthen segment, or raise pretext.share"
        )


def _masked(spec: dict[str, Any], rate: int) -> int:
    """How many frames of a segment the contrastive task masks."""
    model = {key: value for key, value in spec["model"].items() if key != "name"}
    model = declarations("models")[spec["model"]["name"]].check(model)
    stride = model["stride"] or max(1, model["kernel"] // 2)
    samples = (
        round(spec["segment"] * rate) + model["kernel"] - 2 * stride
    )  # with a frame's ends before and after
    frames = max(0, math.ceil(samples / stride)) + 1
    hop = max(1, round(spec["pretext"]["frame"] * rate / stride))
    return round(spec["pretext"]["share"] * (frames // hop))


def _check_part(spec: dict[str, Any], part: str, where: str) -> None:
    """One of the mixes of a run, and how the run hears it."""
    data, mix, mixit = spec[part], unlabelled(spec[part]["mix"]), spec["objective"]["name"] == "mixit"
    labelled = mix is not data["mix"]
    if data["first"] and data["first"] > mix["mixtures"]:
        raise SepflowError(f"{where}: first: {data['first']} of only {mix['mixtures']} mixtures")
    if (count := data["first"] or mix["mixtures"]) < 1 + mixit:
        raise SepflowError(f"{where}: {count} mixture is too few for MixIT, which mixes two")
    if labelled and data["dynamic"]:
        raise SepflowError(f"{where}: dynamic: mixtures with labels are fixed; take away dynamic or labels")
    if data["crop"] == "fixed" and (data["dynamic"] or mixit):
        raise SepflowError(f"{where}: crop: fixed: not of mixtures drawn anew (dynamic), nor of MixIT's")
    if data["dynamic"] and "noise" in mix:
        raise SepflowError(f"{where}: dynamic: draws speech alone; take away dynamic, or noise from the mix")
    rate, own = rate_of(mix), rate_of(spec["data"]["mix"])
    if rate != own:
        raise SepflowError(f"{where}: mix: at {rate} Hz, where the run hears {own} Hz (data)")
    if round(spec["segment"] * rate) < 1:
        raise SepflowError(f"{where}: segment: {spec['segment']} s is no sample at {rate} Hz")
    alone = spec["task"] in PRETEXTS or part == "joint"
    if alone and mix["speakers"] != 1:
        raise SepflowError(f"{where}: mix: {mix['speakers']} speakers, where this task hears one")
    if not alone and not mixit and mix["speakers"] != (sources := spec["model"]["sources"]):
        raise SepflowError(f"{where}: mix: {mix['speakers']} speakers, and model.sources is {sources}")


def check_builds_on(spec: dict[str, Any], specs: dict[str, dict[str, Any]], where: str) -> None:
    """The runs that a spec names, by their `specs`, give what it takes: weights of its network, labels.

    Raises SepflowError naming the key that does not fit.
    """
    if spec["init"]:
        differs = difference(specs[spec["init"]]["model"], spec["model"])
        if words := [f"{key} {a!r}, here {b!r}" for key, a, b in differs if key != "sources"]:
            raise SepflowError(f"{where}: init: another model than this run's: {'; '.join(words)}")
    if spec["disjoint_speakers"]:
        _check_apart(spec, specs, where)
    for part in data_parts(spec):
        mix = spec[part]["mix"]
        if mix["kind"] != "labels":
            continue
        teacher, speakers = specs[mix["run"]], mix["mix"]["speakers"]
        sources, place = teacher["model"]["sources"], f"{where}.{part}.labels"
        if teacher["task"] in PRETEXTS:
            raise SepflowError(f"{place}: run: the task {teacher['task']} separates nothing")
        if sources < speakers or (sources > speakers and mix["selection"] == "none"):
            raise SepflowError(
                f"{place}: selection: {mix['selection']}: {sources} outputs for {speakers} speakers"
            )
        if (rate := rate_of(teacher["data"]["mix"])) != rate_of(mix):
            raise SepflowError(f"{place}: run: was trained at {rate} Hz, and the mix is at {rate_of(mix)} Hz")


def _check_apart(spec: dict[str, Any], specs: dict[str, dict[str, Any]], where: str) -> None:
    """Whether what a run begins with, or hears beside, can have other speakers than its data."""
    others = {"joint": spec["joint"], "init": specs[spec["init"]]["data"] if spec["init"] else None}
    own = _speakers(spec["data"])
    if same := [key for key, data in others.items() if data and _speakers(data) == own]:
        raise SepflowError(
            f"{where}: disjoint_speakers: {' and '.join(same)}: of the same speakers as data. Give the mixes "
            "shares of the speakers that do not overlap (`among`), other lists, or corpora"
        )


def _speakers(data: dict[str, Any]) -> dict[str, Any]:
    """What says which speakers a part of a run hears."""
    mix = unlabelled(data["mix"])
    return {key: mix.get(key) for key in ("kind", "corpus", "list", "subset", "split", "among")}
