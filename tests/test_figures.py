"""Pictures: what they say, that they say it the same every time, and that nothing in them collides."""

import hashlib
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from conftest import ROOT
from sepflow.corpora.packed import PackedCorpus, quantise, write_corpus
from sepflow.errors import SepflowError
from sepflow.files.contracts import read_history
from sepflow.mixes.mix import Mix
from sepflow.models.artefact import save_model
from sepflow.planning import plan
from sepflow.planning.losses import comparable
from sepflow.planning.workflow import PICTURES
from sepflow.reporting.figures import distribution as boxes
from sepflow.reporting.figures import learning as curves
from sepflow.reporting.figures import spectrograms as pictures
from sepflow.reporting.figures.spectrograms import Example, example, level, paired, spectrograms
from sepflow.reporting.figures.write import write_figures
from sepflow.tasks.built import build
from test_activity import RATE, on
from test_scoring import SPEC, noise
from test_tables import put

PIT = SPEC | {
    "model": SPEC["model"] | {"sources": 2},
    "objective": {"name": "pit", "loss": "thresholded_snr", "max_snr": 30.0, "consistency": True},
}


def test_groups_by_overlap_are_thirds_with_their_bounds():
    shares = pd.Series([0.9, 0.1, 0.5, 0.2, np.nan, 0.6, 1.0, 0.3, 0.7, 0.8], list("abcdefghij"))
    groups = boxes.by_overlap(shares)
    assert {name: "".join(part) for name, part in groups.items()} == {
        "10 to 30 %": "bdh",
        "50 to 70 %": "cfi",
        "80 to 100 %": "agj",
    }
    assert list(boxes.by_overlap(pd.Series([1.0, 1.0], ["a", "b"]))) == ["100 %"]
    assert boxes.by_overlap(pd.Series([np.nan], ["a"])) == {}


def test_only_losses_against_the_same_share_a_row():
    found = plan.load({"scale": "smoke", "papers": ["ts_mixit"]}, ROOT)
    groups = comparable(found.tables["ts_mixit", "table2"], found)
    assert [list(group["runs"].values()) for group in groups] == [
        ["student_1or2src"],
        ["distilled"],
        ["finetuned", "supervised_10", "supervised_10_dprnn", "supervised_100"],
        ["distilled_finetuned"],
        ["teacher_dprnn"],
    ]
    first = comparable(found.tables["ts_mixit", "table1"], found)
    assert first[0]["against"].startswith("MixIT") and len(first[0]["runs"]) == 2
    assert "pseudo-labels of teacher_2src (8 validation mixtures)" in first[1]["against"]


def history(losses, seconds=10.0) -> pd.DataFrame:
    steps = 100 * np.arange(1, len(losses) + 1)
    return pd.DataFrame({"step": steps, "validation_loss": losses, "seconds": seconds * steps / 100})


@pytest.mark.parametrize("text", [None, "", "step,validation_loss,seconds\n", "step,seconds\n1,2\n",
                                  "step,validation_loss,seconds\n1,,3\n"])  # fmt: skip
def test_a_history_without_validations_is_said(tmp_path, text):
    if text is not None:
        (tmp_path / "history.csv").write_text(text)
    with pytest.raises(SepflowError, match=r"history\.csv: (.|\n)*Remove this file"):
        read_history(tmp_path / "history.csv", "a")


def test_a_curve_marks_the_lowest_validation_loss_in_steps_and_in_wall_time(drawn):
    groups = [{"against": "PIT", "runs": {"a": "one", "b": "two"}}]
    histories = {"a": history([3.0, 1.0, 2.0], 120), "b": history([3.0, 2.0, 1.5], 60)}
    curves.learning(groups, histories, ["A table"], Path("out"))
    left, right = drawn[0].axes
    assert [marked(line) for line in left.lines] == [(200, 1.0), (300, 1.5)]
    assert [marked(line) for line in right.lines] == [(4, 1.0), (3, 1.5)]
    assert "(min)" in right.get_xlabel()
    assert len({(line.get_linestyle(), line.get_marker()) for line in left.lines}) == 2


