"""The paper that the page on adding one has in full is one."""

import re

import yaml

from conftest import ROOT
from sepflow.planning import plan


def test_the_paper_of_the_page_is_planned_as_it_stands(checkout):
    page = (ROOT / "docs/extending.md").read_text()
    checkout.write("config/papers/two_windows.yaml", re.search(r"```yaml\n(title:.*?)```", page, re.S)[1])
    scale = yaml.safe_load((checkout.root / "config/scales/smoke.yaml").read_text())
    scale["papers"]["two_windows"] = {}
    checkout.write("config/scales/smoke.yaml", yaml.safe_dump(scale))
    planned = plan.load({"scale": "smoke", "papers": ["two_windows"]}, checkout.root)
    assert [run.label for run in planned.runs.values()] == ["long", "short"]
    assert len(planned.tables["two_windows", "table1"]["comparisons"]) == 1
