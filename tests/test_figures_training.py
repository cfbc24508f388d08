"""The figure of trainings, epoch by epoch: its numbers against a plain loop, and what its picture shows."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sepflow.errors import SepflowError
from sepflow.reporting.figures import epochs
from sepflow.reporting.figures.training import write_training
from test_figures import extents

EPOCH = 62.5  # optimiser steps of one pass
LAST = 12
TOPS = {"from scratch": 10.0, "PT-FT (SE)": 11.0, "multi-task (SE)": 10.4}
PUBLISHED = [
    {"strategy": "PT-FT (SE)", "quantity": "reaches_baseline", "epoch": 11},
    {"strategy": "from scratch", "quantity": "label_switches", "low": 15, "high": 35},
    {"strategy": "multi-task (SE)", "quantity": "label_switches", "epoch": 40, "value": 89},
]


def a_history(top: float, seed: int) -> pd.DataFrame:
    """A validation each second pass; no switches before the second pass."""
    rng = np.random.default_rng(seed)
    passes = np.arange(1, LAST + 1, 2)
    loss = rng.normal(0, 0.1, len(passes)) - top * (1 - np.exp(-0.4 * passes))
    switches = np.where(passes < 2, np.nan, rng.uniform(0, 0.4, len(passes)))
    steps = np.floor(passes * EPOCH).astype(int)
    return pd.DataFrame(
        {"step": steps, "validation_loss": loss, "seconds": steps / 2, "label_switches": switches}
    )


def a_figure(results: Path, panels=("libri2mix", "wsj0_2mix"), seeds=(1, 2, 3)) -> dict:
    """A resolved figure, the histories of its runs on disk."""
    resolved = []
    for k, panel in enumerate(panels):
        runs = []
        for i, (strategy, top) in enumerate(TOPS.items()):
            for seed in seeds:
                run = {"strategy": strategy, "run": f"{k}{i}{seed}", "seed": seed, "epoch": EPOCH}
                store(results, run["run"], a_history(top + k, 100 * k + 10 * i + seed))
                runs.append(run)
        shown = {"id": panel, "title": panel.title(), "baseline": "from scratch", "runs": runs}
        resolved.append(shown | {"published": PUBLISHED})
    return {"caption": "Figure 2", "title": "A paper", "seeds": list(seeds), "panels": resolved}


def store(results: Path, run: str, table: pd.DataFrame) -> None:
    path = results / "runs" / run / "history.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    path.with_name("run.json").write_text("{}")


def written(figure: dict, results: Path, untrained: bool = False) -> pd.DataFrame:
    """The CSV of `figure`; its picture lies beside it, where `drawn` does not take it."""
    out = results / "figure2"
    write_training(figure, {"scale": "tiny", "untrained": untrained}, results, out)
    return pd.read_csv(f"{out}.csv")


@pytest.fixture
def drawn(monkeypatch) -> list:
    """The pictures of a test, instead of their files."""
    figures = []
    monkeypatch.setattr(epochs, "save", lambda figure, out: figures.append(figure))
    return figures


def test_the_numbers_are_those_of_a_plain_loop(tmp_path, drawn):
    figure = a_figure(tmp_path)
    found = written(figure, tmp_path).astype(object)
    expected, tables = [], {}
    for panel in figure["panels"]:
        for run in panel["runs"]:
            table = pd.read_csv(tmp_path / "runs" / run["run"] / "history.csv")
            tables[panel["id"], run["strategy"], run["seed"]] = table.to_dict("records")
    for (panel, strategy, seed), rows in tables.items():
        names = (panel, strategy, "ours", seed)
        for row in rows:
            expected.append((*names, "validation_si_snr", row["step"] / 62.5, -row["validation_loss"]))
            if row["label_switches"] == row["label_switches"]:
                expected.append((*names, "label_switches", row["step"] / 62.5, 100 * row["label_switches"]))
        if strategy != "from scratch":
            baseline = tables[panel, "from scratch", seed]
            goal = min(row["validation_loss"] for row in baseline)
            epoch = next((row["step"] / 62.5 for row in rows if row["validation_loss"] <= goal), np.nan)
            share = 100 * epoch / (baseline[-1]["step"] / 62.5)
            expected.append((*names, "reaches_baseline", epoch, share))
    ours = found[found["source"] == "ours"]
    assert ours[["low", "high"]].isna().all(axis=None)
    numbers = {tuple(row[:5]) + (row[5],): row[6] for row in ours.itertuples(index=False)}
    assert len(numbers) == len(ours) == len(expected)
    for *key, epoch, value in expected:
        assert numbers[(*key, round(epoch, 3))] == pytest.approx(value, abs=5.1e-4)


def small(tmp_path, losses: dict[str, list[float]]) -> dict:
    """A figure of one seed of each of `losses`, a validation each pass of 60 steps."""
    figure = a_figure(tmp_path, ["libri2mix"], [1])
    panel = figure["panels"][0]
    panel["runs"] = [run for run in panel["runs"] if run["strategy"] in losses]
    for run in panel["runs"]:
        loss = losses[run["strategy"]]
        run["epoch"] = 60
        steps = run["epoch"] * np.arange(1, len(loss) + 1)
        columns = {"step": steps, "validation_loss": loss, "seconds": steps, "label_switches": 0.25}
        store(tmp_path, run["run"], pd.DataFrame(columns))
    return figure


@pytest.mark.parametrize(
    ("losses", "epoch", "share"),
    [
        ([-1, -4, -9], 3, 75),
        ([-6, -9, -9], 1, 25),
        ([-1, -5, -4], 2, 50),  # as good is enough; and it counts, though it was lost again
        ([-1, -4.9, -4.99], np.nan, np.nan),
        ([-1, -2, -3, -4, -5], 5, 125),  # later than the baseline's own end
    ],
)
def test_reaching_is_measured_against_the_best_validation_of_the_baseline(
    tmp_path, drawn, losses, epoch, share
):
    # Its best is not its last; four epochs are what it trained.
    figure = small(tmp_path, {"from scratch": [-1, -2, -5, -4], "PT-FT (SE)": losses})
    table = written(figure, tmp_path)
    (row,) = table[(table["quantity"] == "reaches_baseline") & (table["source"] == "ours")].itertuples()
    np.testing.assert_array_equal([row.epoch, row.value], [epoch, share])
    said = " ".join(text.get_text() for text in drawn[0].axes[1].texts)
    if np.isnan(epoch):
        assert "PT-FT (SE) reaches it (epoch): never" in said
        assert marks(drawn[0]) == []
    else:
        assert f"(epoch): {epoch}\N{NO-BREAK SPACE}({share}\N{NO-BREAK SPACE}%)" in said
        assert marks(drawn[0]) == [(epoch, -losses[epoch - 1])]


def marks(figure) -> list[tuple[float, float]]:
    """Where the upper left panel marks that a baseline is reached."""
    lines = figure.axes[0].lines
    return [(*line.get_xdata(), *line.get_ydata()) for line in lines if "reaches" in line.get_label()]


def test_each_seed_is_held_against_its_own_baseline(tmp_path, drawn):
    figure = a_figure(tmp_path, ["libri2mix"], [1, 2])
    for run in figure["panels"][0]["runs"]:
        loss = [-3.0, -4.0] if run["seed"] == 1 else [-1.0, -2.0]
        if run["strategy"] != "from scratch":
            loss = [-2.5, -3.5]
        run["epoch"] = 60
        columns = {"step": [60, 120], "validation_loss": loss, "seconds": 1, "label_switches": 0.1}
        store(tmp_path, run["run"], pd.DataFrame(columns))
    table = written(figure, tmp_path)
    reached = table[(table["quantity"] == "reaches_baseline") & (table["source"] == "ours")]
    assert reached.loc[reached["seed"] == 1, "epoch"].isna().all()
    assert reached.loc[reached["seed"] == 2, "epoch"].tolist() == [1, 1]


def test_histories_without_label_switches_are_named_together(tmp_path):
    figure = a_figure(tmp_path, ["libri2mix"], [1])
    for name in ("001", "021"):
        store(tmp_path, name, a_history(10.0, 1).drop(columns="label_switches"))
    with pytest.raises(SepflowError, match="2 problems") as caught:
        written(figure, tmp_path)
    message = str(caught.value)
    assert "001/history.csv: no column 'label_switches'" in message and "021/history.csv" in message
    assert "011" not in message and "crop: fixed" in message
    assert not list(tmp_path.glob("figure2*"))


def test_switches_before_the_second_pass_are_in_no_row_and_no_curve(tmp_path, drawn):
    figure = a_figure(tmp_path, ["libri2mix"], [1])
    switches = written(figure, tmp_path).query("quantity == 'label_switches' and source == 'ours'")
    assert switches["epoch"].min() > 2 and switches["value"].notna().all()
    _, below = drawn[0].axes
    curves = [line for line in below.lines if line.get_label() in TOPS]
    assert len(curves) == 3 and all(len(line.get_xdata()) == LAST // 2 - 1 for line in curves)


def test_where_no_run_has_a_second_pass_it_is_said(tmp_path, drawn):
    figure = a_figure(tmp_path, ["libri2mix"], [1])
    for run in figure["panels"][0]["runs"]:
        store(tmp_path, run["run"], a_history(10.0, 1).head(1))
    table = written(figure, tmp_path, untrained=True)
    assert not (table.query("source == 'ours'")["quantity"] == "label_switches").any()
    assert any("none counted" in text.get_text() for text in drawn[0].axes[1].texts)
    assert "scale tiny (untrained" in drawn[0].get_suptitle()


def test_published_points_are_in_the_table_and_near_ones_in_the_picture(tmp_path, drawn):
    figure = a_figure(tmp_path, ["libri2mix"], [1])
    table = written(figure, tmp_path).query("source == 'published'")
    rows = table[["strategy", "quantity", "epoch", "value", "low", "high"]].to_dict("records")
    assert [{k: v for k, v in row.items() if v == v} for row in rows] == PUBLISHED
    assert table["seed"].isna().all() and set(table["panel"]) == {"libri2mix"}
    above, below = drawn[0].axes
    assert [11, 11] in [list(line.get_xdata()) for line in above.lines]
    assert [text.get_text() for text in above.texts] == ["published: PT-FT (SE)"]
    (band,) = below.patches
    assert (band.get_y(), band.get_height()) == (15, 20)
    # 40 epochs are far off an axis of 12: said, not drawn.
    assert below.get_xlim()[1] < 15 and not [line for line in below.lines if "published" in line.get_label()]
    said = " ".join(text.get_text().replace("\n  ", "") for text in below.texts)
    assert "multi-task (SE) switches 89 % at epoch 40 (off the axis)" in said
    assert "PT-FT (SE) reaches it at epoch 11;" in said and "from scratch switches 15 to 35 %" in said


def test_a_near_single_value_is_drawn_within_its_axes(tmp_path, drawn):
    figure = a_figure(tmp_path, ["libri2mix"], [1])
    near = PUBLISHED[2] | {"epoch": 13}
    figure["panels"][0]["published"] = [near]
    written(figure, tmp_path)
    below = drawn[0].axes[1]
    (diamond,) = [line for line in below.lines if line.get_label() == "published: value"]
    assert (*diamond.get_xdata(), *diamond.get_ydata()) == (13, 89)
    assert below.get_xlim()[1] > 13 and below.get_ylim()[1] > 89


@pytest.mark.parametrize("panels", [["libri2mix"], ["libri2mix", "wsj0_2mix"]])
def test_the_picture_has_the_papers_letters_and_no_text_on_another(tmp_path, drawn, monkeypatch, panels):
    figure = a_figure(tmp_path, panels)
    written(figure, tmp_path, untrained=True)
    (picture,) = drawn
    titles = [axes.get_title(loc="left")[:3] for axes in picture.axes]
    assert titles == ["(a)", "(b)", "(c)", "(d)"][: 2 * len(panels)]
    (legend,) = picture.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert len(set(names)) == len(names) and set(TOPS) < set(names)
    looks = {
        (line.get_label(), line.get_linestyle(), line.get_marker(), line.get_color())
        for axes in picture.axes for line in axes.lines if line.get_label() in TOPS
    }  # fmt: skip
    assert len(looks) == len({look[1] for look in looks}) == 3  # seeds alike; strategies by more than colour
    texts = extents(picture, monkeypatch)
    for name, box in texts:
        assert box.xmin >= 0 and box.ymin >= 0, name
        assert box.xmax <= picture.bbox.xmax and box.ymax <= picture.bbox.ymax, name
    for (one, a), (two, b) in combinations(texts, 2):
        assert not a.overlaps(b), (one, two)


def test_the_same_bytes_twice(tmp_path):
    figure = a_figure(tmp_path, seeds=[1, 2])
    content = []
    for _ in range(2):
        written(figure, tmp_path)
        content.append([(tmp_path / f"figure2.{end}").read_bytes() for end in ("csv", "svg", "png")])
    assert content[0] == content[1]
    _, svg, png = content[0]
    assert svg.startswith(b"<?xml") and png.startswith(b"\x89PNG")
    for word in ("PT-FT (SE)", "Figure 2; scale tiny", "validation SI-SNR (dB)", "label switches (%)"):
        assert word in svg.decode()