def marked(line) -> tuple[float, float]:
    (index,) = line.get_markevery()
    return line.get_xdata()[index], line.get_ydata()[index]


def test_estimates_are_paired_with_the_references_they_are_like():
    references = noise(2, 4000)
    estimates = references[::-1] + 0.1 * noise(2, 4000, seed=1)
    ordered, improvements = paired(references, estimates, references.sum(0))
    np.testing.assert_array_equal(ordered, estimates[::-1])
    assert min(improvements) > 15
    again, same = paired(references, estimates[::-1], references.sum(0))
    np.testing.assert_array_equal(again, ordered)
    assert same == pytest.approx(improvements)


def test_the_panel_under_a_reference_shows_its_estimate(drawn):
    chosen = an_example()
    swapped = chosen.references[::-1] + 0.001 * noise(2, RATE, seed=1)
    spectrograms(chosen, [("A", swapped), ("B", chosen.references)], [], Path("out"))
    shown = [axes.images[0].get_array() for axes in drawn[0].axes if axes.images]
    mixture, one, two, *systems = shown
    assert mixture.max() == 0  # dB: all are held against it
    for found, wanted in zip(systems, [one, two, one, two], strict=True):
        loud = wanted > -30
        assert loud.any() and np.abs(found - wanted)[loud].mean() < 1
    assert np.abs(one - two).mean() > 10


@pytest.mark.parametrize("silent", ["references", "estimates"])
def test_what_is_undefined_is_said_and_drawn(drawn, silent):
    chosen, estimates = an_example(), 0.1 * noise(2, RATE)
    if silent == "references":
        chosen = chosen._replace(references=chosen.references * [[1], [0]])
    else:
        estimates = estimates * [[1], [0]]
    spectrograms(chosen, [("A", estimates)], [], Path("out"))
    titles = [axes.get_title(loc="left") for axes in drawn[0].axes]
    assert titles.count("A: SI-SNRi undefined") == (2 if silent == "references" else 1)


def an_example() -> Example:
    a, b = noise(2, RATE)
    references = np.stack([on(a, 0, 0.6), on(b, 0.4, 1)])
    return Example("test-7", ["u1 (f)", "u2 (m)"], references.sum(0), references, RATE)


def test_a_tone_lies_at_its_frequency_and_time():
    tone = on(np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE), 0.5, 1.0)
    found = level(tone, RATE)
    frequency, frame = np.unravel_index(found.argmax(), found.shape)
    assert frequency * RATE / 256 == 1000 and frame * 0.008 > 0.5
    assert found[32, :60].max() < found.max() - 100


def test_an_undefined_score_is_in_no_box_and_no_n(drawn):
    values = {
        "a": pd.Series([1.0, np.nan, 3.0], list("xyz")),
        "b": pd.Series([1.0, 2.0, np.nan], list("xyz")),
    }
    values["c"] = pd.Series([np.nan] * 3, list("xyz"))
    groups = {"By the speakers": {"same sex": pd.Index(list("xyz"))}}
    boxes.distribution(a_table(["a", "b", "c"]), values, groups, [], Path("out"))
    (axes,) = drawn[0].axes
    assert axes.get_legend().get_texts()[0].get_text() == "same sex (n = 0 to 2)"
    assert len(axes.patches) == 2
    assert all(np.isfinite(patch.get_path().vertices).all() for patch in axes.patches)


def a_table(ids) -> dict:
    rows = [{"id": i, "cells": [f"Method {i} with a long name (10%)", "DPRNN"], "run": i} for i in ids]
    own = {"mix": "m", "metrics": ["si_snri"]}
    rows = [row | own | {"runs": {row["run"]: row["run"]}} for row in rows]
    caption = "A table " + "with a long caption " * 8
    columns = ["System", "Network"]
    return {"caption": caption, "columns": columns, "metrics": ["si_snri"], "mix": "m", "rows": rows}


