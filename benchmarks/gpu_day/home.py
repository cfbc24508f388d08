"""Take home what a day on a GPU made: its runs into the results of this checkout, its factor into the
scale.

    PYTHONPATH=src:benchmarks python -m gpu_day.home PART... --findings FILE

After it, `snakemake --config scale=gpu_day ...` scores the runs and makes the tables (README.md has it in
full).
"""

import argparse
import json
import tarfile
from pathlib import Path

from gpu_day.bring import join_parts
from gpu_day.pack import resolve, write_scale
from sepflow.audit.adoption import adopt
from sepflow.errors import SepflowError


def take_home(parts: list[Path], findings: Path, folder: Path, root: Path) -> dict[str, str]:
    """Adopt the runs in `parts` into `root`/results: by its name, what it is called or why not."""
    came = folder / "came"
    came.mkdir(parents=True, exist_ok=True)
    with tarfile.open(findings) as tar:
        tar.extractall(came, filter="data")
    factor = json.loads((came / "chosen.json").read_text())["factor"]
    paths = {name: str(folder / name) for name in ("speech", "noise")}
    found = resolve(root, factor, paths, folder / "scratch")
    join_parts(parts, came / "runs")
    said = {}
    for path in sorted((came / "runs").iterdir()):
        try:
            said[path.name] = f"adopted: {found.find(adopt(path, found, root / 'results')).aliases[0]}"
        except SepflowError as error:  # a run that came in part
            said[path.name] = f"not adopted: {error}"
    if factor != "1.0":
        write_scale(root, root, factor)
    return said


def main() -> None:
    """Say what was adopted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="+", type=Path, help="part.00, part.01, ...: all of them")
    parser.add_argument("--findings", type=Path, required=True, help="findings.tar")
    parser.add_argument("--folder", type=Path, default=Path("build/gpu_day"), help="where the pack was made")
    options = parser.parse_args()
    for name, words in take_home(options.parts, options.findings, options.folder, Path()).items():
        print(f"{name} {words}")


if __name__ == "__main__":
    main()
