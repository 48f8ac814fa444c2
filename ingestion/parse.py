"""A file to its canonical text: Markdown, with pages where the format has them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from app.core.errors import PermanentError
from app.core.types import Member, Page, ParsedDocument
from ingestion.formats import archive, kinds, mail, markdown, office, outlook, word97
from ingestion.formats.encoding import decode, is_binary, marked_encoding
from ingestion.formats.entities import shield, unshield
from ingestion.formats.structure import to_markdown
from ingestion.safety.hidden import visible
from ingestion.safety.hidden_html import visible_html
from ingestion.safety.hidden_office import visible_office

VERSION = "kreuzberg-4.10/6"
"""Part of the index fingerprint: another parser may give another canonical text."""

HIDDEN_TEXT = "hidden-text"
"""The flag of a document from which text was left out that its readers would not see."""

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_HTML_TITLE = re.compile(r"<title\b[^<>]*>([^<]*)</title\s*>", re.IGNORECASE)
_HTML_METADATA = re.compile(
    r"<(?:meta|link|base)\b[^<>]*>|<title\b[^<>]*>[^<]*</title\s*>", re.IGNORECASE
)
_HTML_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"untitled.*|(sheet|slide|document|presentation)\W*\d*|[\W\d_]+", re.IGNORECASE
)
"""What is no title; a number alone, such as that of a filing, tells nobody what it is about."""
_HEADING = re.compile(r"^#{1,3}\s+(\S.*?)\s*#*$", re.MULTILINE)
_LARGEST = re.compile(r"^#\s+(\S.*?)\s*#*$", re.MULTILINE)
_PROGRAM = re.compile(r"^Microsoft (?:Word|PowerPoint|Excel) - ")
_TITLE_CHARS = 200
_MARK = "\ue000{page_num}\ue001"  # private characters: no document means them
# A mark after a table comes as the table's last row.
_MARKED = re.compile(r"\s*(?:^\| *)?\ue000(\d+)\ue001[ |]*\s*", re.MULTILINE)


def read_file(path: Path, max_bytes: int) -> bytes:
    """The bytes of a file that is neither empty nor too large.

    Raises:
        PermanentError: It is.
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    if size > max_bytes:
        raise PermanentError(
            f"the file has {size / 1e6:.0f} MB", hint="raise ingestion.max_file_mb, or split it"
        )
    return _filled(path.read_bytes())


def parse(data: bytes, source: str, kind: str = "") -> ParsedDocument:
    """Read a file from its bytes.

    Args:
        data: What is in the file.
        source: Where it is; its last name tells the format. A member's source is like
            `/x/mail.eml!/plan.pdf`.

    Raises:
        PermanentError: The file is empty, encrypted, broken, of an unknown format or
            without text; the message says which.
    """
    name = kinds.last_name(source)
    kind = kind or kinds.kind_of(name, _filled(data))
    found = _reader(kind)(_File(data, name, kind))
    text, pages, hidden = _visible(found.text, found.pages)
    if not text.strip():
        raise PermanentError("no text was found in it", hint="if it is a scan, it needs OCR first")
    return ParsedDocument(
        source=source,
        title=found.title or _headline(text, (), kind) or PurePosixPath(name).stem,
        text=text,
        pages=pages,
        mime_type=kind,
        flags=[HIDDEN_TEXT] if found.hidden or hidden else [],
        members=found.members,
    )


@dataclass(frozen=True, slots=True)
class _File:
    data: bytes
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Read:
    """What a reader makes of a file; a title is what the author called it, if anything.

    `hidden` tells that text was left out which no reader of the file would see.
    """

    title: str
    text: str
    pages: Sequence[Page] = ()
    members: Sequence[Member] = ()
    hidden: bool = False


def _filled(data: bytes) -> bytes:
    if not data:
        raise PermanentError("the file is empty", hint="remove it, or fill it")
    return data


def _reader(kind: str) -> Callable[[_File], _Read]:
    match kind:
        case "text/plain" | kinds.SOURCE_CODE:
            return _read_plain
        case "text/markdown":
            return _read_markdown
        case "text/html" | "application/xhtml+xml":
            return _read_html
        case kinds.MAIL | kinds.OUTLOOK:
            return _read_mail
        case kinds.WORD_97:
            return _read_word97
        case _ if kind in kinds.ARCHIVES:
            return _read_archive
        case _:
            return _read_other