@pytest.fixture
def drawn(monkeypatch) -> list:
    """The pictures of a test, instead of their files."""
    figures = []
    for module in (boxes, curves, pictures):
        monkeypatch.setattr(module, "save", lambda figure, out: figures.append(figure))
    return figures


def test_no_text_lies_on_another_or_outside(drawn, monkeypatch):
    table = a_table(list("abcde"))
    values = {i: pd.Series(np.arange(30.0), range(30)) for i in "abcde"}
    groupings = {
        "By the speakers": boxes.by_sex(pd.Series(["same", "different"] * 15)),
        "By overlap": boxes.by_overlap(pd.Series(np.arange(30) / 29)),
    }
    groups = [
        {"against": f"PIT, thresholded SNR, against the pseudo-labels of a_run_with_a_name_{i} (16 mixtures)",
         "runs": {f"{i}{k}": f"a_run_with_a_name_{i}{k}" for k in range(3)}}
        for i in range(3)
    ]  # fmt: skip
    histories = {run: history([3e4, 1e-3], 3e5) for group in groups for run in group["runs"]}
    histories["00"]["step"] = [50000, 80000]
    boxes.distribution(table, values, groupings, [table["caption"]], Path("out"))
    curves.learning(groups, histories, [table["caption"]], Path("out"))
    chosen = an_example()._replace(utterances=[f"speech/{'u' * 40}/{k}" for k in range(2)])
    systems = [
        (f"Method {i} with an extraordinarily long name, Conv-TasNet, 2-src", noise(2, RATE)) for i in "ab"
    ]
    spectrograms(chosen, systems, [table["caption"]], Path("out"))
    assert len(drawn) == 3
    for figure in drawn:
        texts = extents(figure, monkeypatch)
        assert len(texts) > 15
        for name, box in texts:
            assert box.xmin >= 0 and box.ymin >= 0, name
            assert box.xmax <= figure.bbox.xmax and box.ymax <= figure.bbox.ymax, name
        for (one, a), (two, b) in combinations(texts, 2):
            assert not a.overlaps(b), (one, two)


def extents(figure, monkeypatch) -> list[tuple[str, Bbox]]:
    """The texts that are really drawn (ticks beyond an axis's ends are not), and where."""
    texts, draw = [], Text.draw
    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", lambda text, renderer: (texts.append(text), draw(text, renderer)))
        FigureCanvasAgg(figure).draw()
    shown = [text for text in texts if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent()) for text in shown]


def small_results(folder) -> tuple[dict, list, Mix]:
    """A table of two rows over three mixtures, with all that its pictures read."""
    sexes = {"u0": "f", "u1": "f", "u2": "m"}
    corpus = folder / "corpus"
    stream = []
    for i, (name, sex) in enumerate(sexes.items()):
        labels = {"id": name, "speaker": f"s{i}", "sex": sex, "split": "test", "text": "", "path": name}
        stream.append((labels, *quantise(on(noise(RATE, seed=i), 0.1 * i, 0.7 + 0.1 * i))))
    write_corpus(corpus, stream)
    pairs = [("u0", "u1"), ("u0", "u2"), ("u1", "u2")]
    rows = [
        {"id": f"test-{i}", "samples": RATE}
        | {f"{key}_{k}": value for k, u in enumerate(pair, 1) for key, value in
           {"utterance": u, "speaker": f"s{u[1]}", "sex": sexes[u], "gain_db": 0.0, "offset": 0}.items()}
        for i, pair in enumerate(pairs)
    ]  # fmt: skip
    mix = Mix(folder, PackedCorpus(corpus), pd.DataFrame(rows))
    table = a_table(["a", "b"])
    for seed, row in enumerate(table["rows"]):
        run = folder / "runs" / row["run"]
        row |= {"selection": "none", "scores": [str(run / "scores.csv")]}
        row["runs"] = {row["run"]: f"label_{row['id']}"}
        torch.manual_seed(seed)
        save_model(run / "model.safetensors", build(PIT).model.state_dict(), PIT)
        history([3.0, 2.0, 2.5]).to_csv(run / "history.csv", index=False)
        (run / "run.json").write_text("{}")
        scores = [
            {"mixture": name, "pair": "", "selection": "none", "source": k, "metric": "si_snri",
             "value": np.nan if name == "test-2" else k}
            for name in mix.ids for k in (1, 2)
        ]  # fmt: skip
        model = hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
        put(run / "scores.csv", pd.DataFrame(scores), row["run"], "m", model=model)
    groups = [{"against": "PIT", "runs": {"a": "label_a"}}, {"against": "MixIT", "runs": {"b": "label_b"}}]
    return table, groups, mix


