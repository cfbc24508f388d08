"""Where a table comes from, in words: its test mixes, who has heard their speakers, its scores and runs."""

import contextlib
from pathlib import Path
from typing import Any

import pandas as pd

from sepflow.files import quoting
from sepflow.files.contracts import speakers_of
from sepflow.files.seals import UnsealedError
from sepflow.mixes.mix import read_own_plan
from sepflow.planning.layout import SYSTEMS, column, resampled
from sepflow.reporting.statistics import described
from sepflow.reporting.text import grid
from sepflow.results import Results


def origins(
    table: dict[str, Any],
    context: dict[str, Any],
    runs: dict[str, dict[str, Any]],
    stamps: list[dict[str, Any]],
    plans: dict[str, pd.DataFrame],
    results: Path,
) -> str:
    """All that is known of where `table` comes from, as Markdown.

    `context` is that of tables.write_table; `runs` say what each was made by, and `stamps` the scores;
    `plans` are the test mixes.
    """
    heard = {mix: _heard(plan, context["heard"][mix], results) for mix, plan in plans.items()}
    lines = [
        f"- Scale `{context['scale']}`; corpora: {'; '.join(map(_corpus, context['corpora']))}.",
        *(f"- Test mix `{mix}`: {len(plan)} mixtures of {heard[mix]}" for mix, plan in plans.items()),
        f"- Table: sepflow {context['sepflow']}, {_code(context)}; {_versions(context['versions'])}.",
    ]
    lines += [f"- Scores: {made}." for made in dict.fromkeys(map(_scored, stamps))]
    lines += [
        f"- Wall time: {sum(run['seconds'] for run in runs.values()):.0f} s of training for the runs below.",
        f"- Interval: {described(table['seeds'], resampled(table))}. A comparison holds (fails) where the "
        f"paired interval lies {_favourable(table)}.",
    ]
    made = [*_runs(table, runs), *_systems(table)]
    return "\n\n".join(["\n".join(lines), *([grid(pd.DataFrame(made))] if made else [])])


def _favourable(table: dict[str, Any]) -> str:
    """On which side of 0 a difference favours the row that is claimed to be better (or the other)."""
    if column(table, table["metrics"][0]).declared.lower_is_better:
        return "below (above) 0, as lower is better"
    return "above (below) 0"


def _heard(plan: pd.DataFrame, trained: dict[str, dict[str, Any]], results: Path) -> str:
    """The speakers of a test mix, and which of them are in the mixes that were `trained` on, in words."""
    speakers = speakers_of(plan)
    files = {mix: Results(results).plan(mix) for mix, of in trained.items() if of["comparable"]}
    here = {}
    for mix, file in files.items():
        with contextlib.suppress(UnsealedError):
            if file.exists():
                here[mix] = speakers_of(read_own_plan(file.parent, mix)) & speakers
    parts = []
    for mix, shared in here.items():
        if shared:
            by = ", ".join(map(quoting.markdown, trained[mix]["runs"]))
            parts.append(
                f"**{len(shared)} of them were heard** in training or validation by {by} (mix `{mix}`)"
            )
    if here and not parts:
        parts.append(
            "none of them is in a mix that these runs, or those they build on, were trained or validated on "
            f"(checked over {_count(len(here), 'mix', 'mixes')})"
        )
    if absent := [f"`{mix}`" for mix in files if mix not in here]:
        parts.append(
            f"not checked: {', '.join(absent)} (trained elsewhere or removed: no sealed plan of it is here)"
        )
    if others := len(trained) - len(files):
        of = _count(others, "mix", "mixes")
        parts.append(f"{of} of other corpora not compared, as the names of their speakers say nothing")
    return "; ".join([_count(len(speakers), "speaker", "speakers"), *parts]) + "."


def _corpus(said: str) -> str:
    """A corpus as the plan says it, "name (`hash`)", the name quoted."""
    name, _, rest = said.rpartition(" (`")
    return f"{quoting.markdown(name)} (`{rest}"


def _scored(stamp: dict[str, Any]) -> str:
    """What scores were made by, in words."""
    return f"{_code(stamp)}; {_versions(stamp['scorers'])}"


def _code(stamp: dict[str, Any]) -> str:
    changed = f" with uncommitted changes ({quoting.code(stamp['dirty'])})" if stamp["dirty"] else ""
    return f"commit {quoting.code(stamp['commit'])}{changed}"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(quoting.markdown(f"{name} {version}") for name, version in versions.items())


def _runs(table: dict[str, Any], runs: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    labels = {run: label for row in table["rows"] for run, label in row["runs"].items()}
    return [
        {
            "run": quoting.markdown(labels[name]),
            "name": f"`{name}`",
            "parameters": f"{run['parameters']:,}",
            "steps": f"{run['selected_step']} of {run['steps']}",
            "training (s)": round(run["seconds"]),
            "device": quoting.markdown(run["device"]),
            "commit": quoting.code(run["commit"][:12] + ("+" + run["dirty"] if run["dirty"] else "")),
        }
        for name, run in runs.items()
    ]


def _systems(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that no run is behind, as lines of the same grid."""
    systems = dict.fromkeys(row["system"] for row in table["rows"] if "system" in row)
    others = dict.fromkeys(("name", "parameters", "steps", "training (s)", "device", "commit"), "-")
    return [{"run": f"none: {SYSTEMS[system]}"} | others for system in systems]


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