def _read_plain(file: _File) -> _Read:
    text = decode(file.data).lstrip("\n")
    if file.kind == "text/plain" or not text.strip():
        return _Read("", text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    language = PurePosixPath(file.name).suffix[1:]
    return _Read(file.name, f"{fence}{language}\n{text.rstrip()}\n{fence}\n")


def _read_markdown(file: _File) -> _Read:
    title, text = markdown.tidy(decode(file.data))
    return _Read(_one_line(title), text)


def _read_html(file: _File) -> _Read:
    declared = _HTML_CHARSET.search(file.data, 0, 2048)
    return _from_html(decode(file.data, declared=declared[1].decode() if declared else ""))


def _from_html(page: str) -> _Read:
    """Metadata go first: they would come out as a heading of the text."""
    shown, hidden = visible_html(page)
    title = _HTML_TITLE.search(shown)
    text, _ = _canonical(_extract(_HTML_METADATA.sub("", shown).encode(), "text/html"))
    stated = _one_line(html.unescape(title[1])) if title else ""
    return _Read(stated, markdown.compact_tables(text), hidden=hidden)


def _read_mail(file: _File) -> _Read:
    reader = outlook if file.kind == kinds.OUTLOOK else mail
    hidden = False

    def body(page: str) -> str:
        nonlocal hidden
        found = _from_html(page)
        hidden |= found.hidden
        return found.text

    try:
        message = reader.from_bytes(file.data)
        subject, text, members = mail.to_markdown(message, body)
    except (LookupError, ValueError, AttributeError) as error:
        # A header or a part beyond repair, as the standard library says it.
        raise _explain(str(error)) from error
    return _Read(_one_line(subject), text, members=members, hidden=hidden)


def _read_archive(file: _File) -> _Read:
    members = archive.unpack(file.data, file.name, file.kind)
    listing = "\n".join(f"- {member.name}" for member in members)
    return _Read(file.name, f"# {file.name}\n\n{listing}\n", members=members)


def _read_word97(file: _File) -> _Read:
    result = _extract(file.data, file.kind, output="plain")
    return _Read(_stated(result), word97.to_markdown(str(result.content)))


def _read_other(file: _File) -> _Read:
    data, kind = file.data, file.kind
    if data.startswith(_OLE) and kind.startswith(kinds.OFFICE):  # how Office wraps what it encrypts
        raise _explain("encrypted")
    if marked_encoding(data) and kind != kinds.PDF:
        data = decode(data).encode()
    if kind.startswith("text/") and is_binary(data):
        raise _explain("binary")
    data, hidden = visible_office(data, kind)
    result = _extract(shield(data, kind), kind, pages=kind != kinds.PDF)
    text, pages = _canonical(result)
    if kind in (kinds.CSV, kinds.TSV) or kind.startswith(kinds.SHEETS):
        text = markdown.captioned(text)
    title = _stated(result) or _headline(text, pages, kind) or PurePosixPath(file.name).stem
    return _Read(title, *office.completed(text, pages, data, kind), hidden=hidden)


def _stated(result: Any) -> str:
    """The title that the file's properties tell, unless a program put it there."""
    told = unshield(str(result.metadata.get("title") or result.metadata.get("subject") or ""))
    title = _one_line(_PROGRAM.sub("", told))
    return "" if _PLACEHOLDER.fullmatch(title) else title


def _extract(data: bytes, kind: str, *, pages: bool = False, output: str = "markdown") -> Any:
    import kreuzberg as k

    config = k.ExtractionConfig(
        use_cache=False,  # its cache would outlive the document in a folder of its own
        output_format=output,
        include_document_structure=True,
        disable_ocr=True,
        # It takes what stands in the margins for headers and footers, last lines among it.
        pdf_options=k.PdfConfig(top_margin_fraction=0.0, bottom_margin_fraction=0.0),
        pages=k.PageConfig(extract_pages=True, insert_page_markers=pages, marker_format=_MARK),
    )
    try:
        return k.extract_bytes_sync(data, kind, config=config)
    except k.MissingDependencyError as error:
        raise PermanentError("reading it needs OCR, which is not installed") from error
    except k.ValidationError as error:
        raise kinds.unknown() from error
    except (k.KreuzbergError, RuntimeError) as error:
        raise _explain(str(error)) from error


def _explain(message: str) -> PermanentError:
    lower = message.lower()
    if "password" in lower or "encrypt" in lower:
        return PermanentError("it is protected by a password", hint="save it without one")
    if "unsupported" in lower or "mime" in lower:
        return kinds.unknown()
    return PermanentError(
        "it is damaged, or not what its name says", hint="open it and save it anew"
    )


def _canonical(result: Any) -> tuple[str, list[Page]]:
    nodes = (result.document or {}).get("nodes", [])
    if result.mime_type == kinds.PDF and nodes:
        return to_markdown(nodes)
    text = unshield(str(result.content)).replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\x00", "")
    return _take_out_marks(markdown.unescaped(markdown.without_pictures(text)).lstrip("\n"))


def _take_out_marks(text: str) -> tuple[str, list[Page]]:
    """Text without page marks, and the pages that they announced; empty ones are left out."""
    head, *marked = _MARKED.split(text)
    if not marked:
        return text, []
    marked[1] = head + marked[1]
    clean, pages = "", []
    for number, body in zip(marked[::2], marked[1::2], strict=True):
        if body.strip():
            start = len(clean)
            clean += body.strip() + "\n\n"
            pages.append(Page(int(number), start, len(clean)))
    return clean, pages


def _visible(text: str, pages: Sequence[Page]) -> tuple[str, list[Page], bool]:
    """Text and pages without characters that no reader sees, and whether there were such."""
    if not pages:
        shown, hidden = visible(text)
        return shown, [], hidden
    starts = [0, *(page.start for page in pages[1:]), len(text)]
    parts = [visible(text[start:end]) for start, end in pairwise(starts)]
    ends = [*accumulate(len(part) for part, _ in parts)]
    moved = [
        Page(page.number, start, end)
        for page, start, end in zip(pages, [0, *ends[:-1]], ends, strict=True)
    ]
    return "".join(part for part, _ in parts), moved, any(hidden for _, hidden in parts)


def _headline(text: str, pages: Sequence[Page], kind: str) -> str:
    """The first heading, empty without one. In a PDF headings are guessed by size, and only
    the largest on the first page, or one that all begins with, is likely a title."""
    if kind == kinds.PDF:
        first = text[: pages[0].end] if pages else ""
        heading = _LARGEST.search(first) or _HEADING.match(first)
    elif kind.startswith(kinds.SHEETS) and len(_HEADING.findall(text)) > 1:
        heading = None  # the name of the first sheet is not what all is about
    else:
        heading = _HEADING.search(text)
    title = markdown.plain_line(heading[1])[:_TITLE_CHARS] if heading else ""
    return "" if _PLACEHOLDER.fullmatch(title) else title


def _one_line(title: str) -> str:
    return " ".join(title.replace("**", "").strip("#*_ ").split())[:_TITLE_CHARS]
