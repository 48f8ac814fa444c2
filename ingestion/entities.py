"""A way around kreuzberg 4.10, which drops `&amp;` and its kin from Word files and XML.

Entities become private characters before parsing and what they mean after it. Its
successor mends this (xberg issue 1242); then this module can go.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib

_MEANINGS = "&<>\"'"
_NAMES = {b"amp": "&", b"lt": "<", b"gt": ">", b"quot": '"', b"apos": "'"}
_SHIELDS = {meaning: chr(0xE010 + n) for n, meaning in enumerate(_MEANINGS)}
_BACK = str.maketrans({shield: meaning for meaning, shield in _SHIELDS.items()})
_ENTITY = re.compile(rb"&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));")
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml."
_WORD_WITH_MACROS = "application/vnd.ms-word."
_MOST_BYTES = 500_000_000  # of an unpacked Word file


def shield(data: bytes, kind: str) -> bytes:
    """A file with its entities replaced, if it is of a kind that would lose them."""
    if kind.startswith((_WORD, _WORD_WITH_MACROS)):
        return _in_archive(data)
    return _ENTITY.sub(_replace, data) if kind.endswith(("/xml", "+xml")) else data


def unshield(text: str) -> str:
    """What was parsed from a shielded file, with the characters that were meant."""
    return text.translate(_BACK)


def _in_archive(data: bytes) -> bytes:
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w") as new:
            if sum(part.file_size for part in old.infolist()) > _MOST_BYTES:
                return data
            for part in old.infolist():
                content = old.read(part)
                is_xml = part.filename.endswith(".xml")
                new.writestr(part, _ENTITY.sub(_replace, content) if is_xml else content)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError):
        return data  # the parser says what is wrong with it
    return packed.getvalue()


def _replace(entity: re.Match[bytes]) -> bytes:
    name, decimal, hexadecimal = entity.groups()
    if name:
        meaning = _NAMES[name]
    else:
        number = int(decimal) if decimal else int(hexadecimal, 16)
        if number < 0x20 or 0xD800 <= number < 0xE000 or number > 0x10FFFF:
            return entity[0]
        meaning = chr(number)
    return _SHIELDS.get(meaning, meaning).encode()
