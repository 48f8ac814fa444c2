"""Where a document may be cut, and what each place of it is about.

Its sections begin at headings, pages, sheets, slides, the messages of a thread and the
definitions of code. Within a section a cut does least harm between blocks, then between
list items, rows or statements.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from app.core.text import is_table_ruler
from app.core.types import ParsedDocument
from ingestion import code
from ingestion.formats import kinds
from ingestion.formats.markdown import plain_line

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_MESSAGE = re.compile(
    r"""(?:^[> ]*-{2,}[ ]*(?P<mark>[^\n-][^\n]{3,40}?)[ ]*-{2,}[ ]*$[> \n]*)?
    ^[> *]*(?P<sender>(?:From|Von|De|Van|Da):[* ]+\S[^\n]*)\n
      (?:[> *]*\w[^\n]*\n){0,2}?
      [> *]*(?P<sent>(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado|Verzonden|Inviato):[^\n]*)$
    |^[> ]*(?P<wrote>(?:On|Am|Le|El|Op|Il|Em|Den)\b[^\n]{5,200}(?:\n[> ]*[^\n]{1,100})?
      \b(?:wrote|a\ écrit|escribió|ha\ scritto|escreveu|(?:schrieb|schreef|skrev)\b[^\n]{0,90}))
      \s?:[ *]*$""",
    re.MULTILINE | re.VERBOSE,
)
_QUOTE_MARKS = re.compile(r"^[>*\s]+|(?:\*|\n>*|\s)+", re.MULTILINE)
_MESSAGE_LEVEL = 2  # below the mail's own heading, its subject
_TITLE_CHARS = 120


@dataclass(frozen=True, slots=True)
class Section:
    """Text from `start` on, under the path of headings, on a page.

    `apart`: it must not be joined to the section before it.
    """

    start: int
    headings: tuple[str, ...]
    page: int | None
    apart: bool


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of a table below its header, or the lines of a piece of code.

    `head` is where the header or the fence begins.
    """

    head: int
    start: int
    end: int
    columns: str = ""
    is_table: bool = False


