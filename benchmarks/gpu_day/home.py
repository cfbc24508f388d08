"""Take home what a day on a GPU made: its runs into the results of this checkout, its factor into the scale.

    PYTHONPATH=src:benchmarks python -m gpu_day.home PART... --findings FILE

After it, `snakemake --config scale=gpu_day ...` scores the runs and makes the tables (README.md has it in full).
"""

import argparse
import json
import tarfile
from pathlib import Path

from gpu_day.bring import join_parts
from gpu_day.pack import resolve, write_scale
from sepflow.adoption import adopt


def take_home(parts: list[Path], findings: Path, folder: Path, root: Path) -> list[str]:
    """Adopt every run in `parts` into `root`/results; what each is called."""
    came = folder / "came"
    came.mkdir(parents=True, exist_ok=True)
    with tarfile.open(findings) as tar:
        tar.extractall(came, filter="data")
    factor = json.loads((came / "chosen.json").read_text())["factor"]
    paths = {name: str(folder / name) for name in ("speech", "noise")}
    found = resolve(root, factor, paths, folder / "scratch")
    join_parts(parts, came / "runs")
    names = [adopt(path, found, root / "results") for path in sorted((came / "runs").iterdir())]
    write_scale(root, root, factor)
    return [found.find(name).labels[0] for name in names]


def main() -> None:
    """Say what was adopted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="+", type=Path, help="part.00, part.01, ...: all of them")
    parser.add_argument("--findings", type=Path, required=True, help="findings.tar")
    parser.add_argument("--folder", type=Path, default=Path("build/gpu_day"), help="where the pack was made")
    options = parser.parse_args()
    for label in take_home(options.parts, options.findings, options.folder, Path()):
        print(f"adopted: {label}")


if __name__ == "__main__":
    main()
