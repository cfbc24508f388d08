"""What the workflow of ssl_pretraining plans; what it made: tests/smoke."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, Checkout, environment
from sepflow.planning import plan

NAME = "ssl_pretraining"
TRAINED = {"pretrain": 5, "supervised": 5, "finetune": 7, "multi_task": 2}
SMALL = {"voices": {"variants": 12, "utterances": 2}, "hisses": {"recordings": 6, "seconds": 2.0}}


def ssl_checkout(root: Path, papers: tuple[str, ...] = (NAME,)) -> Checkout:
    """A checkout whose scale `tiny` is smoke with fewer voices and mixtures."""
    root.mkdir()
    checkout = Checkout(root, root)
    tiny = yaml.safe_load((ROOT / "config/scales/smoke.yaml").read_text())
    for corpus, less in SMALL.items():
        tiny["corpora"][corpus] |= less
    for name, mix in tiny["papers"][NAME]["mixes"].items():
        mix["mixtures"] = 8 if name.endswith("train") else 4
    checkout.write("config/scales/tiny.yaml", yaml.safe_dump(tiny))
    config = {"scale": "tiny", "papers": list(papers), "corpora": {}, "device": "cpu", "workers": 0}
    checkout.write("config/config.yaml", yaml.safe_dump(config))
    return checkout


@pytest.fixture
def fresh(tmp_path) -> Checkout:
    """A checkout in which nothing has run."""
    return ssl_checkout(tmp_path / "checkout")


def planned(checkout: Checkout) -> plan.Plan:
    return plan.load(yaml.safe_load((checkout.root / "config/config.yaml").read_text()), checkout.root)


def test_the_stages_and_targets_are_there_by_name(fresh):
    jobs = fresh.planned(NAME)
    assert {stage: jobs[stage] for stage in TRAINED} == TRAINED
    assert (jobs["table"], jobs["figure"], jobs["training_figure"], jobs["evaluate"]) == (4, 3, 1, 17)
    assert jobs["corpus"] == 2
    one = fresh.planned(f"results/tiny/figures/{NAME}/figure2.csv")
    assert (one["pretrain"], one["supervised"], one["finetune"], one["multi_task"]) == (1, 2, 2, 2)
    assert not {"evaluate", "table", "figure"} & set(one)


@pytest.mark.parametrize(("papers", "target"), [(("ts_mixit",), NAME), ((NAME,), "ts_mixit")])
def test_the_target_of_a_paper_that_is_not_planned_says_so(tmp_path, papers, target):
    done = ssl_checkout(tmp_path / "checkout", papers).snakemake("-n", target)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"config/config.yaml: papers: {target} is not among them; add it" in said
    assert "Traceback" not in said and "Nothing to be done" not in said


@pytest.mark.parametrize(
    "part", ["tables/ts_mixit/table3.csv", "figures/ssl_pretraining/pretext_learning.svg"]
)
def test_what_another_paper_has_is_no_output_of_a_paper(tmp_path, part):
    checkout = ssl_checkout(tmp_path / "checkout", ("ts_mixit", NAME))
    done = checkout.snakemake("-n", f"results/tiny/{part}")
    assert done.returncode != 0 and "Traceback" not in done.stdout + done.stderr
    assert "MissingRuleException" in done.stdout + done.stderr


def test_scale_paper_resolves_without_its_corpora(fresh):
    jobs = fresh.planned("--config", "scale=paper", "corpora={}")
    assert {stage: jobs[stage] for stage in TRAINED} == TRAINED | {"supervised": 6, "finetune": 8}
    # se, mama, cc on one list; three lists of training, three of validation, three of test.
    assert jobs["mix"] == 9 and jobs["corpus"] == 3


def sepflow(checkout: Checkout, *words: str) -> str:
    command = [sys.executable, "-m", "sepflow", *words, "--directory", str(checkout.root)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_plan_can_be_asked(fresh):
    text = sepflow(fresh, "plan")
    found = planned(fresh)
    assert all(re.search(rf"^{run.label} +{name} ", text, re.M) for name, run in found.runs.items())
    assert "trained once for several rows: scratch, pt_ft\n" in text + "\n"
    assert sepflow(fresh, "why", "cc").count("temperature: 0.1") == 1
    spec = yaml.safe_load(sepflow(fresh, "why", "se"))
    assert spec["data"]["mix"]["noise"]["kind"] == "noise" and spec["steps"] == 4


def test_two_strategies_differ_in_what_they_begin_with(fresh):
    lines = sepflow(fresh, "why", "pt_ft", "scratch").splitlines()[2:]
    keys = {line.split()[0] for line in lines}
    assert {key.split(".")[0] for key in keys} == {"disjoint_speakers", "init"}
    assert "init.data.mix.noise_difference" in keys
