"""The plan of atss_net: the paper's settings and numbers, at scale `paper`, with no corpus here."""

import pytest
import torch
import yaml

from conftest import ROOT
from sepflow.errors import SepflowError
from sepflow.identity import merge
from sepflow.planning import plan
from sepflow.tasks.built import build
from sepflow.tasks.task import Frozen

# Sections 2 to 4 and Table 3, as the text has them.
NETWORKS = {"channels": 64, "blocks": 3, "heads": 2, "widening": 4, "embedding": 128, "heard": "linear"}
TRAINING = {"batch": 16, "patience": 10, "segment": 3.0}
TABLE3 = {"voicefilter": (1.26, 9.04, 7.78), "without_attention": (1.26, 5.14, 3.88),
          "pit": (1.26, 9.83, 8.57), "atss_net": (1.26, 10.56, 9.30)}  # fmt: skip
TABLE2 = {"origin": (1.23, 1.45, 1.84, 2.45), "voicefilter": (1.83, 2.13, 2.41, 2.62),
          "atss_net": (2.06, 2.42, 2.87, 3.22)}  # fmt: skip


@pytest.fixture(scope="module")
def paper() -> plan.Plan:
    return plan.load({"scale": "paper", "papers": ["atss_net"]}, ROOT)


def test_the_tables_have_the_papers_numbers(paper):
    rows = {row["id"]: row["published"] for row in paper.tables["atss_net", "table3"]["rows"]}
    for name, (before, after, improved) in TABLE3.items():
        assert rows[name]["target_sdr_before"] == before and rows[name]["target_sdr"] == after
        assert rows[name]["target_sdri"] == improved == pytest.approx(after - before)
    rows = {row["id"]: tuple(row["published"].values()) for row in paper.tables["atss_net", "table2"]["rows"]}
    assert rows == TABLE2
    (row,) = paper.tables["atss_net", "speaker"]["rows"]
    assert row["published"] == {"eer": 2.97}


@pytest.mark.parametrize("label", ["atss_net", "atss_net_enhancing"])
def test_the_network_and_its_training_are_the_papers(paper, label):
    spec = paper.find(label).spec
    defaults = {"blocks": 3, "channels": 64, "heads": 2, "widening": 4, "embedding": 128, "heard": "linear"}
    assert defaults | {key: spec["model"][key] for key in NETWORKS if key in spec["model"]} == NETWORKS
    assert {key: spec[key] for key in TRAINING} == TRAINING
    assert spec["optimizer"]["lr"] == 1e-4 and spec["optimizer"]["name"] == "adam"
    assert spec["objective"]["loss"] == "l2" and spec["steps"] / spec["validate_every"] == 50  # epochs
    assert spec["uses"] == {"speaker": paper.find("speaker").name}


def test_rows_differ_in_what_the_paper_says(paper):
    whole = paper.find("atss_net").spec
    assert paper.find("without_attention").spec["model"] == whole["model"] | {"blocks": 0}
    pit = paper.find("pit").spec
    assert (
        pit["model"] == whole["model"] | {"embedding": 0, "outputs": 2} and pit["objective"]["name"] == "pit"
    )
    same = ("data", "validation", "steps", "batch", "optimizer", "segment")
    for label in ("voicefilter", "without_attention", "pit"):
        assert {key: paper.find(label).spec[key] for key in same} == {key: whole[key] for key in same}


@pytest.mark.parametrize(
    ("run", "change", "said"),
    [
        ("pit", {"model": {"outputs": 1}}, "PIT is of two outputs, and of no embedding"),
        ("atss_net", {"model": {"outputs": 2}}, "one output, by an embedding"),
        (
            "speaker",
            {"data": {"mix": "train"}},
            "data: mix: of the kind enrolled, where a verif",
        ),
        ("atss_net", {"validation": {"mix": "trials"}}, "validation: mix: of the kind trials, where an extr"),
        (
            "atss_net",
            {"segment": 2.0, "objective": {"loss": "relative_l2"}},
            "segment: 2 s of mixtures of 3 s: where the other voice is silent",
        ),
        ("pit", {"data": {"mix": "noisy"}}, "PIT tells voices apart, and the mix has one beside noise"),
        (
            "speaker",
            {"verification": {"shortest": 20.0}},
            "shortest: 20 s, and the longest .segment. is",
        ),
        ("atss_net", {"data": {"dynamic": True}}, "data: dynamic: draws mixtures of speakers anew"),
        ("atss_net", {"uses": {"speaker": "voicefilter"}}, "uses.speaker: a run of the task extraction"),
    ],
)
def test_what_does_not_go_together_is_refused(checkout, run, change, said):
    path = checkout.root / "config/papers/atss_net.yaml"
    content = yaml.safe_load(path.read_text())
    content["runs"][run] = merge(content["runs"][run], change)
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(SepflowError, match=said):
        plan.load({"scale": "paper", "papers": ["atss_net"]}, checkout.root)


