"""Canonical text to chunks: cut where it is about something else, sized by the encoder's tokenizer.

The chunks tile the text: joined, they are the text, character for character. So a
citation's place in a chunk is its place in the document, and the canonical text needs
no copy of its own.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.core.names import SEPARATOR, Named, breadcrumb
from app.core.types import Chunk, ParsedDocument
from ingestion.outline import Outline
from ingestion.tokens import Tokens

VERSION = "structure/5"
"""Part of the index fingerprint."""

_PREFIX_CHARS = 200
_SPECIAL_TOKENS = 4
_LEAST = 3  # a chunk is cut at the outermost block that leaves it a third of its room
_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？][”’」』）]*\s*")
_LINE = re.compile(r"\n+")
_CELL = re.compile(r"\|[ \t]*")
_SPACE = re.compile(r"\s+")
_NAMES_WHAT_FOLLOWS = re.compile(r"\s*(?:#[^\n]*|[`~]{3,}[^\n]*)\s*")


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    page: int | None
    headings: tuple[str, ...]
    apart: bool = False


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
        self._tokens = Tokens(tokenizer)
        self._chunk_tokens = chunk_tokens
        self._min_tokens = min_tokens
        self._max_tokens = max_tokens

    @property
    def name(self) -> str:
        """What determines the chunks."""
        return f"{VERSION}/{self._chunk_tokens}/{self._min_tokens}"

    def cut(self, document: ParsedDocument) -> list[Chunk]:
        """Chunks of a document, in order, tiling its text."""
        if not document.text:
            return []
        outline = Outline(document)
        tokens = self._tokens.places(document.text)
        pieces = self._merged(document.text, _pieces(document.text, outline), tokens)
        rooms = self._rooms(document, {piece.headings for piece in pieces})
        parts = [part for piece in pieces
                 for part in self._split(document, piece, outline, tokens, rooms)]  # fmt: skip
        return [
            Chunk(
                ordinal=number,
                text=document.text[part.start : part.end],
                start=part.start,
                end=part.end,
                page=part.page,
                heading=SEPARATOR.join(part.headings),
            )
            for number, part in enumerate(self._within(document.text, parts))
        ]

    def embedding_texts(self, document: Named, chunks: Sequence[Chunk]) -> list[str]:
        """What the encoders read of chunks cut here: what they are called in front, never more
        than fits."""
        bodies = [chunk.text.strip() for chunk in chunks]
        paths = [_path(document, chunk.heading) for chunk in chunks]
        distinct = list(dict.fromkeys(paths))
        sizes = dict(zip(distinct, self._tokens.counts(distinct), strict=True))
        free = self._max_tokens - _SPECIAL_TOKENS  # for headings and body
        # Most headings fit beside the longest chunk: then nobody needs to count the body's.
        crowded = [n for n, path in enumerate(paths) if sizes[path] > free - self._chunk_tokens]
        for n, size in zip(crowded, self._tokens.counts([bodies[n] for n in crowded]), strict=True):
            if sizes[paths[n]] > free - size:
                paths[n] = self._shortened(paths[n], free - size)
        return [f"{path}\n{body}" for path, body in zip(paths, bodies, strict=True)]

    def embedding_text(self, document: Named, chunk: Chunk) -> str:
        """What the encoders read of one chunk."""
        return self.embedding_texts(document, [chunk])[0]

    def _merged(self, text: str, pieces: Sequence[_Piece], tokens: Sequence[int]) -> list[_Piece]:
        """Pieces, with small ones joined to their neighbour on the same page."""
        merged: list[_Piece] = []
        held = 0  # tokens of merged[-1]
        for piece in pieces:
            size = _between(tokens, piece.start, piece.end)
            last = merged[-1] if merged else None
            small = min(held, size) < self._min_tokens and not piece.apart
            if last and small and held + size <= self._chunk_tokens:
                merged[-1] = _join(text, last, piece)
                held += size
            else:
                merged.append(piece)
                held = size
        return merged

    def _split(
        self,
        document: ParsedDocument,
        piece: _Piece,
        outline: Outline,
        tokens: Sequence[int],
        rooms: dict[tuple[str, ...], int],
    ) -> Iterator[_Piece]:
        """The piece in parts that fit; one that goes on with a table names its columns."""
        start = piece.start
        while start < piece.end:
            block = outline.block(start)
            columns = block.columns if block else ""
            headings = (*piece.headings, columns) if columns else piece.headings
            if headings not in rooms:
                rooms |= self._rooms(document, {headings})
            end = self._end(document.text, start, piece.end, rooms[headings], outline, tokens)
            yield replace(piece, start=start, end=end, headings=headings)
            start = end

    def _rooms(
        self, document: Named, headings: Collection[tuple[str, ...]]
    ) -> dict[tuple[str, ...], int]:
        """Tokens of a chunk under each of these headings."""
        sizes = self._tokens.counts([_path(document, SEPARATOR.join(p)) for p in headings])
        prefixes = [min(size, self._max_tokens // 2) for size in sizes]
        rooms = [self._max_tokens - prefix - _SPECIAL_TOKENS for prefix in prefixes]
        return {
            path: min(self._chunk_tokens, room) for path, room in zip(headings, rooms, strict=True)
        }

    def _end(
        self, text: str, start: int, end: int, room: int, outline: Outline, tokens: Sequence[int]
    ) -> int:
        """Where a chunk from `start` ends: where the outermost block begins that begins late
        enough, the last of several. So a paragraph or a table that fits is kept whole."""
        first, last = bisect_left(tokens, start), bisect_left(tokens, end)
        if last - first <= room:
            return end
        rest = last - first - min(self._min_tokens, room // 2)  # no crumb is left over
        soonest, most = tokens[first + room // _LEAST], tokens[first + min(room, rest)]
        low, high = (bisect_right(outline.cuts, at, key=_place) for at in (soonest, most))
        if low < high:
            cut = min(outline.cuts[low:high], key=lambda cut: (cut[1], -cut[0]))[0]
            table = outline.block(cut)
            if table and table.is_table and _between(tokens, table.head, table.end) <= room:
                before = _between(tokens, start, table.head)
                return table.head if before >= self._min_tokens else cut
            return cut
        block = outline.block(soonest)
        patterns = (_SENTENCE, _LINE) if not block else (_LINE, _CELL if block.is_table else _SPACE)
        return _last_gap(text, start, soonest, most, (*patterns, _SPACE)) or max(most, start + 1)

    def _within(self, text: str, parts: Sequence[_Piece]) -> Iterator[_Piece]:
        """The parts; one cut within a word, which may then count more tokens, is halved."""
        for part in parts:
            shown = text[part.start : part.end]
            whole = _between_words(text, part.start) and _between_words(text, part.end)
            if whole or len(shown) < 2 or self._tokens.counts([shown])[0] <= self._chunk_tokens:
                yield part
                continue
            middle = (part.start + part.end) // 2
            halves = replace(part, end=middle), replace(part, start=middle)
            yield from self._within(text, halves)

    def _shortened(self, path: str, most: int) -> str:
        """A path in at most so many tokens; the nearest headings stay."""
        while path and self._tokens.counts([path])[0] > most:
            path = "…" + path[len(path) // 4 + 2 :] if len(path) > 2 else ""
        return path


def _path(document: Named, heading: str) -> str:
    path = breadcrumb(document, heading)
    return path if len(path) <= _PREFIX_CHARS else "…" + path[1 - _PREFIX_CHARS :]


def _pieces(text: str, outline: Outline) -> list[_Piece]:
    ends = [*(section.start for section in outline.sections[1:]), len(text)]
    return [
        _Piece(s.start, end, s.page, s.headings, s.apart)
        for s, end in zip(outline.sections, ends, strict=True)
    ]


def _join(text: str, first: _Piece, second: _Piece) -> _Piece:
    if _NAMES_WHAT_FOLLOWS.fullmatch(text, first.start, first.end):
        headings = second.headings
    else:
        same = 0
        for a, b in zip(first.headings, second.headings, strict=False):
            if a != b:
                break
            same += 1
        headings = first.headings[:same]
    return replace(first, end=second.end, headings=headings)


def _place(cut: tuple[int, int]) -> int:
    return cut[0]


def _between_words(text: str, place: int) -> bool:
    return not (text[place - 1 : place].isalnum() and text[place : place + 1].isalnum())


def _between(tokens: Sequence[int], start: int, end: int) -> int:
    return bisect_left(tokens, end) - bisect_left(tokens, start)


def _last_gap(
    text: str, start: int, soonest: int, latest: int, patterns: Sequence[re.Pattern[str]]
) -> int:
    """The end of the last match of the first pattern that has one in reach; 0 without."""
    for pattern in patterns:
        ends = [m.end() for m in pattern.finditer(text, start, latest) if m.end() > soonest]
        if ends:
            return ends[-1]
    return 0
