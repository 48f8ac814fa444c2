"""Canonical text to chunks: cut at pages and headings, sized by the encoder's tokenizer.

The chunks tile the text: joined, they are the text, character for character. So a
citation's place in a chunk is its place in the document, and the canonical text needs
no copy of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from app.core.text import is_table_ruler
from app.core.types import Chunk, Page, ParsedDocument

VERSION = "structure/2"
"""Part of the index fingerprint."""

SEPARATOR = " > "
_PREFIX_CHARS = 160
_SPECIAL_TOKENS = 4


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    page: int | None
    headings: tuple[str, ...]


class Chunker:
    """Cuts documents.

    Args:
        tokenizer: The encoder's tokenizer, without truncation.
        chunk_tokens: Longest chunk, in its tokens.
        min_tokens: Shorter sections join their neighbour on the same page.
        max_tokens: What the encoder reads of a text, prefix and special tokens included.
    """

    def __init__(
        self, tokenizer: Any, *, chunk_tokens: int, min_tokens: int, max_tokens: int
    ) -> None:
        self._tokenizer = tokenizer
        self._chunk_tokens = chunk_tokens
        self._min_tokens = min_tokens
        self._max_tokens = max_tokens
        self._splitters: dict[int, Any] = {}

    @property
    def name(self) -> str:
        """What determines the chunks."""
        return f"{VERSION}/{self._chunk_tokens}/{self._min_tokens}"

    def cut(self, document: ParsedDocument) -> list[Chunk]:
        """Chunks of a document, in order, tiling its text."""
        sections = list(_sections(document.text, document.pages))
        pieces = self._merge(document, sections, self._chunk_tokens)
        spans = [part for piece in pieces for part in self._split(document, piece)]
        columns = _columns([document.text[span.start : span.end] for span in spans])
        return [
            Chunk(
                ordinal=number,
                text=document.text[span.start : span.end],
                start=span.start,
                end=span.end,
                page=span.page,
                heading=SEPARATOR.join([*span.headings, *named]),
            )
            for number, (span, named) in enumerate(zip(spans, columns, strict=True))
        ]

    def embedding_text(self, title: str, chunk: Chunk) -> str:
        """What the encoders read: title and headings in front, never more than fits."""
        body = chunk.text.strip()
        room = self._max_tokens - self._count([body])[0] - _SPECIAL_TOKENS
        return f"{self._prefix(title, chunk.heading, room)}\n{body}"

    def _merge(
        self, document: ParsedDocument, pieces: Sequence[_Piece], capacity: int
    ) -> list[_Piece]:
        """Pieces, with small ones joined to their neighbour on the same page."""
        sizes = self._count([document.text[p.start : p.end] for p in pieces])
        merged: list[_Piece] = []
        held = 0  # tokens of merged[-1]
        for piece, size in zip(pieces, sizes, strict=True):
            last = merged[-1] if merged else None
            small = min(held, size) < self._min_tokens
            if last and last.page == piece.page and small and held + size <= capacity:
                merged[-1] = _join(document.text, last, piece)
                held += size
            else:
                merged.append(piece)
                held = size
        return merged

    def _split(self, document: ParsedDocument, piece: _Piece) -> Iterator[_Piece]:
        heading = SEPARATOR.join(piece.headings)
        prefix = self._count([self._prefix(document.title, heading, self._max_tokens // 2)])[0]
        capacity = min(self._chunk_tokens, self._max_tokens - prefix - _SPECIAL_TOKENS)
        text = document.text[piece.start : piece.end]
        if self._count([text])[0] <= capacity:
            yield piece
            return
        parts = self._splitter(capacity).chunk_indices(text)
        starts = [piece.start, *(piece.start + at for at, _ in parts[1:]), piece.end]
        cut = [replace(piece, start=start, end=end) for start, end in pairwise(starts)]
        yield from self._merge(document, cut, capacity)

    def _prefix(self, title: str, heading: str, most: int) -> str:
        """Title and heading path in at most so many tokens; the nearest headings stay."""
        path = f"{title}{SEPARATOR}{heading}" if heading and heading != title else title
        path = path if len(path) <= _PREFIX_CHARS else "…" + path[1 - _PREFIX_CHARS :]
        while path and self._count([path])[0] > most:
            path = "…" + path[len(path) // 4 + 2 :] if len(path) > 2 else ""
        return path

    def _splitter(self, capacity: int) -> Any:
        from semantic_text_splitter import MarkdownSplitter

        if capacity not in self._splitters:
            self._splitters[capacity] = MarkdownSplitter.from_huggingface_tokenizer(
                self._tokenizer, capacity, trim=False
            )
        return self._splitters[capacity]

    def _count(self, texts: Sequence[str]) -> list[int]:
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in found]


def _columns(texts: Sequence[str]) -> Iterator[list[str]]:
    """For a chunk that goes on with a table: the names of the table's columns."""
    header: str | None = None
    for text in texts:
        lines = text.strip().split("\n")
        begins = len(lines) > 1 and is_table_ruler(lines[1])
        if not lines[0].startswith("|"):
            header = None
        yield [header] if header and not begins else []
        for line, following in pairwise([*lines, ""]):
            if not line.startswith("|"):
                header = None
            elif is_table_ruler(following):
                cells = (cell.strip() for cell in line.strip("|").split("|"))
                header = ", ".join(cell for cell in cells if cell)


def _join(text: str, first: _Piece, second: _Piece) -> _Piece:
    body = text[first.start : first.end].strip()
    if "\n" not in body and body.startswith("#"):  # a heading alone names what follows
        headings = second.headings
    else:
        same = 0
        for a, b in zip(first.headings, second.headings, strict=False):
            if a != b:
                break
            same += 1
        headings = first.headings[:same]
    return replace(first, end=second.end, headings=headings)


def _sections(text: str, pages: Sequence[Page]) -> Iterator[_Piece]:
    """Pieces that lie within one page and under one heading."""
    marks = list(_headings(text))
    page_starts = [page.start for page in pages]
    cuts = sorted({0, *(at for at, _, _ in marks), *page_starts, len(text)})
    path: list[tuple[int, str]] = []
    by_place = {at: (level, title) for at, level, title in marks}
    page: int | None = None
    by_start = {p.start: p.number for p in pages}
    for start, end in pairwise(cuts):
        if start in by_place:
            level, title = by_place[start]
            path = [*(step for step in path if step[0] < level), (level, title)]
        page = by_start.get(start, page)
        yield _Piece(start, end, page, tuple(title for _, title in path))


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    """(place, level, title) of every Markdown heading."""
    from markdown_it import MarkdownIt

    line_starts = [0]
    for line in text.split("\n"):
        line_starts.append(line_starts[-1] + len(line) + 1)
    tokens = MarkdownIt("commonmark").parse(text)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open" and token.map and token.level == 0:
            title = " ".join(inline.content.replace("**", "").strip("*_ ").split())
            if title:
                yield line_starts[token.map[0]], int(token.tag[1:]), title
