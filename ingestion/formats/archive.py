"""An archive to its files, within limits that a bomb runs into before memory does."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

from app.core.errors import PermanentError
from app.core.types import Member
from ingestion.formats import kinds
from ingestion.formats.members import safe_name, safe_path, unique

MAX_MEMBERS = 10_000
MAX_UNPACKED = 500_000_000
"""Bytes that an archive may unpack to."""

_RATIO = 100  # text packs to a tenth, seldom to a fiftieth
_FREE_OF_RATIO = 50_000_000  # bytes that any archive may unpack to, however well they packed
_BLOCK = 1 << 20
_TAR_NAME = re.compile(r"\.(?:tgz|tbz2?|txz|tar\.[a-z0-9]+)$")
_OPEN: dict[str, Any] = {
    kinds.GZIP: gzip.open,
    kinds.BZIP2: bz2.open,
    kinds.XZ: lzma.open,
}
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError,
    ValueError,
)  # fmt: skip


def unpack(data: bytes, name: str, kind: str, *, max_unpacked: int = MAX_UNPACKED) -> list[Member]:
    """The files in an archive, by their paths in it.

    Folders, links, devices, hidden files and paths that lead out of the archive are passed
    over. A compressed single file has one member.

    Args:
        data: The archive.
        name: Its file name, which tells a compressed tar from a compressed file.
        kind: Its MIME type, of `kinds.ARCHIVES`.
        max_unpacked: Most bytes of all its files together.

    Raises:
        PermanentError: It is damaged, encrypted, of a kind that is not read, holds no
            file, or unpacks to more than is allowed.
    """
    budget = _Budget(len(data), max_unpacked)
    try:
        members = unique(_entries(data, name, kind, budget))
    except NotImplementedError as error:
        raise PermanentError(
            "it is packed in a way that is not read", hint="pack it anew"
        ) from error
    except _BROKEN as error:
        raise PermanentError(
            "it is damaged, or not what its name says", hint="pack it anew"
        ) from error
    if not members:
        raise PermanentError("no file is in it", hint="remove it, or fill it")
    return members


def _entries(data: bytes, name: str, kind: str, budget: _Budget) -> Iterator[tuple[str, bytes]]:
    if kind == kinds.ZIP:
        return _zip(data, budget)
    if kind == kinds.TAR:
        return _tar(data, budget)
    if kind not in _OPEN:
        raise PermanentError("this kind of archive is not read", hint="pack it as zip or tar.gz")
    with _OPEN[kind](io.BytesIO(data)) as stream:
        content = budget.read(stream)
    if _TAR_NAME.search(name.lower()):
        return _tar(content, _Budget(len(content), budget.left + len(content)))
    stem = name.rsplit(".", 1)[0] if "." in name else name
    return iter([(safe_name(stem, "content"), content)])


def _zip(data: bytes, budget: _Budget) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            budget.count()
            path = safe_path(_zip_name(entry))
            mode = entry.external_attr >> 16
            if entry.is_dir() or not path or stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                continue
            if entry.flag_bits & 1:
                raise PermanentError(
                    f"a file in it, {path}, is protected by a password", hint="pack it without one"
                )
            with archive.open(entry) as stream:
                yield path, budget.read(stream)


def _zip_name(entry: zipfile.ZipInfo) -> str:
    """Many programs write UTF-8 without saying so, and it is then read as code page 437."""
    if not entry.flag_bits & 0x800:
        try:
            return entry.filename.encode("cp437").decode()
        except UnicodeError:
            pass
    return entry.filename


def _tar(data: bytes, budget: _Budget) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for entry in archive:
            budget.count()
            path = safe_path(entry.name.encode(errors="surrogateescape").decode(errors="replace"))
            stream = archive.extractfile(entry) if entry.isfile() and path else None
            if stream:
                yield path, budget.read(stream)


class _Budget:
    """What an archive of a given size may still unpack to."""

    def __init__(self, packed: int, most: int) -> None:
        self.left = min(most, max(_FREE_OF_RATIO, _RATIO * packed))
        self._members = 0

    def count(self) -> None:
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise PermanentError(
                f"more than {MAX_MEMBERS} files are in it", hint="split it, or unpack it"
            )

    def read(self, stream: IO[bytes]) -> bytes:
        """All of a stream; its stated size, which may lie, is not asked."""
        blocks: list[bytes] = []
        while block := stream.read(_BLOCK):
            self.left -= len(block)
            if self.left < 0:
                raise PermanentError(
                    "it unpacks to more than is allowed", hint="split it, or unpack it"
                )
            blocks.append(block)
        return b"".join(blocks)
