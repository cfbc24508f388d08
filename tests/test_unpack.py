"""Archives unpacked: what is whole and honest comes out, all else is refused and leaves nothing behind."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile

import pytest

from sepflow.corpora.unpack import check_kind, place, unpack, unpack_nested
from sepflow.errors import SepflowError

NOISE = os.urandom(200_000)
LIMIT = 10**7


def entry(name, data=b"", **what):
    """A tar's entry: (header, data)."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in what.items():
        setattr(info, key, value)
    return info, data


def link(name, target, kind=tarfile.SYMTYPE):
    return entry(name, type=kind, linkname=target)


def tar_of(*entries, end=True):
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
        length = tar.offset
    return memory.getvalue() if end else memory.getvalue()[:length]


def zip_of(members, compression=zipfile.ZIP_DEFLATED):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return memory.getvalue()


def zip_link(name, target):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as file:
        file.writestr(info, target)
    return memory.getvalue()


def tree(root):
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def put(out, data):
    path = out.with_name("archive")
    path.write_bytes(data)
    return path


def refused(out, data, kind="tar", limit=LIMIT):
    with pytest.raises(SepflowError) as error:
        unpack(put(out, data), kind, out, limit)
    assert not out.exists() and sorted(p.name for p in out.parent.iterdir()) == ["archive"]
    return str(error.value)


FILES = {"a/one.wav": NOISE, "a/b/two.wav": b"2" * 1000, "three.txt": b""}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_tar_comes_out_as_it_went_in(out, pack):
    data = pack(tar_of(entry("./a", type=tarfile.DIRTYPE), *(entry(f"./{k}", v) for k, v in FILES.items())))
    check_kind(put(out, data), "tar")
    unpack(put(out, data), "tar", out, LIMIT)
    assert tree(out) == FILES


def test_a_zip_comes_out_as_it_went_in_less_what_a_mac_adds(out):
    data = zip_of(FILES | {"__MACOSX/._one.wav": b"x", "a/.DS_Store": b"x", "empty/": b""})
    check_kind(put(out, data), "zip")
    unpack(put(out, data), "zip", out, LIMIT)
    assert tree(out) == FILES and (out / "empty").is_dir()


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "a/..", ".sepflow/x.json"])
def test_no_name_leads_out(out, name):
    assert repr(name) in refused(out, tar_of(entry("good", b"1"), entry(name, b"x")))
    assert repr(name) in refused(out, zip_of({"good": b"1", name: b"x"}), "zip")


