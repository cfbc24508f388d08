"""Archives that would fill the disk with names, the memory with headers, a folder with links to nowhere."""

import gzip
import io
import re
import tarfile
import tracemalloc

import pytest

from sepflow.corpora.unpack import unpack
from test_unpack import entry, link, put, refused, tar_of, zip_link, zip_of


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        ([link("x", "x")], "leads back to itself"),
        ([link("x", "./x")], "leads back to itself"),
        ([link("y", "x"), link("x", "y")], "leads back to itself"),
        ([link("x", "y/z"), link("y", "x")], "leads back to itself"),
        ([link("x", "")], "cannot be made"),
        ([link("x", "y" * 5000)], "cannot be made"),
        ([link("x", "x", tarfile.LNKTYPE)], "no file of the archive"),
        ([link("x", "y" * 5000, tarfile.LNKTYPE)], "cannot be made"),
    ],
)
def test_links_that_lead_nowhere_for_good_are_refused(out, bad, cause):
    for data in (tar_of(entry("a/f", b"1"), *bad), tar_of(*bad, entry("a/f", b"1"))):
        assert re.search(cause, message := refused(out, data)) and len(message) < 500


def test_links_to_themselves_in_a_zip_are_refused(out):
    assert "'x': a link to 'x' that cannot be made (a link that leads back" in refused(
        out, zip_link("x", "x"), "zip"
    )
    assert "'x': a link to 'yyy" in refused(out, zip_link("x", "y" * 5000), "zip")
    assert "damaged (embedded null byte)" in refused(out, zip_link("x", "a\0b"), "zip")


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("y" * 300, "a name that cannot be made"),
        ("y" * 100_000, "a name that cannot be made"),
        ("a/" * 63 + "b" * 300, "a name that cannot be made"),
        ("a/" * 2000 + "f", "2001 folders deep"),
    ],
)
@pytest.mark.parametrize("pack", [lambda name: tar_of(entry(name, b"1")), lambda name: zip_of({name: b"1"})])
def test_names_that_no_disk_takes_are_refused(out, name, cause, pack):
    if len(name) > 65535 and pack(name[:1])[:2] == b"PK":
        pytest.skip("a zip has no longer names")
    data = pack(name)
    message = refused(out, data, "zip" if data.startswith(b"PK") else "tar")
    assert cause in message and len(message) < 300


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("name", ["f{}", "d{}/", "a/b/c/d/{}"])
def test_many_empty_files_are_a_bomb_too(out, kind, name):
    names = [name.format(number) for number in range(400)]
    if kind == "tar":
        entries = (entry(x, type=tarfile.DIRTYPE if x.endswith("/") else tarfile.REGTYPE) for x in names)
        data = tar_of(*entries)
    else:
        data = zip_of(dict.fromkeys(names, b""))
    assert "more than 100000 bytes" in refused(out, data, kind, limit=100_000)
    unpack(put(out, data), kind, out, limit=2_000_000)
    assert len([path for path in out.rglob("*") if path.is_file() or name == "d{}/"]) == 400


def declared(kind, size):
    """A tar whose first header declares a long name, or attributes, of `size` zeros."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, size
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(size) + tar_of(entry("f", b"1")))


@pytest.mark.parametrize(
    "kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE]
)
def test_a_header_is_bounded_before_it_is_read(out, kind):
    data = declared(kind, 50_000_000)
    tracemalloc.start()
    assert "of names and attributes in a header" in refused(out, data, limit=10**9)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_headers_that_add_up_are_bounded_too(out):
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for number in range(20):
            info = tarfile.TarInfo(f"f{number}")
            header = info.create_pax_global_header({f"k{number}": "x" * 100_000})
            memory.write(header)
            tar.addfile(info)
    assert "of names and attributes in a header" in refused(out, memory.getvalue())
    chain = b"".join(tarfile.TarInfo.create_pax_global_header({"comment": "x"}) for _ in range(2000))
    assert "damaged" in refused(out, chain + tar_of(entry("f", b"1")))


def test_what_is_passed_over_or_stands_behind_the_end_is_bounded(out):
    over = gzip.compress(tar_of(entry("__MACOSX/x", bytes(30_000_000)), entry("f", b"1")))
    behind = gzip.compress(tar_of(entry("f", b"1")) + bytes(30_000_000))
    for data in (over, behind):
        assert "far beyond what the archive should" in refused(out, data, limit=1_000_000)
