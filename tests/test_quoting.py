"""Text from outside comes out as it stands, in every text of a table, and runs nowhere."""

import re

import pandas as pd
import pytest

from sepflow.files import quoting
from sepflow.reporting.figures.training import COLUMNS
from sepflow.reporting.tables import write_table
from test_tables import CONTEXT, put, write_scores

HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt; & <b>", "![x](http://x/y.png)",
    "[x](javascript:alert(1))", "`code` *bold* _it_ ~~no~~", "a | b", "# a heading", "- a list", "+ a list",
    "two\nlines\r\n\n# heading", "tab\there", "\\[x](y)", "back\\slash", "nul\x00 and \x1b[31m",
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")', "＝1+1",
    "{brace", "brace}", "[2pt] first", "* star",
    "100 % \\& $x^2$ #1 _a ~b", "\\input{/etc/passwd}", "\\end{tabular}",
)  # fmt: skip
FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")


def hostile_table(folder, text):
    """A table that has `text` wherever something from outside stands."""
    table = write_scores(folder, [4.0, 6.0])
    scores = pd.read_csv(folder / "scores.csv")
    put(folder / "scores.csv", scores, commit=text, dirty=text, scorers={"fast_bss_eval": text})
    run = folder / "runs/cafe/run.json"
    record = {"seconds": 1, "parameters": 1, "steps": 2, "selected_step": 1}
    run.write_text(pd.Series(record | dict.fromkeys(("device", "commit", "dirty"), text)).to_json())
    table |= {"caption": text, "title": text, "note": text, "columns": ["System", text + "?"]}
    table["comparisons"] = [{"claim": text, "better": "r", "than": "r"}]
    table["rows"][0] |= {"cells": [text, text], "runs": {"cafe": text}}
    context = CONTEXT | {"corpora": [f"{text} (`0`)"], "untrained": False}
    write_table(table, context, folder, folder / "table")
    return {end: (folder / f"table.{end}").read_bytes().decode() for end in ("md", "csv", "tex", "svg")}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_from_outside_runs_in_no_text_of_a_table(tmp_path, text):
    found = hostile_table(tmp_path, text)
    markdown = re.sub(r"(?<!\\)`[^`\n]*`", "", found["md"])  # in code nothing means anything
    assert not re.search(r"<[a-zA-Z/!]", markdown)
    assert not re.search(r"(?<!\\)(\\\\)*\]\(", markdown) and "&lt;b&gt; & <b>" not in markdown
    assert markdown.count("\n# ") == 0 and len(re.findall(r"^## ", markdown, re.M)) == 3
    assert not re.search(r"^[-+] (a list|1)", markdown, re.M)
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in rows]
    assert set(widths[:3]) == {widths[0]}
    table = pd.read_csv(tmp_path / "table.csv", keep_default_na=False, dtype=str)
    for cell in (*table.columns, *table[["System", table.columns[1]]].iloc[0]):
        assert not FORMULA.match(cell), cell
    assert "<script" not in found["svg"] and "<img" not in found["svg"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_from_outside_is_text_in_latex(tmp_path, text):
    """There need be no TeX here: every special character is escaped, braces balance, cells are counted."""
    lines = hostile_table(tmp_path, text)["tex"].splitlines()
    assert [lines[i] for i in (1, 2, 4, 6, 7)] == [
        r"\begin{tabular}{llrrrr}", r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}"
    ]  # fmt: skip
    for line in (lines[3], lines[5]):
        assert line.endswith(r" \\") and line.isprintable() and not re.match(r"\s*[\[*]", line)
        plain = line.removesuffix(r"\\").replace("$-$", "-")
        plain = re.sub(r"\\text[a-z]+\{\}|\\[&%$#_{}]|\{[\[*]\}", "", plain)
        assert not re.search(r"[\\{}%$#_~^<>]", plain), plain
        assert plain.count("&") == 5


def test_what_means_nothing_stays_as_it_is():
    plain = [
        "Conv-TasNet",
        "student_1or2src",
        "Supervised (10%)",
        "a_b_c",
        "2-src",
        "TS-MixIT + x",
        "-",
        "-5.0",
        "3",
    ]
    assert [quoting.markdown(text) for text in plain] == plain
    frame = quoting.spreadsheet(pd.DataFrame({"a": plain, "n": pd.array([1, None] * 4 + [2], "Int64")}))
    assert list(frame["a"]) == plain and str(frame["n"].dtype) == "Int64"
    assert quoting.latex("Conv-TasNet, -5 dB") == "Conv-TasNet, $-$5 dB"


def test_the_points_of_a_figure_are_text_too():
    row = dict.fromkeys(COLUMNS, 1.0) | {"panel": "=1", "strategy": "@x", "source": "ours"}
    assert list(quoting.spreadsheet(pd.DataFrame([row])).iloc[0, :3]) == ["'=1", "'@x", "ours"]


@pytest.mark.parametrize("untrained", [True, False])
def test_every_form_of_a_table_says_whether_it_means_anything(tmp_path, untrained):
    table = write_scores(tmp_path, [4.0, 6.0])
    write_table(table, CONTEXT | {"untrained": untrained}, tmp_path, tmp_path / "table")
    for end in ("md", "tex", "svg"):
        assert ("ntrained" in (tmp_path / f"table.{end}").read_text()) == untrained
        assert "tiny" in (tmp_path / f"table.{end}").read_text()
    cells = pd.read_csv(tmp_path / "table.csv")
    assert cells["untrained"].eq(untrained).all() and cells["scale"].eq("tiny").all()
