"""Archives: every file in them comes out whole, and none of them brings the reader down."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import PermanentError
from ingestion.formats import archive
from ingestion.parse import parse

Pack = Callable[[Mapping[str, bytes]], bytes]
PART = st.from_regex(r"[a-zA-Z0-9ä東 ~-][a-zA-Z0-9ä東 ._~-]{0,20}", fullmatch=True)
FILES = st.dictionaries(
    st.lists(PART, min_size=1, max_size=3).map("/".join), st.binary(max_size=300), min_size=1
)


def packed_zip(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return packed.getvalue()


def packed_tar(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as made:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


KINDS: dict[str, Pack] = {
    "a.zip": packed_zip,
    "a.tar": packed_tar,
    "a.tar.gz": lambda files: gzip.compress(packed_tar(files)),
    "a.tgz": lambda files: gzip.compress(packed_tar(files)),
    "a.tar.bz2": lambda files: bz2.compress(packed_tar(files)),
    "a.tar.xz": lambda files: lzma.compress(packed_tar(files)),
}


def members(name: str, data: bytes) -> dict[str, bytes]:
    return {member.name: member.data for member in parse(data, f"/x/{name}").members}


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=25)
@given(files=FILES)
def test_files_come_out_byte_for_byte(name: str, files: dict[str, bytes]) -> None:
    assert members(name, KINDS[name](files)) == files


def test_an_archive_is_a_list_of_what_is_in_it() -> None:
    document = parse(packed_zip({"sub/b.md": b"b", "a.txt": b"a"}), "/x/share.zip")
    assert document.title == "share.zip"
    assert document.text == "# share.zip\n\n- sub/b.md\n- a.txt\n"


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("notes.md.gz", gzip.compress),
        ("notes.md.bz2", bz2.compress),
        ("notes.md.xz", lzma.compress),
    ],
)
def test_a_compressed_file_has_its_content_as_its_one_member(
    name: str, pack: Callable[[bytes], bytes]
) -> None:
    assert members(name, pack(b"# Notes")) == {"notes.md": b"# Notes"}


@pytest.mark.parametrize("kind", ["a.zip", "a.tar"])
def test_what_would_leave_the_archive_or_is_hidden_is_passed_over(kind: str) -> None:
    names = ["../up.txt", "/etc/passwd", "a/../../up.txt", "C:/w.txt", ".git/config", "a/.env",
             "__MACOSX/._b.txt"]  # fmt: skip
    files = dict.fromkeys([*names, "dir/ok.txt"], b"x")
    assert members(kind, KINDS[kind](files)).keys() == {"dir/ok.txt"}


def test_links_and_devices_are_passed_over() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as made:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            entry = tarfile.TarInfo(f"link{kind!r}.txt")
            entry.type, entry.linkname = kind, "/etc/passwd"
            made.addfile(entry)
        entry = tarfile.TarInfo("ok.txt")
        entry.size = 2
        made.addfile(entry, io.BytesIO(b"ok"))
    assert members("a.tar", packed.getvalue()) == {"ok.txt": b"ok"}

    link = zipfile.ZipInfo("link.txt")
    link.external_attr = 0o120777 << 16
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as also:
        also.writestr(link, "/etc/passwd")
        also.writestr("ok.txt", b"ok")
    assert members("a.zip", zipped.getvalue()) == {"ok.txt": b"ok"}


def test_a_name_in_utf_8_that_the_archive_does_not_declare_is_read_right() -> None:
    data = packed_zip({"Xber.txt": b"1"}).replace(b"Xber", "Übr".encode())
    assert members("a.zip", data) == {"Übr.txt": b"1"}


def test_a_name_of_an_old_program_is_read_in_its_code_page() -> None:
    data = packed_zip({"Xber.txt": b"1"}).replace(b"Xber", b"\x9aber")
    assert members("a.zip", data) == {"Über.txt": b"1"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_both_kept() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("a.txt", b"1")
        made.writestr("a.txt", b"2")
    assert members("a.zip", packed.getvalue()) == {"a.txt": b"1", "a (2).txt": b"2"}


def test_a_name_cannot_pass_for_a_file_within_a_file() -> None:
    assert "sub/b.md" in members("a.zip", packed_zip({"sub!/b.md": b"x"}))


def _encrypted(files: Mapping[str, bytes], name: str) -> bytes:
    """The archive with one entry marked as encrypted, in its header and in the directory."""
    data = bytearray(packed_zip(files))
    for mark, flags, names in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        at = data.find(mark)
        while at >= 0:
            if data[at + names :].startswith(name.encode()):
                data[at + flags] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.zip", _encrypted({"a.txt": b"1", "pay.txt": b"2"}, "pay.txt"), "pay.txt, is protected"),
        ("a.zip", packed_zip({}), "no file is in it"),
        ("a.zip", packed_zip({".hidden": b"x"}), "no file is in it"),
        ("a.zip", packed_zip({"a.txt": b"x" * 999})[:-40], "damaged"),
        ("a.tar.gz", gzip.compress(packed_tar({"a": b"x" * 99}))[:-30], "damaged"),
        ("a.tar.xz", b"words", "damaged"),
        ("a.tar", b"words" * 999, "damaged"),
        ("a.tar", packed_tar({"a.txt": b"x" * 5000})[:1500], "damaged"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(99), "this kind of archive is not read"),
        ("a.rar", b"Rar!" + bytes(99), "this kind of archive is not read"),
        ("a.zip", packed_zip({"zeros": bytes(60_000_000)}), "unpacks to more than is allowed"),
        ("a.gz", gzip.compress(bytes(60_000_000)), "unpacks to more than is allowed"),
    ],
)  # fmt: skip
def test_what_cannot_be_unpacked_is_refused_with_the_reason(
    name: str, data: bytes, reason: str
) -> None:
    with pytest.raises(PermanentError) as refused:
        parse(data, name)
    assert reason in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize("name", KINDS)
def test_all_files_together_stay_within_the_limit(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = KINDS[name]({"a": bytes(40_000), "b": bytes(40_000)})
    kind = parse(data, name).mime_type
    assert len(archive.unpack(data, name, kind, max_unpacked=200_000)) == 2
    with pytest.raises(PermanentError, match="more than is allowed"):
        archive.unpack(data, name, kind, max_unpacked=60_000)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 1)
    with pytest.raises(PermanentError, match="more than 1 files"):
        parse(data, name)


@settings(max_examples=60)
@given(data=st.binary(max_size=400), name=st.sampled_from([*KINDS, "a.gz"]), cut=st.integers(0, 99))
def test_no_bytes_bring_the_reader_down(data: bytes, name: str, cut: int) -> None:
    whole = KINDS.get(name, KINDS["a.tar.gz"])({"a.txt": data, "b.txt": b"b"})
    for broken in (data or b"x", whole[cut:], whole[: -1 - cut], whole[:cut] + data + whole[cut:]):
        try:
            parse(broken, name)
        except PermanentError as error:
            assert error.message and error.hint
