"""Corpora fetched from a server that stalls, lies, drops the line, changes its files and serves pages."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

import server
from conftest import environment
from sepflow.corpora import catalogue, fetch, obtain, presence, transfer
from sepflow.corpora.catalogue import Archive, Corpus, Part
from sepflow.errors import SepflowError

HASTY = transfer.Patience(connect=2, stall=1, tries=2, wait=0, save=1, connections=1)
NOISE = os.urandom(3_000_000)


@pytest.fixture(autouse=True)
def aria2(monkeypatch):
    if shutil.which("aria2c") is None:
        pytest.fail("aria2c is not installed: apt-get install aria2")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site():
    with server.serving() as site:
        yield site


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data" / "toy"


def tarball(files, compress=1):
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(memory.getvalue(), compress, mtime=0)


TOY = {"Toy/README": b"about", "Toy/dev/a.wav": NOISE, "Toy/dev/b.wav": b"b"}
DATA = tarball(TOY)


def described(*urls, data=DATA, name="dev.tar.gz", checksum=True, exact=True, **changes):
    """An archive of the catalogue that says the truth about `data`."""
    digest = f"md5:{hashlib.md5(data).hexdigest()}" if checksum else None
    archive = Archive(name, urls, "tar", len(data) if exact else None, exact, None, digest)
    return replace(archive, **changes)


def corpus_of(*archives, expects=("Toy/dev",), name="dev", **changes):
    part = replace(Part(name, "", "free", archives, {"as published": expects}), **changes)
    return Corpus("toy", "Toy", "http://toy", "CC0", "all", "free", {name: part}, {}, instructions="Ask Ann.")


def go(root, *archives, patience=HASTY, said=None, **options):
    """Fetch a corpus of one part; what was said."""
    keys = {key: options.pop(key) for key in ("expects", "name", "to") if key in options}
    corpus = corpus_of(*archives, **keys)
    lines = [] if said is None else said
    part = next(iter(corpus.parts.values()))
    fetch.fetch_part(corpus, part, root, fetch.Options(patience=patience, say=lines.append, **options))
    return lines


def refused(root, *archives, **options):
    with pytest.raises(SepflowError) as error:
        go(root, *archives, **options)
    return str(error.value)


def tree(root):
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and ".sepflow" not in path.parts]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def journal(root):
    return {path.name for path in (root / ".sepflow").iterdir() if not path.name.endswith("lock")}


def test_a_part_comes_and_is_written_down(site, root):
    url = site.put("dev.tar.gz", DATA)
    said = go(root, described(url))
    assert tree(root) == TOY and journal(root) == {"dev.tar.gz.json", "dev.json"}
    record = json.loads((root / ".sepflow/dev.tar.gz.json").read_text())
    assert (record["url"], record["size"]) == (url, len(DATA))
    assert record["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert "3.0 MB" in said[0] and "CC0" in said[0]
    assert json.loads((root / ".sepflow/dev.json").read_text())["archives"] == ["dev.tar.gz"]


def test_a_second_time_nothing_is_asked_for(site, root):
    archive = described(site.put("x", DATA))
    go(root, archive)
    site.asked.clear()
    assert "there already" in go(root, archive)[-1] and site.asked == []
    # Removed by hand, it is fetched again.
    shutil.rmtree(root / "Toy/dev")
    go(root, archive)
    assert site.asked and tree(root) == TOY


def test_what_was_put_there_by_hand_is_left_alone(site, root):
    (root / "Toy/dev").mkdir(parents=True)
    (root / "Toy/dev/mine.wav").write_bytes(b"1")
    assert "there already" in go(root, described(site.put("x", DATA)))[-1]
    assert site.asked == [] and tree(root) == {"Toy/dev/mine.wav": b"1"}
    assert (root / ".sepflow/dev.json").exists()


def test_several_archives_are_one_part_and_go_on_one_by_one(site, root):
    more = tarball({"Toy/README": b"about", "Toy/dev/c.wav": b"c"})
    first = described(site.put("1", DATA), name="1.tar.gz")
    second = described(site.url("2"), data=more, name="2.tar.gz")
    assert "2.tar.gz" in refused(root, first, second)
    corpus = corpus_of(first, second)
    # What the part expects is there, but not all of it.
    assert presence.find_part(corpus.parts["dev"], root).state == "incomplete"
    site.put("2", more)
    go(root, first, second)
    assert tree(root) == TOY | {"Toy/dev/c.wav": b"c"} and len(site.starts("1")) == 1
    assert presence.find_part(corpus.parts["dev"], root).state == "there"


def test_plain_files_are_kept_as_they_are(site, root):
    archive = described(site.put("t", b"1 a b\n"), data=b"1 a b\n", name="trials.txt", kind="file")
    go(root, archive, expects=("lists/trials.txt",), to="lists")
    assert tree(root) == {"lists/trials.txt": b"1 a b\n"}


def test_archives_are_kept_on_demand(site, root):
    go(root, described(site.put("x", DATA)), keep_archives=True)
    assert (root / ".sepflow/dev.tar.gz").read_bytes() == DATA
    shutil.rmtree(root / "Toy")
    site.asked.clear()
    go(root, described(site.url("x")))
    assert tree(root) == TOY and site.asked == [] and journal(root) == {"dev.tar.gz.json", "dev.json"}


def test_redirects_are_followed(site, root):
    site.put("true", DATA)
    go(root, described(site.put("x", server.status(302, Location="/true"))))
    assert tree(root) == TOY


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (server.status(404), "no such file"),
        (server.status(403), "status 403"),
        (server.status(416), "status 416"),
        (server.status(401, WWW_Authenticate="Basic realm=x"), "password"),
        (server.status(503), "status 503"),
        (server.status(302, Location="/x"), "in a circle"),
        (server.stalling(DATA, 100_000), "nothing came for 1 s"),
        (server.lying(DATA[:1_000_000], len(DATA)), "bytes|broke|cannot go on"),
        (server.lying(DATA, len(DATA) - 500_000), r"2501\d\d\d bytes came, 3001\d\d\d were wanted"),
        (server.whole(b"<html><title>Log in</title></html>"), "a web page: .*Log in"),
        (server.whole(NOISE), "not a tar archive"),
        (server.whole(tarball({"Toy/dev/x": NOISE[::-1]})), "bytes came|has the md5"),
    ],
)
def test_what_comes_instead_is_said_and_a_mirror_helps(site, root, answer, words):
    bad = site.put("x", answer)
    message = refused(root, described(bad))
    assert bad in message and "dev.tar.gz (3.0 MB, md5:" in message and "Start again later" in message
    assert re.search(words, message), message
    assert tree(root) == {} and not (root / "Toy").exists()
    go(root, described(bad, site.put("mirror", DATA)))
    assert tree(root) == TOY and journal(root) == {"dev.tar.gz.json", "dev.json"}


@pytest.mark.parametrize("url", ["http://no.such.host.invalid/x", "http://127.0.0.1:9/x"])
def test_no_network(site, root, url):
    message = refused(root, described(url))
    assert url in message and ("no.such.host.invalid is not known" in message or "refused" in message)
    go(root, described(url, site.put("mirror", DATA)))
    assert tree(root) == TOY


def test_all_failures_are_told_together(site, root):
    message = refused(root, described(site.url("gone"), site.put("forbidden", server.status(403))))
    assert site.url("gone") in message and site.url("forbidden") in message and "404" in message


def test_the_mirror_to_begin_with_can_be_chosen(site, root):
    urls = [site.put("1", DATA), site.put("2", DATA)]
    go(root, described(*urls), mirror=2)
    assert not site.starts("1") and site.starts("2")
    message = refused(root.with_name("b"), described(*urls), mirror=3)
    assert all(f"{n}. {url}" in message for n, url in enumerate(urls, 1))


def test_a_line_that_drops_all_the_time_brings_it_at_last(site, root):
    go(root, described(site.put("x", server.whole(DATA, drop=200_000))))
    starts = [start for start in site.starts("x") if start]
    assert tree(root) == TOY and len(starts) > 10 and starts == sorted(starts) and starts[-1] > 2_500_000


def test_several_connections(site, root):
    hasty = replace(HASTY, connections=4)
    big = tarball({"Toy/dev/a.wav": os.urandom(60_000_000)}, compress=0)
    go(root, described(site.put("x", server.whole(big, piece=1 << 20)), data=big), patience=hasty)
    assert len(site.starts("x")) > 1 and (root / "Toy/dev/a.wav").stat().st_size == 60_000_000


def cut(site, root, name, data=DATA, **what):
    """Leave a transfer of `name` broken off after about a megabyte."""
    site.put(name, server.stalling(data, 1_000_000, wait=0))
    with pytest.raises(SepflowError):
        go(root, described(site.url(name), data=data, **what))
    assert (root / ".sepflow/dev.tar.gz.part").exists()
    site.asked.clear()


def went_on(site, name, least=500_000):
    """Whether only the rest was asked for. (aria2 first asks without a range, and hangs up.)"""
    starts = site.starts(name)
    return starts.count(0) <= 1 and min(filter(None, starts), default=0) > least


def test_a_broken_transfer_goes_on(site, root):
    cut(site, root, "x")
    go(root, described(site.put("x", DATA)))
    assert tree(root) == TOY and went_on(site, "x")


def test_a_broken_transfer_goes_on_at_a_mirror(site, root):
    cut(site, root, "x")
    site.put("x", server.status(404))
    go(root, described(site.url("x"), site.put("mirror", DATA)))
    assert tree(root) == TOY and went_on(site, "mirror")


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("length", ["same", "longer", "shorter"])
def test_a_file_that_changed_meanwhile_is_fetched_anew(site, root, checksum, length):
    other = {"same": NOISE[::-1], "longer": NOISE[::-1] + b"12345" * 999, "shorter": NOISE[:500_000]}[length]
    files = TOY | {"Toy/dev/a.wav": other}
    new = tarball(files)
    cut(site, root, "x", checksum=checksum, exact=checksum)
    go(root, described(site.put("x", new), data=new, checksum=checksum, exact=checksum))
    assert tree(root) == files


def test_a_mirror_that_serves_something_else_spoils_nothing(site, root):
    cut(site, root, "x")
    there = (root / ".sepflow/dev.tar.gz.part").stat().st_blocks
    site.put("x", server.status(503))
    message = refused(root, described(site.url("x"), site.put("page", b"<html>moved</html>")))
    assert "another length" in message and "is kept" in message
    assert (root / ".sepflow/dev.tar.gz.part").stat().st_blocks == there
    site.asked.clear()
    go(root, described(site.put("x", DATA)))
    assert tree(root) == TOY and went_on(site, "x")


def test_a_server_deaf_to_ranges_starts_from_the_beginning(site, root):
    cut(site, root, "x")
    go(root, described(site.put("x", server.lying(DATA, len(DATA)))))
    assert tree(root) == TOY


PROCESS = """
import sys
from pathlib import Path
from sepflow.corpora.catalogue import Archive
from test_fetch import go
go(Path(sys.argv[1]), Archive("dev.tar.gz", (sys.argv[2],), "tar"))
"""


def begun(root, url):
    """A fetch in a process of its own."""
    path = os.pathsep.join([str(Path(__file__).parent), environment()["PYTHONPATH"]])
    command = [sys.executable, "-c", PROCESS, str(root), url]
    return subprocess.Popen(command, env=environment() | {"PYTHONPATH": path})


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_killed_it_goes_on_where_it_was(site, root):
    url = site.put("x", server.whole(DATA, pause=0.05))  # about ten seconds
    process = begun(root, url)
    part = root / ".sepflow/dev.tar.gz.part"
    wait_for(lambda: part.exists() and part.stat().st_size > 800_000)
    wait_for(transfer.control_file(part).exists)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert tree(root) == {}
    site.put("x", DATA)
    site.asked.clear()
    # aria2c, left behind, ends by itself; until then the archive is its own.
    go(root, described(url, checksum=False, exact=False))
    assert tree(root) == TOY and went_on(site, "x", 200_000)


def test_killed_at_every_step_it_ends_the_same(site, root, monkeypatch):
    """Stop after each rename in turn; the next call must go on from there and transfer nothing twice."""

    class Killed(BaseException):
        pass

    steps, rename = 0, Path.replace
    while True:
        place = root / str(steps)
        (place / "Toy").mkdir(parents=True)  # of another part: so it is not one rename
        (place / "Toy/README").write_bytes(b"about")
        site.put("x", DATA)
        site.asked.clear()
        left = steps
        with monkeypatch.context() as patch:

            def counted(self, target):
                nonlocal left
                result = rename(self, target)
                left -= 1
                if left < 0:
                    raise Killed
                return result

            patch.setattr(Path, "replace", counted)
            with contextlib.suppress(Killed):
                go(place, described(site.url("x")))
                break
        go(place, described(site.url("x")))
        assert tree(place) == TOY and journal(place) == {"dev.tar.gz.json", "dev.json"}
        assert len(site.starts("x")) == 1, steps
        steps += 1
    assert steps > 6


def test_two_at_once_do_not_meet(site, root, monkeypatch):
    url = site.put("x", server.whole(DATA, pause=0.02))
    process = begun(root, url)
    wait_for((root / ".sepflow/dev.tar.gz.part").exists)
    monkeypatch.setattr("sepflow.corpora.journal.locked.__wrapped__.__defaults__", (0.3,))
    with pytest.raises(SepflowError, match="another sepflow is at it"):
        go(root, described(url, checksum=False, exact=False))
    assert process.wait() == 0 and tree(root) == TOY


def test_an_archive_that_leads_out_is_refused_and_nothing_is_put_in_place(site, root):
    evil = tarball({"Toy/dev/a": b"1", "../../evil": b"2"})
    for checksum in (True, False):
        message = refused(root, described(site.put("x", evil), data=evil, checksum=checksum))
        assert "'../../evil'" in message
        assert tree(root.parent) == {} and not (root / "Toy").exists()


def test_without_a_checksum_a_damaged_archive_is_tried_elsewhere(site, root):
    bad = bytearray(DATA)
    bad[len(bad) // 2] ^= 1
    urls = site.put("1", bytes(bad)), site.put("2", DATA)
    go(root, described(*urls, checksum=False))
    assert tree(root) == TOY
    assert json.loads((root / ".sepflow/dev.tar.gz.json").read_text())["url"] == urls[1]


def test_what_must_be_there_and_is_not_is_said_and_not_fetched_again(site, root):
    archive = described(site.put("x", DATA))
    message = refused(root, archive, expects=("Toy/train",))
    assert "Toy/train" in message and "expects" in message and not (root / ".sepflow/dev.json").exists()
    site.asked.clear()
    go(root, archive, expects=("Toy/dev",))
    assert site.asked == []


def test_a_file_that_is_there_is_not_written_over(site, root):
    (root / "Toy").mkdir(parents=True)
    (root / "Toy/README").write_bytes(b"mine")
    archive = described(site.put("x", DATA))
    assert "Toy/README" in refused(root, archive) and tree(root) == {"Toy/README": b"mine"}
    (root / "Toy/README").unlink()
    site.asked.clear()
    go(root, archive)
    assert tree(root) == TOY and site.asked == []


def test_room_is_looked_for_first(site, root, monkeypatch):
    usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 9_400_000))
    message = refused(root, described(site.put("x", DATA)))
    assert "9.5 MB are wanted" in message and "9.4 MB are free" in message and site.asked == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 9_600_000))
    go(root, described(site.url("x")))


@pytest.mark.parametrize(("size", "when"), [("2m", "transfer"), ("4m", "unpack")])
def test_a_disk_that_is_full_after_all(site, tmp_path, size, when):
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk]).returncode
    ):
        pytest.skip("only root can mount a small disk")
    try:
        archive = described(site.put("x", DATA), exact=False)
        message = refused(disk / "toy", archive)
        assert "no space left" in message and not (disk / "toy/Toy").exists()
        if when == "unpack":
            subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
            site.asked.clear()
            go(disk / "toy", archive)
            assert tree(disk / "toy") == TOY and site.asked == []
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_without_aria2c_it_is_said_how_to_get_it(site, root, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    message = refused(root, described(site.put("x", DATA)))
    assert "aria2c is not installed" in message and "apt-get install aria2" in message


def test_what_is_not_free_is_not_asked_for(site, root):
    corpus = corpus_of(expects=("x",), access="purchase")
    with pytest.raises(SepflowError, match="Ask Ann"):
        fetch.fetch_part(corpus, corpus.parts["dev"], root)
    assert site.asked == [] and not root.exists()


def test_sizes_are_readable():
    sizes = [None, 0, 999, 1234, 337_926_286, 10**12]
    assert [catalogue.readable(x) for x in sizes] == [
        "unknown",
        "0.0 kB",
        "1.0 kB",
        "1.2 kB",
        "337.9 MB",
        "1.0 TB",
    ]


def test_a_bomb_does_not_fill_the_disk(site, root, monkeypatch):
    bomb = tarball({"Toy/dev/zeros": bytes(80_000_000)}, compress=9)
    message = refused(root, described(site.put("x", bomb), data=bomb))
    assert (
        "'Toy/dev/zeros'" in message
        and f"{obtain.BOMB_LEAST} bytes" in message
        and not (root / "Toy").exists()
    )
