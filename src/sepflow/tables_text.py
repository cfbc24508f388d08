"""A table as Markdown, with where it comes from, and as LaTeX."""

from typing import Any

import pandas as pd

from sepflow.statistics import described

_NAMES = {"si_snri": "SI-SNRi", "si_snr": "SI-SNR", "sdri": "SDRi", "sdr": "SDR"}


def markdown(
    table: dict[str, Any],
    context: dict[str, Any],
    cells: pd.DataFrame,
    parts_by: list[tuple[str, pd.DataFrame]],
    comparisons: pd.DataFrame,
    runs: dict[str, dict],
) -> str:
    """The table for a reader: numbers, comparisons, and every origin they have."""
    metric = _NAMES[table["metric"]]
    shown = cells[table["columns"]].copy()
    shown["published"] = cells["published"].map("{:.1f}".format)
    shown[f"ours ({metric}, dB)"] = [
        f"{c.ours:.2f} [{c.ci_low:.2f}, {c.ci_high:.2f}]" for c in cells.itertuples()
    ]
    shown["delta"] = cells["delta"].map("{:+.1f}".format)
    shown["n"] = cells["n"]
    parts = [f"# {table['caption']}", table["title"]]
    if context["untrained"]:
        parts.append("**Untrained**: a few steps, to see that everything runs. These numbers mean nothing.")
    parts += [
        _table(shown),
        f"Ours: mean and {described(table['seeds'])}. "
        "Published: another corpus, unless the scale is `paper`.",
    ]
    if not comparisons.empty and not context["untrained"]:
        parts += ["## What the paper compares", _table(_verdicts(comparisons))]
    for title, means in parts_by:
        parts += [f"## {title}", _table(means.map(_two_decimals))]
    parts += ["## Where it comes from", _origins(context, table, runs), _table(_runs(table, runs))]
    return "\n\n".join(parts) + "\n"


def latex(table: dict[str, Any], cells: pd.DataFrame) -> str:
    """The table for a paper: booktabs, the published number and ours."""
    shown = cells[[*table["columns"], "published", "ours"]].copy()
    for column in ("published", "ours"):
        shown[column] = (shown[column].round(1) + 0.0).map("{:.1f}".format)  # -0.04 is 0.0, not -0.0
    lines = [" & ".join(_escape(str(cell)) for cell in row) + r" \\" for row in shown.itertuples(index=False)]
    head = " & ".join(_escape(name) for name in shown.columns) + r" \\"
    layout = "l" * len(table["columns"]) + "rr"
    body = [
        "\\begin{tabular}{" + layout + "}",
        r"\toprule",
        head,
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(body) + "\n"


def _two_decimals(cell: object) -> object:
    return cell if not isinstance(cell, float) else f"{cell:.2f}" if cell == cell else "-"


def _escape(cell: str) -> str:
    for character in "\\&%$#_{}":
        cell = cell.replace(character, "\\" + character) if character != "\\" else cell
    return cell


def _verdicts(comparisons: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "claim": comparisons["claim"],
            "difference (dB)": [
                f"{c.difference:+.2f} [{c.ci_low:+.2f}, {c.ci_high:+.2f}]" for c in comparisons.itertuples()
            ],
            "here it": comparisons["verdict"],
        }
    )


def _origins(context: dict[str, Any], table: dict[str, Any], runs: dict[str, dict]) -> str:
    lines = [
        f"- Scale `{context['scale']}`; corpora: {'; '.join(context['corpora'])}.",
        f"- Test mix `{table['mix']}`: {context['test']}.",
        f"- Made by sepflow {context['sepflow']}, commit `{context['commit']}`"
        + (f" with uncommitted changes (`{context['dirty']}`)." if context["dirty"] else "."),
        "- Versions: "
        + ", ".join(f"{name} {version}" for name, version in context["versions"].items())
        + ".",
        f"- Wall time: {sum(run['seconds'] for run in runs.values()):.0f} s of training for the runs below.",
        f"- Interval: {described(table['seeds'])}. A comparison holds (fails) where the paired interval "
        "lies above (below) 0.",
    ]
    return "\n".join(lines)


def _runs(table: dict[str, Any], runs: dict[str, dict]) -> pd.DataFrame:
    labels = {run: label for row in table["rows"] for run, label in row["runs"].items()}
    return pd.DataFrame(
        [
            {
                "run": labels[name],
                "name": f"`{name}`",
                "parameters": f"{run['parameters']:,}",
                "steps": f"{run['selected_step']} of {run['steps']}",
                "training (s)": round(run["seconds"]),
                "device": run["device"],
                "commit": f"`{run['commit'][:12]}{'+' + run['dirty'] if run['dirty'] else ''}`",
            }
            for name, run in runs.items()
        ]
    )


def _table(frame: pd.DataFrame) -> str:
    return frame.to_markdown(index=False, disable_numparse=True)
