"""A file to its canonical text: Markdown, with pages where the format has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.core.errors import PermanentError
from app.core.types import Page, ParsedDocument
from ingestion import mail
from ingestion.structure import to_markdown

VERSION = "kreuzberg-4.10/1"
"""Part of the index fingerprint: another parser may give another canonical text."""

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_ESCAPE = re.compile(r"\\([^\w\s|\\])")
_HEADING = re.compile(r"^#{1,3}\s+(\S.*?)\s*#*$", re.MULTILINE)
_TITLE_CHARS = 200
_MARK = "\ue000{page_num}\ue001"  # private characters: no document means them
_MARKED = re.compile(r"\s*\ue000(\d+)\ue001\s*")


def parse(path: Path, *, max_bytes: int) -> ParsedDocument:
    """Read a file.

    Args:
        path: The file; its absolute path becomes the document's source.
        max_bytes: Larger files are refused.

    Raises:
        PermanentError: The file is empty, too large, encrypted, broken, of an unknown
            format or without text; the message says which.
    """
    size = path.stat().st_size
    if size == 0:
        raise PermanentError("the file is empty", hint="remove it, or fill it")
    if size > max_bytes:
        raise PermanentError(
            f"the file has {size / 1e6:.0f} MB", hint="raise ingestion.max_file_mb, or split it"
        )
    title, text, pages, mime_type = _read_mail(path) if _is_mail(path) else _read(path)
    if not text.strip():
        raise PermanentError("no text was found in it", hint="if it is a scan, it needs OCR first")
    return ParsedDocument(str(path), title or _title(text, path), text, pages, mime_type)


Read = tuple[str, str, Sequence[Page], str]
"""Stated title (may be empty), canonical text, pages, MIME type."""


def _read(path: Path) -> Read:
    result = _extract(lambda k, config: k.extract_file_sync(str(path), config=config))
    text, pages = _canonical(result)
    stated = result.metadata.get("title") or result.metadata.get("subject") or ""
    return _one_line(str(stated)), text, pages, result.mime_type


def _is_mail(path: Path) -> bool:
    return path.suffix.lower() == ".eml"


def _read_mail(path: Path) -> Read:
    def html_to_markdown(html: bytes) -> str:
        result = _extract(lambda k, config: k.extract_bytes_sync(html, "text/html", config=config))
        return _canonical(result)[0]

    try:
        subject, text = mail.to_markdown(path.read_bytes(), html_to_markdown)
    except (LookupError, ValueError) as error:  # an unknown charset, a header beyond repair
        raise _explain(str(error)) from error
    return _one_line(subject), text, (), "message/rfc822"


def _extract(call: Callable[[Any, Any], Any]) -> Any:
    import kreuzberg as k

    config = k.ExtractionConfig(
        use_cache=False,  # its cache would outlive the document in a folder of its own
        output_format="markdown",
        include_document_structure=True,
        disable_ocr=True,
        pages=k.PageConfig(extract_pages=True, insert_page_markers=True, marker_format=_MARK),
    )
    try:
        return call(k, config)
    except k.MissingDependencyError as error:
        raise PermanentError("reading it needs OCR, which is not installed") from error
    except k.KreuzbergError as error:
        raise _explain(str(error)) from error


def _explain(message: str) -> PermanentError:
    lower = message.lower()
    if "password" in lower or "encrypt" in lower:
        return PermanentError("it is protected by a password", hint="save it without one")
    if "unsupported" in lower or "mime" in lower:
        return PermanentError("its format is unknown", hint="save it as PDF, Office, HTML or text")
    return PermanentError(
        "it is damaged, or not what its name says", hint="open it and save it anew"
    )


def _canonical(result: Any) -> tuple[str, list[Page]]:
    nodes = (result.document or {}).get("nodes", [])
    if result.mime_type == "application/pdf" and nodes:
        return to_markdown(nodes)
    text = str(result.content).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    text = _FRONT_MATTER.sub("", text).lstrip("\ufeff\n")
    # Readers see the canonical text: \# and \< are for Markdown printers only.
    text = _ESCAPE.sub(r"\1", text)
    return _take_out_marks(text)


def _take_out_marks(text: str) -> tuple[str, list[Page]]:
    """Text without page marks, and the pages that they announced."""
    parts = _MARKED.split(text)
    if len(parts) == 1:
        return text, []
    clean, starts = parts[0].strip(), [(int(parts[1]), 0)]
    for number, body in zip(parts[1::2], parts[2::2], strict=True):
        if clean:
            clean += "\n\n"
            starts.append((int(number), len(clean)))
        clean += body
    ends = [start for _, start in starts[1:]] + [len(clean)]
    pages = [Page(n, start, end) for (n, start), end in zip(starts, ends, strict=True)]
    return clean, [page for page in pages if page.end > page.start]


def _title(text: str, path: Path) -> str:
    heading = _HEADING.search(text)
    return (heading and _one_line(heading.group(1))) or path.stem


def _one_line(title: str) -> str:
    return " ".join(title.strip("#*_ ").split())[:_TITLE_CHARS]
