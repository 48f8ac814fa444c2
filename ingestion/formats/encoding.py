"""Bytes of a text file to characters, whatever program wrote it."""

from __future__ import annotations

import codecs
import re

from app.core.errors import PermanentError

_MARKS = {  # the longer first: UTF-32's mark begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x7f]")
# UTF-8 that was read as Latin-1 and encoded again: no text means these control characters.
_TWICE = re.compile(r"[\xc2-\xf4][\x80-\xbf]{0,2}[\x80-\x9f]")
_DOUBLED = re.compile(r"(?:[\xc2-\xf4][\x80-\xbf]{1,3})+")
_MOST_CONTROLS = 0.05  # of the bytes; in binary data and unmarked UTF-16 there are more


def decode(data: bytes, *, declared: str = "") -> str:
    r"""The text, its lines ended by `\n`, without byte order mark and NULs.

    A byte order mark decides; else UTF-8, the declared encoding and Windows-1252 are tried.

    Raises:
        PermanentError: It is no text, or in another encoding.
    """
    marked = marked_encoding(data)
    for encoding in [marked] if marked else ["utf-8", declared, "cp1252"]:
        try:
            text = data.decode(encoding)
        except (UnicodeError, LookupError):
            continue
        if not is_binary(text.encode()):
            text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
            return _DOUBLED.sub(_once, text) if _TWICE.search(text) else text
    raise PermanentError("it is no text in a known encoding", hint="save it as UTF-8")


def _once(letters: re.Match[str]) -> str:
    try:
        return letters[0].encode("latin-1").decode()
    except UnicodeError:
        return letters[0]


def is_binary(data: bytes) -> bool:
    """Whether bytes are anything but text in UTF-8 or another encoding that extends ASCII."""
    controls = len(_CONTROL.findall(data))
    return data.startswith(b"%PDF-") or controls > _MOST_CONTROLS * len(data)


def marked_encoding(data: bytes) -> str:
    """The encoding that a byte order mark tells; empty without one."""
    return next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
