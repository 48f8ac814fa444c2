"""Sentences and words with their places.

Canonical text is Markdown. A unit that can be quoted is a sentence of prose, a list
item's sentence or a table row; headings, rules and table rulers are never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

WORD = re.compile(r"\w+", re.UNICODE)
STOP_WORDS = frozenset(
    WORD.findall(
        """a about all also am an and any are as at be been being but by can could did do does
        each for from get had has have he her him his how i if in into is it its many may me more
        much must my no not of on or our per shall she should so such than that the their them
        then there these they this those to us was we were what when where which who whom whose
        why will with would you your"""
    )
)
"""English words that say nothing of a question's subject."""

_RAGGED = 15  # characters by which a wrapped line may be shorter than its neighbours
_CELL = re.compile(r"[ \t]*\|[ \t|]*")
_BLANK = re.compile(r"^\s*$")
_HEADING = re.compile(r"^\s{0,3}#{1,6}(\s|$)")
_RULE = re.compile(r"^\s*(?:[-*_=]\s*){3,}$")
_RULER = re.compile(r"^(?=[^-]*-)(?=[^|]*\|)[\s:|-]+$")  # linear also for endless lines
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_MARKER = re.compile(r"^\s*(?:>\s*)*(?:[-*+•]\s+|\d{1,3}[.)]\s+)?")
_COMMENT = re.compile(r"^\s*<!--.*-->\s*$")


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]`, in characters."""

    start: int
    end: int


def sentence_spans(text: str) -> list[Span]:
    """Quotable units of `text`, in order, without surrounding white space.

    Lines of one paragraph are read together, so a sentence may run over a line break;
    a table row, a list item or a line of code ends at its line's end.
    """
    return [span for block in _blocks(text) for span in _sentences(text, block)]


def table_header(text: str, row: Span) -> Span | None:
    """The header row of the table that `row` stands in, if it has one."""
    header: Span | None = None
    previous: Span | None = None
    for line in _lines(text):
        content = text[line.start : line.end]
        if "|" not in content:
            header = previous = None
        elif _RULER.match(content):
            header = previous
        elif line.start <= row.start < line.end:
            return header
        else:
            previous = line
    return None


def is_table_row(unit: str) -> bool:
    """Whether a quotable unit is a row of a Markdown table."""
    return unit.startswith("|") and unit.count("|") >= 2


def is_table_ruler(line: str) -> bool:
    """Whether a line is the ruler below the header of a Markdown table."""
    return bool(_RULER.match(line))


def plain(text: str) -> str:
    """Text without the marks of Markdown: a table's row becomes a list of its cells."""
    cells = _CELL.sub(", ", text.replace("**", "").replace("`", ""))
    return "\n".join(line.strip(" ,") for line in cells.splitlines())


def words(text: str) -> list[str]:
    """Lower-case words of any script."""
    return WORD.findall(text.lower())


def _lines(text: str) -> Iterator[Span]:
    start = 0
    for line in text.splitlines(keepends=True):
        yield Span(start, start + len(line))
        start += len(line)


def _blocks(text: str) -> Iterator[Span]:
    """Runs of lines that belong to one paragraph; other lines stand alone."""
    paragraph: Span | None = None
    in_code = False
    for line in _lines(text):
        content = text[line.start : line.end]
        if _FENCE.match(content):
            in_code = not in_code
            kind = "break"
        elif in_code or content.lstrip().startswith("|"):
            kind = "alone"
        elif any(p.match(content) for p in (_BLANK, _HEADING, _RULE, _RULER, _COMMENT)):
            kind = "break"
        else:
            kind = "item" if _MARKER.match(content).group().strip() else "prose"  # type: ignore[union-attr]
        if kind == "prose":
            paragraph = Span(paragraph.start if paragraph else line.start, line.end)
            continue
        if paragraph:
            yield paragraph
        paragraph = line if kind == "item" else None
        if kind == "alone" and not _RULER.match(content) and not _BLANK.match(content):
            yield line
    if paragraph:
        yield paragraph


def _parted(paragraph: str) -> Iterator[str]:
    """A paragraph, cut where its line breaks are meant.

    A break is the wrapping of a long line, unless the next word would have had room.
    """
    lines = paragraph.splitlines(keepends=True)
    width = max((len(line.strip()) for line in lines), default=0) - _RAGGED
    part = ""
    for line in lines:
        first = line.split(maxsplit=1)
        last = part.splitlines()[-1].strip() if part else ""
        if part and first and len(last) + 1 + len(first[0]) <= width:
            yield part
            part = ""
        part += line
    if part:
        yield part


def _sentences(text: str, block: Span) -> Iterator[Span]:
    from sentencex import get_sentence_boundaries

    content = text[block.start : block.end]
    lead = _MARKER.match(content)
    skip = lead.end() if lead else 0
    if content.lstrip().startswith("|"):
        pieces = [content[skip:]]
    else:
        # A lone surrogate, which JSON lets through, is no text to the library: read it as "?".
        readable = content[skip:].encode("utf-8", "replace").decode()
        pieces = [
            piece["text"]
            for part in _parted(readable)
            for piece in get_sentence_boundaries("en", part)
        ]
    # Offsets are counted here from the pieces, which tile the block: the library's own
    # are in bytes for some scripts.
    position = block.start + skip
    for piece in pieces:
        start = position + len(piece) - len(piece.lstrip())
        end = position + len(piece.rstrip())
        if end > start and WORD.search(text, start, end):
            yield Span(start, end)
        position += len(piece)