@pytest.mark.parametrize(
    "bad",
    [
        link("x", "/etc/passwd"),
        link("x", "../secret"),
        link("x", "a/../../secret"),
        link("x", "../archive", tarfile.LNKTYPE),
        link("x", "/etc/passwd", tarfile.LNKTYPE),
        link("x", "nothing", tarfile.LNKTYPE),
        entry("x", type=tarfile.FIFOTYPE),
        entry("x", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        entry("x", type=tarfile.BLKTYPE),
    ],
)
def test_links_to_the_outside_and_devices_are_refused_by_name(out, bad):
    assert "'x'" in refused(out, tar_of(entry("a/f", b"1"), bad))


@pytest.mark.parametrize("order", [1, -1])
def test_links_over_links_lead_nowhere_else(out, order):
    # Read without following: d/e/secret. In truth, once d/e/x is a link to the top: one above it.
    links = [link("d/e/x", "../.."), link("y", "d/e/x/../secret")]
    assert "'y'" in refused(out, tar_of(entry("d/e/f", b"1"), *links[::order]))


def test_nothing_is_written_through_a_link(out):
    victim = out.parent / "victim"
    victim.mkdir()
    data = tar_of(link("x", str(victim)), entry("x/evil", b"1"))
    with pytest.raises(SepflowError, match="'x'"):
        unpack(put(out, data), "tar", out, LIMIT)
    assert not list(victim.iterdir()) and not out.exists()
    # A link inside, written through: the name of a link is no folder.
    victim.rmdir()
    refused(out, tar_of(entry("a/f", b"1"), link("x", "a"), entry("x/g", b"1")))


def test_links_that_stay_inside_are_made(out):
    unpack(
        put(
            out,
            tar_of(
                entry("a/f", b"1"),
                link("b/to", "../a/f"),
                link("dir", "a"),
                link("h", "a/f", tarfile.LNKTYPE),
            ),
        ),
        "tar",
        out,
        LIMIT,
    )
    assert (out / "b/to").is_symlink() and (out / "b/to").read_bytes() == b"1"
    assert (out / "dir/f").read_bytes() == b"1" and (out / "h").read_bytes() == b"1"


def test_links_of_a_zip(out):
    assert "'x'" in refused(out, zip_link("x", "../../etc"), "zip")
    unpack(put(out, zip_link("x", "y")), "zip", out, LIMIT)
    assert str((out / "x").readlink()) == "y"


@pytest.mark.parametrize("names", [["a", "a"], ["a/b", "a"], ["a", "a/b"], ["./a", "a"]])
def test_a_name_stands_once(out, names):
    assert "stands twice" in refused(out, tar_of(*(entry(name, b"1") for name in names)))


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_bomb_is_stopped_on_its_way(out, kind):
    zeros = bytes(50_000_000)
    data = gzip.compress(tar_of(entry("bomb", zeros))) if kind == "tar" else zip_of({"bomb": zeros})
    assert len(data) < 100_000
    message = refused(out, data, kind, limit=2_000_000)
    assert "'bomb'" in message and "2000000 bytes" in message


def test_many_small_files_are_a_bomb_too(out):
    data = gzip.compress(tar_of(*(entry(f"f{i}", bytes(10_000)) for i in range(50))))
    assert "'f19'" in refused(out, data, limit=200_000)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_tar_cut_anywhere_is_refused(out, pack):
    data = pack(tar_of(*(entry(f"f{i}", NOISE[:5000]) for i in range(10))))
    for length in [*range(1, len(data) - 1, len(data) // 23), len(data) - 1, len(data) - 4]:
        assert "cut short or damaged" in refused(out, data[:length])


def test_a_plain_tar_cut_anywhere_is_refused(out):
    entries = [entry(f"f{i}", NOISE[:1000]) for i in range(5)]
    end = len(tar_of(*entries, end=False))
    for length in range(512, end + 1, 256):
        assert "cut short or damaged" in refused(out, tar_of(*entries)[:length])


def test_a_broken_header_half_way_is_not_taken_for_the_end(out):
    data = bytearray(tar_of(*(entry(f"f{i}", NOISE[:1000]) for i in range(5))))
    at = data.index(b"f3\0")
    data[at + 148 : at + 156] = b"7777777\0"  # its checksum
    assert "cut short or damaged" in refused(out, bytes(data))
    assert "cut short or damaged" in refused(out, gzip.compress(bytes(data)))


def test_a_flipped_bit_is_seen(out):
    for data, kind in [
        (gzip.compress(tar_of(entry("f", NOISE))), "tar"),
        (zip_of({"f": NOISE}), "zip"),
        (zip_of({"f": NOISE}, zipfile.ZIP_STORED), "zip"),
    ]:
        broken = bytearray(data)
        broken[len(data) // 2] ^= 16
        assert "cut short or damaged" in refused(out, bytes(broken), kind)


def test_a_zip_cut_short_is_refused(out):
    data = zip_of(FILES)
    for length in range(10, len(data), len(data) // 17):
        assert "cut short or damaged" in refused(out, data[:length], "zip")


def test_an_encrypted_zip_is_refused(out):
    data = bytearray(zip_of({"f": b"12345"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refused(out, bytes(data), "zip")


@pytest.mark.parametrize("kind", ["tar", "zip", "file"])
def test_a_web_page_is_no_archive(tmp_path, kind):
    page = tmp_path / "page"
    page.write_bytes(b"\n <!DOCTYPE html><html><title>Please log in</title>")
    with pytest.raises(SepflowError, match="a web page: .*Please log in"):
        check_kind(page, kind)


@pytest.mark.parametrize(("kind", "start"), [("tar", b"PK\x03\x04"), ("zip", b"\x1f\x8b"), ("tar", b"RIFF")])
def test_another_kind_of_file_is_no_archive(tmp_path, kind, start):
    path = tmp_path / "x"
    path.write_bytes(start + NOISE[:1000])
    with pytest.raises(SepflowError, match=f"not a {kind} archive"):
        check_kind(path, kind)
    check_kind(path, "file")


def test_archives_inside_are_unpacked_where_they_lie(out):
    inner = {n: gzip.compress(tar_of(entry(f"train/{n}/x.wav", n.encode()))) for n in ("S1", "S2")}
    unpack(put(out, tar_of(*(entry(f"d/wav/{n}.tar.gz", x) for n, x in inner.items()))), "tar", out, LIMIT)
    unpack_nested(out, "d/wav/*.tar.gz", LIMIT)
    assert tree(out) == {"d/wav/train/S1/x.wav": b"S1", "d/wav/train/S2/x.wav": b"S2"}
    assert [p.name for p in (out / "d/wav").iterdir()] == ["train"]


def fill(root, files):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def test_two_parts_share_a_folder(tmp_path):
    here = fill(tmp_path / "new", {"L/README": b"same", "L/dev/1": b"1", "L/dev/2": b"2"})
    there = fill(tmp_path / "there", {"L/README": b"same", "L/test/1": b"3"})
    place(here, there)
    assert tree(there) == {"L/README": b"same", "L/dev/1": b"1", "L/dev/2": b"2", "L/test/1": b"3"}
    assert not here.exists()


def test_nothing_is_written_over_and_then_nothing_is_moved(tmp_path):
    here = fill(tmp_path / "new", {"L/README": b"mine", "L/dev/1": b"1"})
    there = fill(tmp_path / "there", {"L/README": b"ours"})
    before = tree(tmp_path)
    with pytest.raises(SepflowError, match="L/README"):
        place(here, there)
    assert tree(tmp_path) == before
    (there / "L/README").unlink()
    place(here, there)
    assert tree(there) == {"L/README": b"mine", "L/dev/1": b"1"}


def test_a_zip_whose_beginning_is_missing_is_damaged(out):
    assert "cut short or damaged" in refused(out, zip_of(FILES)[20:], "zip")
