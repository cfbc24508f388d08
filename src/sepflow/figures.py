"""Pictures of results, readable in grey."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend first)
import pandas as pd  # noqa: E402

matplotlib.rcParams.update({"svg.hashsalt": "sepflow", "svg.fonttype": "none", "font.size": 9})


def dot_plot(table: dict[str, Any], cells: pd.DataFrame, out: Path) -> None:
    """The rows of a table: the published number (open) and ours (filled, with its interval), in dB."""
    labels = [", ".join(str(cell) for cell in row) for row in cells[table["columns"]].itertuples(index=False)]
    places = range(len(cells), 0, -1)
    figure, axes = plt.subplots(figsize=(7.2, 0.42 * len(cells) + 1.3), layout="constrained")
    width = [cells["ours"] - cells["ci_low"], cells["ci_high"] - cells["ours"]]
    axes.errorbar(
        cells["ours"], places, xerr=width, fmt="o", color="black", capsize=3, label="ours, 95 % interval"
    )
    axes.plot(cells["published"], places, "D", mfc="white", mec="0.35", label="published")
    axes.set_yticks(list(places), labels)
    axes.set_xlabel({"si_snri": "SI-SNRi (dB)", "sdri": "SDRi (dB)"}.get(table["metric"], table["metric"]))
    axes.set_xlim(left=min(0, cells[["ours", "ci_low"]].min().min()))
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    figure.suptitle(table["caption"], x=0.01, ha="left", fontsize=9)
    figure.legend(loc="outside lower right", ncols=2, frameon=False)
    figure.savefig(out, metadata={"Date": None})
    plt.close(figure)