def test_all_pictures_of_a_table_are_made_and_the_same_again(tmp_path):
    table, groups, mix = small_results(tmp_path)
    context = {"scale": "tiny", "untrained": True, "rate": RATE}
    for out in ("one/table", "two/table"):
        write_figures(table, groups, mix, context, tmp_path, tmp_path / out)
    for end in PICTURES:
        content = (tmp_path / f"one/table{end}").read_bytes()
        assert content == (tmp_path / f"two/table{end}").read_bytes(), end
        assert content.startswith(b"\x89PNG" if end.endswith("png") else b"<?xml")
    assert len(list((tmp_path / "one").iterdir())) == len(PICTURES) == 6
    text = {part: (tmp_path / f"one/table_{part}.svg").read_text() for part in
            ("learning", "spectrograms", "distribution")}  # fmt: skip
    assert all("scale tiny (untrained" in content for content in text.values())
    for word in (
        "Method a with a long name",
        "Method b",
        "Network = DPRNN",
        "validation loss (dB)",
        "wall time of this training (s)",
    ):
        assert word in text["learning"]
    for word in (
        "test-1: u0 (f) + u2 (m)",
        "Method a",
        "Method b",
        "reference 2",
        "time (s)",
        "frequency (kHz)",
    ):
        assert word in text["spectrograms"], word
    for word in ("different sex (n = 1)", "same sex (n = 1)", "Method b", "SI-SNRi (dB)", "By overlap"):
        assert word in text["distribution"], word


def test_a_row_is_in_the_pictures_that_it_has_scores_for(tmp_path):
    table, groups, mix = small_results(tmp_path)
    quoted = {"id": "q", "mix": "m", "cells": ["Quoted"], "metrics": ["si_snri"], "runs": {}, "scores": []}
    table["rows"] = [quoted, table["rows"][0], table["rows"][1] | {"metrics": ["sdr"]}]
    context = {"scale": "tiny", "untrained": True, "rate": RATE}
    write_figures(table, groups, mix, context, tmp_path, tmp_path / "table")
    text = {part: (tmp_path / f"table_{part}.svg").read_text() for part in ("spectrograms", "distribution")}
    assert not any("Quoted" in content for content in text.values())
    assert ">Method a" in text["distribution"] and ">Method b" not in text["distribution"]
    assert ">Method a" in text["spectrograms"] and ">Method b" in text["spectrograms"]


def test_the_example_is_the_first_of_different_sex_or_else_the_first(tmp_path):
    _, _, mix = small_results(tmp_path)
    assert example(mix, RATE).name == "test-1"
    alike = mix.table.assign(sex_1="f", sex_2="f")
    assert example(Mix(tmp_path, mix.corpus, alike), RATE).name == "test-0"
    unknown = mix.table.assign(sex_1="", sex_2="")
    assert example(Mix(tmp_path, mix.corpus, unknown), RATE).utterances == ["u0", "u1"]