def test_the_mixes_are_the_papers(paper):
    spec = paper.find("atss_net").spec
    mix, noisy = spec["data"]["mix"], paper.find("atss_net_enhancing").spec["data"]["mix"]
    assert mix["seconds"] == 3.0 and "noise" not in mix and mix["corpus"]["layout"] == "librispeech"
    assert noisy["noise_difference"] == [5.0, 20.0] and noisy["corpus"]["layout"] == "aishell2"
    assert noisy["noise"]["layout"] == "musdb18"
    tests = [
        x for x in paper.mixes.values() if x["kind"] == "enrolled" and x["split"] == "test" and "noise" in x
    ]
    assert sorted(x["noise_difference"] for x in tests) == [[k, k] for k in (5.0, 10.0, 15.0, 20.0)]
    (trials,) = [x for x in paper.mixes.values() if x.get("published")]
    assert trials["mixtures"] == 37720 and trials["corpus"]["layout"] == "voxceleb"


def test_rows_by_a_fetched_network_are_there_where_they_are_asked_for(paper):
    with_them = plan.load({"scale": "paper", "papers": ["atss_net"], "extras": ["resemblyzer"]}, ROOT)
    assert set(with_them.runs) - set(paper.runs) == {
        with_them.find(label).name for label in ("d_vectors", "voicefilter_d", "atss_net_d")
    }
    for table in ("table3", "selection"):
        rows, more = (
            {row["id"]: row for row in x.tables["atss_net", table]["rows"]} for x in (paper, with_them)
        )
        assert set(more) - set(rows) == {"voicefilter_d", "atss_net_d"}
        assert all("by Resemblyzer" in more[key]["cells"][0] for key in set(more) - set(rows))
        assert all(more[key] == row for key, row in rows.items())
    own = with_them.find("atss_net").spec
    spec = with_them.find("atss_net_d").spec
    assert with_them.runs[spec["uses"]["speaker"]].spec["fetched"]["network"] == "resemblyzer"
    assert spec["model"] == own["model"] | {"embedding": 256}
    assert {key for key in spec if spec[key] != own.get(key)} == {"model", "uses"}


def test_an_extra_that_no_paper_has_is_refused():
    with pytest.raises(SepflowError, match=r"config.yaml: extras.resemblizer: .*resemblyzer"):
        plan.load({"scale": "paper", "papers": ["atss_net"], "extras": ["resemblizer"]}, ROOT)
    with pytest.raises(SepflowError, match="extras.resemblyzer: the papers have no extra"):
        plan.load({"scale": "paper", "papers": ["ts_mixit"], "extras": ["resemblyzer"]}, ROOT)


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("networks/resemblyzer.yaml", ["rate: 16000"]),
        (
            "papers/atss_net.yaml",
            ["mixtures: 148642, rate: 16000", "split: validation, mixtures: 4000, rate: 16000"],
        ),
    ],
)
def test_a_network_that_hears_another_rate_is_refused(checkout, file, changes):
    path = checkout.root / "config" / file
    content = path.read_text()
    for change in changes:
        assert change in content
        content = content.replace(change, change.replace("16000", "8000"))
    path.write_text(content)
    said = r"runs.\w+: uses.speaker: hears 8000 Hz, where the run hears 16000 Hz"
    with pytest.raises(SepflowError, match=said):
        plan.load({"scale": "paper", "papers": ["atss_net"], "extras": ["resemblyzer"]}, checkout.root)


@pytest.mark.parametrize(
    "label",
    ["speaker", "voicefilter", "without_attention", "pit", "atss_net", "voicefilter_enhancing", "atss_net_d"],
)
def test_a_network_of_the_papers_size_takes_a_step(label):
    """With no corpus here: on two stretches of noise, by a speaker network as it is drawn."""
    planned = plan.load({"scale": "paper", "papers": ["atss_net"], "extras": ["resemblyzer"]}, ROOT)
    spec = planned.find(label).spec
    torch.manual_seed(1)
    used = {key: Frozen(build(planned.runs[name].spec)) for key, name in spec["uses"].items()}
    task = build(spec, used).train()
    noise = torch.randn(2, 4, 8000)
    data = {"mixture": noise[:, 0] + noise[:, 1], "references": noise[:, :2], "enrolment": noise[:, 2]}
    losses = task.step({"data": data | {"speaker": torch.tensor([0, 9])}}).losses
    losses.mean().backward()
    assert losses.shape == (2,) and losses.isfinite().all()
    own = [weight.grad for part in (task.model, task.head) if part for weight in part.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in own)
    assert sum(float(gradient.abs().sum()) for gradient in own) > 0
    assert all(weight.grad is None for x in used.values() for weight in x.task.parameters())
