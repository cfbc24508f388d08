"""Snakemake on all of a rehearsal, and which rules it was."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from rehearsal.scale import NAME
from sepflow import cli
from sepflow.errors import SepflowError
from sepflow.mixes.recipes import Recipe
from sepflow.planning.plan import Plan

SNAKEMAKE = (sys.executable, "-m", "snakemake")


def targets(found: Plan) -> list[str]:
    """All tables and figures, and a mix of each form as files: these are made on request alone."""
    forms: dict[tuple, str] = {}
    for name, recipe in sorted(found.mixes.items()):
        forms.setdefault(_form(recipe), name)
    return ["all", *(f"results/rendered/{name}/complete.json" for name in forms.values())]


def _form(recipe: Recipe) -> tuple:
    return recipe["kind"], recipe.get("speakers"), "noise" in recipe


def run_rules(out: Path, cores: str, wanted: list[str]) -> Counter[str]:
    """Run Snakemake in the checkout `out` for `wanted`; return how many jobs each rule had.

    Raises SepflowError where a job failed.
    """
    command = [*SNAKEMAKE, "--cores", cores, "--quiet", "host", "reason", "--", *wanted]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=out, **pipe) as job:
        jobs = jobs_of(_shown(job.stdout))
    if job.returncode:
        raise SepflowError(f"the rehearsal failed, see above. What went well is kept in {out}.")
    return jobs


def _shown(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        print(line, end="", flush=True)
        yield line


def jobs_of(lines: Iterable[str]) -> Counter[str]:
    """How many jobs each rule has, by the table of them that Snakemake prints."""
    jobs: Counter[str] = Counter()
    table = False
    for line in lines:
        table = line.startswith("Job stats:") or (table and bool(line.strip()))
        words = line.split()
        if table and len(words) == 2 and words[1].isdigit() and words[0] not in ("total", "all"):
            jobs[words[0]] = int(words[1])
    return jobs


def check(out: Path) -> None:
    """Hold all that lies in the results against what it says it is. Raises SepflowError where it is not."""
    if cli.main(["verify", "--results", str(out / "results")]):
        raise SepflowError(f"{out / 'results'}: not what was made, see above.")


def report(out: Path, wanted: list[str], jobs: Counter[str], seconds: float) -> None:
    """Say which rules ran, now or before, and which nothing of it needs."""
    rows = [line.split("\t") for line in _asked(out, "--summary", "--", *wanted)[1:]]
    used = {row[2] for row in rows}
    rules, ends = (
        {line.split()[0] for line in _asked(out, words)} for words in ("--list-rules", "--list-target-rules")
    )
    print(f"\nRehearsed in {seconds:.0f} s; files that lie there: {len(rows)}.")
    print(f"Jobs that ran: {', '.join(f'{x} {n}' for x, n in jobs.items()) or 'none, all had run before'}.")
    print(f"Rules behind the files: {', '.join(sorted(used))}.")
    print(f"Rules that none of them needs: {', '.join(sorted(rules - ends - used))}.")
    print(f"Tables and figures, of networks that have learnt nothing: {out / 'results' / NAME}")


def _asked(out: Path, *words: str) -> list[str]:
    """The lines that Snakemake answers with on stdout."""
    done = subprocess.run([*SNAKEMAKE, *words], cwd=out, capture_output=True, text=True)
    if done.returncode:
        raise SepflowError(f"snakemake {words[0]}: {done.stderr.strip()}")
    return done.stdout.splitlines()
