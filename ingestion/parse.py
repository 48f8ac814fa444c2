"""A file to its canonical text: Markdown, with pages where the format has them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Any

from app.core.errors import PermanentError
from app.core.types import Page, ParsedDocument
from ingestion import mail, markdown
from ingestion.encoding import decode, is_binary, marked_encoding
from ingestion.entities import shield, unshield
from ingestion.structure import to_markdown

VERSION = "kreuzberg-4.10/2"
"""Part of the index fingerprint: another parser may give another canonical text."""

_PDF = "application/pdf"
_OFFICE = "application/vnd.openxmlformats"
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_HTML_TITLE = re.compile(r"<title\b[^<>]*>([^<]*)</title\s*>", re.IGNORECASE)
_HTML_METADATA = re.compile(
    r"<(?:meta|link|base)\b[^<>]*>|<title\b[^<>]*>[^<]*</title\s*>", re.IGNORECASE
)
_HTML_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"untitled.*|(sheet|slide|document|presentation)\W*\d*", re.IGNORECASE)
_HEADING = re.compile(r"^#{1,3}\s+(\S.*?)\s*#*$", re.MULTILINE)
_TITLE_CHARS = 200
_MARK = "\ue000{page_num}\ue001"  # private characters: no document means them
# A mark after a table comes as the table's last row.
_MARKED = re.compile(r"\s*(?:^\| *)?\ue000(\d+)\ue001[ |]*\s*", re.MULTILINE)


def read(path: Path, *, max_bytes: int) -> bytes:
    """A file's bytes. Raises PermanentError when it is empty or larger than `max_bytes`."""
    size = path.stat().st_size
    if size == 0:
        raise PermanentError("the file is empty", hint="remove it, or fill it")
    if size > max_bytes:
        raise PermanentError(
            f"the file has {size / 1e6:.0f} MB", hint="raise ingestion.max_file_mb, or split it"
        )
    return path.read_bytes()


def parse(data: bytes, source: str) -> ParsedDocument:
    """Read a document.

    Args:
        data: The file's bytes.
        source: Where it is from; the last part of the name tells the format.

    Raises:
        PermanentError: It is encrypted, broken, of an unknown format or without text; the
            message says which.
    """
    name = PurePath(source)
    kind = _kind(name)
    title, text, pages = _reader(kind)(data, name, kind)
    if not text.strip():
        raise PermanentError("no text was found in it", hint="if it is a scan, it needs OCR first")
    return ParsedDocument(source, title or _title(text, name), text, pages, kind)


Read = tuple[str, str, Sequence[Page]]
"""Stated title (may be empty), canonical text, pages."""


def kind_of(source: str) -> str:
    """The MIME type that a source's name tells; plain text where it tells none."""
    try:
        return _kind(PurePath(source))
    except PermanentError:
        return "text/plain"


def _kind(path: PurePath) -> str:
    """The MIME type that the name tells."""
    import tempfile

    import kreuzberg as k

    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / path.name).touch()
            return str(k.detect_mime_type_from_path(str(Path(folder) / path.name)))
    except RuntimeError as error:
        raise _unknown() from error


def _reader(kind: str) -> Callable[[bytes, PurePath, str], Read]:
    match kind:
        case "text/plain" | "text/x-source-code":
            return _read_plain
        case "text/markdown":
            return _read_markdown
        case "text/html" | "application/xhtml+xml":
            return _read_html
        case "message/rfc822":
            return _read_mail
        case _:
            return _read_other


def _read_plain(data: bytes, path: PurePath, kind: str) -> Read:
    text = decode(data).lstrip("\n")
    if kind == "text/plain" or not text.strip():
        return "", text, ()
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return path.name, f"{fence}{path.suffix[1:]}\n{text.rstrip()}\n{fence}\n", ()


def _read_markdown(data: bytes, _: PurePath, __: str) -> Read:
    title, text = markdown.tidy(decode(data))
    return _one_line(title), text, ()


def _read_html(data: bytes, _: PurePath, __: str) -> Read:
    declared = _HTML_CHARSET.search(data, 0, 2048)
    return *_from_html(decode(data, declared=declared[1].decode() if declared else "")), ()


def _from_html(page: str) -> tuple[str, str]:
    """(title, Markdown). Metadata go first: they would come out as a heading of the text."""
    title = _HTML_TITLE.search(page)
    body = _HTML_METADATA.sub("", page).encode()
    result = _extract(lambda k, config: k.extract_bytes_sync(body, "text/html", config=config))
    return _one_line(html.unescape(title[1])) if title else "", _canonical(result)[0]


def _read_mail(data: bytes, _: PurePath, __: str) -> Read:
    try:
        subject, text = mail.to_markdown(data, lambda page: _from_html(page)[1])
    except (LookupError, ValueError) as error:  # an unknown charset, a header beyond repair
        raise _explain(str(error)) from error
    return _one_line(subject), text, ()


def _read_other(data: bytes, _: PurePath, kind: str) -> Read:
    if data.startswith(_OLE) and kind.startswith(_OFFICE):  # how Office wraps what it encrypts
        raise _explain("encrypted")
    if marked_encoding(data) and kind != _PDF:
        data = decode(data).encode()
    if kind.startswith("text/") and is_binary(data):
        raise _explain("binary")
    data = shield(data, kind)
    result = _extract(
        lambda k, config: k.extract_bytes_sync(data, kind, config=config), pages=kind != _PDF
    )
    text, pages = _canonical(result)
    stated = unshield(str(result.metadata.get("title") or result.metadata.get("subject") or ""))
    stated = _one_line(stated)
    return "" if _PLACEHOLDER.fullmatch(stated) else stated, text, pages


def _extract(call: Callable[[Any, Any], Any], *, pages: bool = False) -> Any:
    import kreuzberg as k

    config = k.ExtractionConfig(
        use_cache=False,  # its cache would outlive the document in a folder of its own
        output_format="markdown",
        include_document_structure=True,
        disable_ocr=True,
        # It takes what stands in the margins for headers and footers, last lines among it.
        pdf_options=k.PdfConfig(top_margin_fraction=0.0, bottom_margin_fraction=0.0),
        pages=k.PageConfig(extract_pages=True, insert_page_markers=pages, marker_format=_MARK),
    )
    try:
        return call(k, config)
    except k.MissingDependencyError as error:
        raise PermanentError("reading it needs OCR, which is not installed") from error
    except k.ValidationError as error:
        raise _unknown() from error
    except (k.KreuzbergError, RuntimeError) as error:
        raise _explain(str(error)) from error


def _explain(message: str) -> PermanentError:
    lower = message.lower()
    if "password" in lower or "encrypt" in lower:
        return PermanentError("it is protected by a password", hint="save it without one")
    if "unsupported" in lower or "mime" in lower:
        return _unknown()
    return PermanentError(
        "it is damaged, or not what its name says", hint="open it and save it anew"
    )


def _unknown() -> PermanentError:
    return PermanentError("its format is unknown", hint="save it as PDF, Office, HTML or text")


def _canonical(result: Any) -> tuple[str, list[Page]]:
    nodes = (result.document or {}).get("nodes", [])
    if result.mime_type == _PDF and nodes:
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


def _title(text: str, path: PurePath) -> str:
    heading = _HEADING.search(text)
    title = _one_line(heading[1]) if heading else ""
    return path.stem if not title or _PLACEHOLDER.fullmatch(title) else title


def _one_line(title: str) -> str:
    return " ".join(title.replace("**", "").strip("#*_ ").split())[:_TITLE_CHARS]
