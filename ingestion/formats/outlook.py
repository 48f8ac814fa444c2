"""An Outlook message (.msg) to a message in RFC 5322 form, so that one reader reads both.

[MS-OXMSG]: a message is a folder of a compound file. A property of varying length is a
stream of its own, named by tag and type; the short ones share a table.
"""

from __future__ import annotations

import codecs
import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import HeaderParser
from email.utils import format_datetime, formataddr
from typing import Any

from ingestion.formats.encoding import decode

_TABLE = "__properties_version1.0"
_ATTACHMENT = "__attach_version1.0_#"
_TOP, _EMBEDDED, _OBJECT = 32, 24, 8  # bytes in front of the table of each kind of folder
_TEXT, _TEXT_8BIT, _BINARY, _FOLDER = 0x001F, 0x001E, 0x0102, 0x000D
_DEEPEST = 8
Streams = Mapping[tuple[str, ...], bytes]
"""The streams of a compound file by their paths in it."""

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)

_SUBJECT, _HEADERS, _SENT = 0x0037, 0x007D, 0x0039
_SENDER, _SENDER_SMTP, _SENDER_ADDRESS = 0x0C1A, 0x5D01, 0x0C1F
_TO, _CC = 0x0E04, 0x0E03
_BODY, _HTML = 0x1000, 0x1013
_DATA, _SHORT_NAME, _LONG_NAME, _MIME_TYPE, _CONTENT_ID = 0x3701, 0x3704, 0x3707, 0x370E, 0x3712
_DISPLAY_NAME, _PLACE = 0x3001, 0x3714
_IN_BODY = 4  # of _PLACE
_CODE_PAGES = (0x3FFD, 0x3FDE)  # of the strings; of the body


def from_bytes(data: bytes) -> EmailMessage:
    """The message with its headers, bodies and attachments.

    Raises:
        ValueError: It is no Outlook message.
    """
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            streams = {tuple(path): file.openstream(path).read() for path in file.listdir()}
    except (OSError, IndexError, struct.error) as error:  # as the library says it
        raise ValueError("no compound file") from error
    return from_streams(streams)


def from_streams(streams: Streams) -> EmailMessage:
    """The message in an opened compound file. Raises ValueError if there is none."""
    if (_TABLE,) not in streams:
        raise ValueError("no message in it")
    return _message(_Folder(streams, (), _TOP))


@dataclass(frozen=True)
class _Folder:
    """The properties below one place of the file."""

    streams: Streams
    place: tuple[str, ...]
    header: int

    def text(self, *tags: int) -> str:
        """The first of the properties that says something."""
        for tag in tags:
            found = self._stream(tag, _TEXT).decode("utf-16-le", errors="replace")
            found = found or _decoded(self._stream(tag, _TEXT_8BIT), self._code_page())
            if found.strip("\x00 "):
                return found.replace("\x00", "").replace("\r\n", "\n")
        return ""

    def binary(self, tag: int) -> bytes:
        return self._stream(tag, _BINARY)

    def number(self, tag: int) -> int:
        """A property of at most eight bytes, 0 without it."""
        table = self.streams.get((*self.place, _TABLE), b"")
        for at in range(self.header, len(table) - 15, 16):
            (found,) = struct.unpack_from("<H", table, at + 2)
            if found == tag:
                return int.from_bytes(table[at + 8 : at + 16], "little")
        return 0

    def html(self) -> str:
        raw = self.binary(_HTML)
        return _decoded(raw, _page(self.number(_CODE_PAGES[1]))) if raw else self.text(_HTML)

    def attachments(self) -> list[_Folder]:
        depth = len(self.place)
        names = {
            path[depth]
            for path in self.streams
            if path[:depth] == self.place and path[depth].startswith(_ATTACHMENT)
        }
        return [_Folder(self.streams, (*self.place, name), _OBJECT) for name in sorted(names)]

    def message(self) -> _Folder | None:
        """The message that an attachment is, if it is one."""
        place = (*self.place, _stream_name(_DATA, _FOLDER))
        known = (*place, _TABLE) in self.streams and len(place) < 2 * _DEEPEST
        return _Folder(self.streams, place, _EMBEDDED) if known else None

    def _stream(self, tag: int, kind: int) -> bytes:
        return self.streams.get((*self.place, _stream_name(tag, kind)), b"")

    def _code_page(self) -> str:
        return next((page for page in map(_page, map(self.number, _CODE_PAGES)) if page), "")


def _stream_name(tag: int, kind: int) -> str:
    return f"__substg1.0_{tag:04X}{kind:04X}"


def _page(number: int) -> str:
    name = {65001: "utf-8", 20127: "ascii", 28591: "latin-1"}.get(number & 0xFFFF, f"cp{number}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding or "utf-8")
    except UnicodeError:
        return decode(data) if data.strip() else ""


def _message(folder: _Folder) -> EmailMessage:
    message = EmailMessage()
    sent = HeaderParser().parsestr(folder.text(_HEADERS))
    headers = {
        "Subject": folder.text(_SUBJECT),
        "From": str(sent["from"] or "") or _sender(folder),
        "To": str(sent["to"] or "") or _listed(folder.text(_TO)),
        "Cc": str(sent["cc"] or "") or _listed(folder.text(_CC)),
        "Date": str(sent["date"] or "") or _date(folder.number(_SENT)),
    }
    for name, value in headers.items():
        if value.strip():
            message.set_raw(name, " ".join(value.split()))
    message.set_content(folder.text(_BODY))
    html = folder.html()
    if html:
        message.add_alternative(html, subtype="html")
    for attachment in folder.attachments():
        _attach(message, attachment)
    return message


def _sender(folder: _Folder) -> str:
    name, address = folder.text(_SENDER), folder.text(_SENDER_SMTP, _SENDER_ADDRESS)
    if "@" not in address:  # an address within one Exchange server says nothing to a reader
        return name
    return formataddr((name, address)) if address.isascii() else f"{name} <{address}>"


def _listed(names: str) -> str:
    return ", ".join(name.strip() for name in names.split(";") if name.strip())


def _date(ticks: int) -> str:
    if not ticks:
        return ""
    try:
        return format_datetime(_EPOCH + timedelta(microseconds=ticks // 10))
    except OverflowError:
        return ""


def _attach(message: EmailMessage, attachment: _Folder) -> None:
    name: Any = attachment.text(_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME) or None
    inner = attachment.message()
    if inner is not None:
        message.add_attachment(_message(inner), filename=name)
        return
    main, _, sub = attachment.text(_MIME_TYPE).strip().lower().partition("/")
    if not sub or main in ("multipart", "message", "text"):  # text would be taken for the body
        main, sub = "application", "octet-stream"
    mark = attachment.text(_CONTENT_ID)
    message.add_attachment(
        attachment.binary(_DATA),
        main,
        sub,
        filename=name,
        cid=f"<{mark}>" if mark else None,
        disposition="inline" if attachment.number(_PLACE) & _IN_BODY else "attachment",
    )
