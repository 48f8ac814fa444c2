"""A way around what kreuzberg 4.10 drops from Word files and XML.

It drops `&amp;` and its kin: they become private characters before parsing and what they
mean after it. Its successor mends this (xberg issue 1242). It also drops tabs and hyphens
that keep words together, so that two words become one, and formulas within a sentence.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator

_MEANINGS = "&<>\"'"
_NAMES = {b"amp": "&", b"lt": "<", b"gt": ">", b"quot": '"', b"apos": "'"}
_SHIELDS = {meaning: chr(0xE010 + n) for n, meaning in enumerate(_MEANINGS)}
_BACK = str.maketrans({shield: meaning for meaning, shield in _SHIELDS.items()})
_ENTITY = re.compile(rb"&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));")
_TAB = re.compile(rb"<w:tab\s*/>")
_HYPHEN = re.compile(rb"<w:noBreakHyphen\s*/>")
_FORMULA_TAG = re.compile(rb"<(/?)m:oMath(Para)?(?: [^<>]*)?>")
_SIGNS = {b"<m:sup>": b"^", b"<m:sub>": b"_", b"<m:den>": b"/", b"<m:d>": b"(", b"</m:d>": b")"}
_SIGN_OR_TEXT = re.compile(rb"<m:t(?: [^<>]*)?>([^<]*)</m:t>|<m:(?:sup|sub|den|d)>|</m:d>")
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
                new.writestr(part, _mended(content) if is_xml else content)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError):
        return data  # the parser says what is wrong with it
    return packed.getvalue()


def _mended(part: bytes) -> bytes:
    part = b"".join(_formulas_in_line(_ENTITY.sub(_replace, part)))
    part = _TAB.sub(b'<w:t xml:space="preserve"> </w:t>', part)
    return _HYPHEN.sub(b"<w:t>-</w:t>", part)


def _formulas_in_line(part: bytes) -> Iterator[bytes]:
    """The part with each formula within a sentence as a run of text.

    One in a line of its own stays. Tag by tag, so that no file keeps it busy for long.
    """
    done, begin, alone = 0, None, False
    for tag in _FORMULA_TAG.finditer(part):
        closes, is_alone = tag.groups()
        if is_alone:
            alone = not closes
        elif not closes and not alone:
            begin = tag
        elif begin and not alone:
            formula = part[begin.end() : tag.start()]
            shown = (_SIGNS.get(m[0], m[1] or b"") for m in _SIGN_OR_TEXT.finditer(formula))
            yield part[done : begin.start()]
            yield b'<w:r><w:t xml:space="preserve">' + b"".join(shown) + b"</w:t></w:r>"
            done, begin = tag.end(), None
    yield part[done:]


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
