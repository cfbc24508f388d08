"""YAML files that are none: each is one message with its file, quickly, and no traceback."""

import os
import subprocess
import sys
import time

import pytest

from conftest import ROOT, environment
from sepflow.errors import SepflowError
from sepflow.files import config

NINES = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 8))
WRONG = {  # content: what its message says
    "title: é".encode("latin-1"): "line 1: not UTF-8",
    b"a: 1\nb: caf\xe9": "line 2: not UTF-8",
    "scale: demo".encode("utf-16"): "line 1: not UTF-8",
    "scale: demo".encode("utf-16-le"): "not valid YAML",
    b"a: \0": "not valid YAML",
    b"": "is empty",
    b"# nothing\n": "is empty",
    b"- 1\n- 2\n": "holds a list",
    b"12": "holds a int",
    b"a: 1\n---\nb: 2\n": "not valid YAML",
    b"a: 1\n? [a, b]\n: 3\n": "a key must be a string, not a sequence.*line 2",
    b"? {a: b}\n: 3\n": "a key must be a string, not a mapping",
    b"1: 3\n": "a key must be a string, not '1'",
    b"yes: 3\n": "a key must be a string, not 'yes'",
    b"~: 3\n": "a key must be a string",
    b"a: {b: 1, b: 2}": "'b' stands twice",
    b"a: 1\nb: .nan": "'.nan' is no number.*line 2",
    b"a: [-.inf]": "'-.inf' is no number",
    b"a: 1e400": "'1e400' is no number",
    b"a: " + b"9" * 5000: "'9{36} ...' is no value",
    b"a: " + b"9" * 4000: "'9{36} ...' is no number",
    b"a: " + b"9" * 5000 + b".0": "is no number",
    b"a: !!int x": "'x' is no value",
    b"a: !!timestamp 2021-99-99": "not valid YAML",
    b"a: !!set {b, c}": "not valid YAML",
    b"a: !!binary aGVsbG8=": "not valid YAML",
    b"a: !!python/name:os.system": "not valid YAML",
    b"a: &a [*a]": "values, aliases written out",
    b"a: &a {<<: *a}": "values, aliases written out",
    b"a: *b": "not valid YAML",
    b"a0: &a0 [" + b", ".join([b"x"] * 9) + b"]\n" + NINES.encode(): "values, aliases written out",
    b"a: " + b"[" * 100_000: "50 deep, line 1",
    b"a: " + b"[" * 200 + b"]" * 200: "deep",
    b"a: " + b"x" * 11_000_000: "11000003 bytes",
}


@pytest.mark.parametrize("number", ["017", "-010", "1:30", "1:30.5", "190:20:30"])
def test_a_number_is_what_it_looks_like_or_none(tmp_path, number):
    (path := tmp_path / "x.yaml").write_text(f"a: {number}\nb: 10\nc: 0.5\nd: 1e-3\ne: -7\nf: 0\n")
    assert config.parse(path) == {"a": number, "b": 10, "c": 0.5, "d": 0.001, "e": -7, "f": 0}


@pytest.mark.parametrize("content", WRONG, ids=lambda content: content[:24].decode("latin-1"))
def test_a_file_that_is_no_mapping_is_one_message(tmp_path, content):
    (path := tmp_path / "x.yaml").write_bytes(content)
    begun = time.perf_counter()
    with pytest.raises(SepflowError, match=f"(?s){path}: .*{WRONG[content]}") as caught:
        config.parse(path)
    assert time.perf_counter() - begun < 5 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"\xef\xbb\xbfa: 1", {"a": 1}),  # a byte order mark
        (b"a: 1e-3\nb: 2.5e2\nc: -3", {"a": 0.001, "b": 250.0, "c": -3}),
        (b"a: 2021-99-99\nb: 2021-09-09", {"a": "2021-99-99", "b": "2021-09-09"}),
        (b"a: &a {b: 1}\nc: {<<: *a, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: é\nb: ~".encode(), {"a": "é", "b": None}),
        (b'{"a": [true, null, 1.5]}', {"a": [True, None, 1.5]}),
    ],
)
def test_what_is_written_is_read(tmp_path, content, value):
    (path := tmp_path / "x.yaml").write_bytes(content)
    assert config.parse(path) == value


def test_what_is_no_file_is_neither_read_nor_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "directory.yaml").mkdir()
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    for name, said in {
        "fifo.yaml": "no file, but a device or pipe",
        "loop.yaml": "Too many levels of symbolic links",
        "directory.yaml": "no file, but a directory",
        "dangling.yaml": "No such file",
        "x" * 5000: "no such file",
        "nought\0.yaml": "no such file",
        "none.yaml": "no such file. There are: dangling, directory, fifo, loop",
    }.items():
        with pytest.raises(SepflowError, match=said):
            config.parse(tmp_path / name)


@pytest.mark.parametrize("words", [["plan"], ["train", "config/config.yaml", "--out", "x"]])
def test_the_commands_say_it_in_a_line(checkout, words):
    (checkout.root / "config/config.yaml").write_bytes("scale: demo # é".encode("latin-1"))
    done = subprocess.run(
        [sys.executable, "-m", "sepflow", *words],
        cwd=checkout.root,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_every_file_of_the_checkout_is_read():
    paths = list((ROOT / "config").rglob("*.yaml"))
    assert len(paths) > 25 and all(config.parse(path) for path in paths)
