"""Files are whole or absent, several of them all or none, and nothing of a killed writer stays behind."""

import os
import subprocess
import sys
import time

import pytest

from conftest import environment
from sepflow import files
from sepflow.errors import SepflowError
from sepflow.files import replace_all, replacing, write_text

HOST = os.uname().nodename
KILLED = """
import os, signal, sys
from sepflow.files import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_while_writing(path):
    """A writer's temporary file, after it was killed."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment(), check=False)
    (left,) = path.parent.glob(f".{path.stem}.*")
    return left


def left_by(path, host, process, age=0.0):
    left = path.with_name(f".{path.stem}.{host}.{process}{path.suffix}")
    left.write_text("half")
    os.utime(left, (time.time() - age,) * 2)
    return left


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path):
    path = tmp_path / "last.ckpt"
    left = killed_while_writing(path)
    other = left_by(tmp_path / "lasting.ckpt", HOST, left.name.split(".")[-2])
    write_text(path, "whole")
    assert path.read_text() == "whole" and not left.exists()
    assert other.exists()  # of another target: the next writer of that removes it


@pytest.mark.parametrize(
    ("host", "process", "age", "stays"),
    [
        (HOST, os.getppid(), 0, True),  # alive
        (HOST, os.getppid(), 25 * 3600, False),  # a namesake of one that is long gone
        (HOST, 10**9, 0, False),
        ("elsewhere", 10**9, 0, True),  # who knows
        ("elsewhere.org", 10**9, 23 * 3600, True),
        ("elsewhere.org", 10**9, 25 * 3600, False),
        (HOST, 10**30, 0, False),
    ],
)
def test_only_what_is_nobodys_is_swept(tmp_path, host, process, age, stays):
    left = left_by(tmp_path / "a.b.csv", host, process, age)
    write_text(tmp_path / "a.b.csv", "whole")
    assert left.exists() == stays


@pytest.mark.parametrize("name", [".a.txt", ".a.host.txt", ".a.12.txt", ".a.host.12.csv", "a.host.12.txt"])
def test_what_only_looks_like_it_stays(tmp_path, name):
    (tmp_path / name).write_text("mine")
    os.utime(tmp_path / name, (0, 0))
    write_text(tmp_path / "a.txt", "whole")
    assert (tmp_path / name).read_text() == "mine"


def test_a_directory_is_listed_once_however_many_files(tmp_path, monkeypatch):
    before = files._temporaries.cache_info().misses
    for number in range(5):
        write_text(tmp_path / f"{number}.txt", "whole")
    assert files._temporaries.cache_info().misses == before + 1


def test_a_place_that_cannot_be_written_is_a_message(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "directory").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for place in ("file/x.txt", "file/y/x.txt", "directory", "loop/x.txt", "y" * 300):
        with pytest.raises(SepflowError, match=r"cannot be written \(.*What was there before is untouched"):
            write_text(tmp_path / place, "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory", "file", "loop"]


def test_errors_of_other_files_pass_through(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "x") as temporary:
        temporary.write_bytes((tmp_path / "no such input").read_bytes())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("there", [(), (0,), (0, 2)])
def test_several_files_are_placed_all_or_none(tmp_path, there):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    targets = [tmp_path / f"{number}.wav" for number in range(3)]
    new = [scratch / f"new{number}" for number in range(3)]
    for number, file in enumerate(new):
        file.write_text(f"new {number}")
    for number in there:
        targets[number].write_text(f"old {number}")
    targets[1].mkdir()
    (targets[1] / "precious").write_text("mine")
    with pytest.raises(OSError, match="directory"):
        replace_all(new, targets, scratch)
    found = {path.name: path.read_text() for path in targets if path.is_file()}
    assert found == {f"{number}.wav": f"old {number}" for number in there}
    assert (targets[1] / "precious").read_text() == "mine"
    (targets[1] / "precious").unlink()
    targets[1].rmdir()
    for number, file in enumerate(new):
        file.write_text(f"new {number}")
    replace_all(new, targets, scratch)
    assert [path.read_text() for path in targets] == ["new 0", "new 1", "new 2"]
