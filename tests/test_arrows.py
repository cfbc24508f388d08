"""Who imports whom, by folder: docs/architecture.md draws it, and no arrow runs back up."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

from conftest import ROOT
from sepflow.code import PACKAGE

ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()


def imports() -> dict[str, set[str]]:
    """Of each module of the package, by its dotted name, the modules of the package that it imports."""
    modules = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
        if path.name != "__main__.py"
    }
    return {name: set(imported(path, modules)) for name, path in modules.items()}


def imported(path: Path, modules: dict[str, Path]):
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in (x.removeprefix("sepflow.") for x in names if x.startswith("sepflow.")):
            yield name if name in modules else name.rpartition(".")[0]


def folder(module: str) -> str:
    """The first folder of a module; what lies in none is the ground, but for the command."""
    first = module.split(".")[0]
    return first if (PACKAGE / first).is_dir() else "commands" if first == "cli" else "ground"


def drawn() -> dict[str, list[str]]:
    """The drawing: of each folder, from the ground up, what it imports."""
    lines = re.search(r"## Who imports whom\n.*?```\n(.*?)```", ARCHITECTURE, re.S)[1].splitlines()
    pairs = [re.split(r"\s+<-\s+|\s{2,}", line.strip(), maxsplit=1) for line in lines]
    return {name: rest[0].split() if rest else [] for name, *rest in pairs}


def test_the_drawing_is_true():
    found: dict[str, set[str]] = {}
    for module, others in imports().items():
        found.setdefault(folder(module), set()).update({folder(x) for x in others} - {folder(module)})
    assert {name: sorted(x) for name, x in found.items()} == {name: sorted(x) for name, x in drawn().items()}


def test_no_arrow_runs_back_up():
    order = list(drawn())
    arrows = [(name, other) for name, others in drawn().items() for other in others]
    assert [(name, other) for name, other in arrows if order.index(other) >= order.index(name)] == []


def test_no_circle_of_modules():
    graph = {name: {x for x in others if x != name} for name, others in imports().items()}
    list(TopologicalSorter(graph).static_order())
