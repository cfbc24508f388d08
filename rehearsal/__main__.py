"""`make rehearse`: every rule of scale `paper`, corpus to table, on look-alikes of its corpora in small."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from rehearsal import lookalikes
from rehearsal.checkout import configure, lay_out, remove_others
from rehearsal.run import check, report, run_rules, targets
from rehearsal.scale import derive, released, version_of
from sepflow.errors import SepflowError
from sepflow.files import config as files
from sepflow.files import write_json
from sepflow.identity import digest
from sepflow.mixes.recipes import Recipe, corpora_of
from sepflow.planning import plan, schemas
from sepflow.planning.roles import is_list

ROOT = Path(__file__).parents[1]
PLACES = "places.json"


def main() -> int:
    """Rehearse; 0 if all went well, 1 with a message on stderr if not."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    parser.add_argument("--scale", default="paper", help="which scale is rehearsed (default: paper)")
    parser.add_argument("--out", type=Path, default=ROOT / "build/rehearsal", help="where all of it lies")
    parser.add_argument("--cores", default="all", help="for Snakemake")
    options = parser.parse_args()
    try:
        rehearse(options.scale, options.out.resolve(), options.cores)
    except SepflowError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def rehearse(scale: str, out: Path, cores: str) -> None:
    """Derive the scale, write what its corpora look like, run all of it, and say what ran.

    Raises SepflowError where a layout has no look-alike, or a rule failed.
    """
    begin = time.monotonic()
    small, version, found = planned(scale, out)
    papers = list(small["papers"])
    places = look_alikes(small["corpora"], found, out / "lookalikes", version)
    configure(out, papers, places)
    print(f"Every rule of scale {scale} in small, for {', '.join(papers)}, in {out}:", flush=True)
    wanted = targets(found)
    jobs = run_rules(out, cores, wanted)
    check(out)
    report(out, wanted, jobs, time.monotonic() - begin)


def planned(scale: str, out: Path) -> tuple[dict[str, Any], str, plan.Plan]:
    """The derived scale, which look-alikes it needs, and its plan; `out` is laid out as their checkout."""
    config = ROOT / "config"
    full = schemas.read(files.named(config / "scales", scale), "scale", config)
    papers = {x.stem: schemas.read(x, "paper", config) for x in sorted((config / "papers").glob("*.yaml"))}
    small = derive(full, papers)
    version = version_of(small, papers)
    lay_out(ROOT, out, released(small, version))
    return small, version, plan.load(configure(out, list(papers), {}), out)


def look_alikes(
    corpora: dict[str, dict[str, Any]], found: plan.Plan, directory: Path, version: str
) -> dict[str, Path]:
    """Where the look-alike of each of `corpora` lies; of another version they are written anew."""
    out = directory / version
    if not out.exists():
        print("Look-alikes of the corpora:", flush=True)
        remove_others(directory, version)
        scratch = directory / f"{version}.part"
        places = lookalikes.write_all(corpora, mixes_of(found), scratch)
        write_json(scratch / PLACES, {name: str(x.relative_to(scratch)) for name, x in places.items()})
        scratch.rename(out)
    return {name: out / place for name, place in json.loads((out / PLACES).read_text()).items()}


def mixes_of(found: plan.Plan) -> dict[str, list[Recipe]]:
    """The planned mixes of each corpus and of each list, by what the scale calls these."""
    mixes: dict[str, list[Recipe]] = {}
    for name, recipe in found.mixes.items():
        of = [name] if is_list(recipe["kind"]) else map(digest, corpora_of(recipe).values())
        for title in {found.titles[x] for x in of}:
            mixes.setdefault(title, []).append(recipe)
    return mixes


if __name__ == "__main__":
    sys.exit(main())