class Outline:
    """Sections and possible cuts of a document."""

    def __init__(self, document: ParsedDocument) -> None:
        self._text = document.text
        self._breaks: dict[int, int] = {}
        self._blocks: list[Block] = []
        self._lines = [0]
        for line in self._text.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        tokens, self._references = _parsed(self._text)
        self._note(tokens)
        self.sections = list(self._sections(document, tokens))
        self.cuts: Sequence[tuple[int, int]] = sorted(self._breaks.items())
        """(place, depth) of each place where a block begins; depth 0 is the outermost."""

    def block(self, place: int) -> Block | None:
        """The table or code whose rows or lines a place stands in."""
        at = bisect_right(self._blocks, place, key=lambda block: block.start) - 1
        return self._blocks[at] if at >= 0 and place < self._blocks[at].end else None

    def _note(self, tokens: Sequence[Any]) -> None:
        for token in tokens:
            if not token.map or token.nesting < 0 or token.type == "inline":
                continue
            first, last = token.map
            self._breaks.setdefault(self._lines[first], token.level)
            if token.type == "fence":
                self._note_code(token, first, last)
            elif token.type == "paragraph_open":
                self._note_tables(first, last, token.level)

    def _note_tables(self, first: int, last: int, level: int) -> None:
        """The tables among some lines, which may be many: they are not parsed as Markdown.

        There is no cut in front of a first row, so that a header is not left alone.
        """
        line = first
        while line < last - 1:
            if not self._line(line).lstrip().startswith("|") or not is_table_ruler(
                self._line(line + 1)
            ):
                line += 1
                continue
            self._breaks.setdefault(self._lines[line], level)
            header = self._line(line).strip().strip("|")
            cells = (plain_line(cell, self._references) for cell in header.split("|"))
            columns = ", ".join(filter(None, cells))
            head, body = self._lines[line], line + 2
            line = body
            while line < last and self._line(line).lstrip().startswith("|"):
                if line > body:
                    self._breaks.setdefault(self._lines[line], level + 1)
                line += 1
            end = self._lines[line]
            self._blocks.append(Block(head, self._lines[body], end, columns, is_table=True))
            if line < last:
                self._breaks.setdefault(end, level)

    def _note_code(self, fence: Any, first: int, last: int) -> None:
        language = (fence.info.split() or [""])[0]
        found = code.structure(fence.content, language)
        self._blocks.append(Block(self._lines[first], self._lines[first + 1], self._lines[last]))
        depths = found.breaks if found else _by_indent(fence.content)
        for line, depth in depths.items():
            self._breaks.setdefault(self._lines[first + 1 + line], fence.level + 1 + depth)

    def _line(self, number: int) -> str:
        return self._text[self._lines[number] : self._lines[number + 1] - 1]

    def _sections(self, document: ParsedDocument, tokens: Sequence[Any]) -> Iterator[Section]:
        """Sections, each within one page."""
        kind = document.mime_type
        if kind == kinds.SOURCE_CODE and (named := self._definitions(tokens)):
            yield from (Section(place, path, None, False) for place, path in named)
            return
        messages = dict(_messages(document.text)) if kind in (kinds.MAIL, kinds.OUTLOOK) else {}
        marks = dict(self._headings(tokens))
        marks |= {place: (_MESSAGE_LEVEL, title) for place, title in messages.items()}
        pages = {page.start: page.number for page in document.pages}
        is_sheets, is_slides = kind.startswith(kinds.SHEETS), kind.startswith(kinds.SLIDES)
        path: list[tuple[int, str]] = []
        page: int | None = None
        for place in sorted({0, *marks, *pages}):
            if place in pages and is_slides:
                path = []  # a slide without a title is not about the one before
            if place in marks:
                level, title = marks[place]
                path = [*(step for step in path if step[0] < level), (level, title)]
            apart = place in pages or place in messages or (is_sheets and place in marks)
            page = pages.get(place, page)
            if place < len(document.text):
                yield Section(place, tuple(title for _, title in path), page, apart)

    def _headings(self, tokens: Sequence[Any]) -> Iterator[tuple[int, tuple[int, str]]]:
        """(place, (level, title)) of every heading."""
        for token, inline in pairwise(tokens):
            is_heading = token.type == "heading_open" and token.map and token.level == 0
            if is_heading and (title := plain_line(inline.content, self._references)):
                yield self._lines[token.map[0]], (int(token.tag[1:]), title)

    def _definitions(self, tokens: Sequence[Any]) -> list[tuple[int, tuple[str, ...]]]:
        """(place, names) of the definitions in a file of source code: one block of it."""
        fence = tokens[0] if tokens and tokens[0].type == "fence" else None
        found = code.structure(fence.content, fence.info.strip()) if fence else None
        if found is None:
            return []
        (_, names), *rest = found.sections
        return [(0, names), *((self._lines[line + 1], path) for line, path in rest)]


def _parsed(text: str) -> tuple[list[Any], Mapping[str, Any]]:
    """Its blocks, and the targets of links by reference."""
    found: dict[str, Any] = {}
    blocks = _reader().parse(text.replace("\r", " "), found)  # which would count as a line's end
    return blocks, found.get("references", {})


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark")
    reader.core.ruler.enableOnly(["normalize", "block"])  # what stands in the lines is not asked
    return reader


def _by_indent(content: str) -> dict[int, int]:
    """Lines of code in an unknown language, with depths: after a gap first, then by indent."""
    depths: dict[int, int] = {}
    gap = True
    for number, line in enumerate(content.split("\n")):
        bare = line.lstrip()
        if bare:
            depths[number] = (len(line) - len(bare)) * 2 + (not gap)
        gap = not bare
    return depths


def _messages(text: str) -> Iterator[tuple[int, str]]:
    """(place, who wrote it and when) of each earlier message that a mail quotes."""
    for found in _MESSAGE.finditer(text):
        title = found["wrote"] or f"{found['sender']}, {found['sent']}"
        yield found.start(), _QUOTE_MARKS.sub(" ", title).strip()[:_TITLE_CHARS]
