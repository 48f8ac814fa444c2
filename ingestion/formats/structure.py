"""A document tree with pages, as kreuzberg gives it for PDFs, to canonical Markdown.

Its Markdown and its pages are two different strings; the tree knows both, so the
canonical text and the place of every page come from the tree. Its headings are guessed
by font size and often wrong, and it cuts paragraphs at columns and pages; what the words
themselves say about that is mended here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.types import Page

Node = Mapping[str, Any]

_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,3})\.?\s+[A-Z\u00c0-\u00de]\S*(?:\s+\S+){0,6}$")
_BULLET = re.compile(r"^[·•▪◦‣–—-]\s+")
_ENDED = re.compile(r"[.!?:;。！？…][\"'”’)\]]*$")
_HEADING_WORDS = 12
_RUNNING_CHARS = 120
_RAGGED = 15  # characters by which a wrapped line may be shorter than its neighbours
_EDGE_LINES = 2
_PAGE_DIGITS = 4
_NUMBER = "\x00"


@dataclass(frozen=True, slots=True)
class _Block:
    page: int
    text: str
    prose: bool
    """Whether the next block may go on with its last sentence."""


def to_markdown(nodes: Sequence[Node]) -> tuple[str, list[Page]]:
    """Canonical Markdown and the pages of a tree's nodes, in reading order.

    The pages tile the text. Lines that run along the top or bottom of most pages are
    left out.
    """
    text = ""
    starts: list[tuple[int, int]] = []
    for block in _joined(_blocks(nodes)):
        if not starts or block.page > starts[-1][0]:
            starts.append((block.page, len(text)))
        text += block.text + "\n\n"
    ends = [*(start for _, start in starts[1:]), len(text)]
    return text, [Page(n, start, end) for (n, start), end in zip(starts, ends, strict=False)]


def _blocks(nodes: Sequence[Node]) -> Iterator[_Block]:
    running = _running_lines(nodes)
    widths = _widths(nodes, running)
    for page, content in _paged(nodes):
        kind = content["node_type"]
        if kind in ("group", "page_break", "image"):
            continue  # groups repeat the heading that follows them
        if kind == "table":
            yield _Block(page, _table(content["grid"]), prose=False)
        elif kind == "code":
            yield _Block(page, f"```\n{content['text']}\n```", prose=False)
        else:
            lines = [line.strip() for line in str(content.get("text") or "").splitlines()]
            kept = [line for line in lines if line and (page, _masked(line, page)) not in running]
            room = widths[page] - _RAGGED
            yield from _prose(page, kept, kind, int(content.get("level") or 2), room)


def _prose(page: int, lines: Sequence[str], kind: str, level: int, room: int) -> Iterator[_Block]:
    """Paragraphs, list items and headings in the lines of one node.

    A line that would have had room for the next word ends on purpose: it is the last of
    a paragraph, or a row of a table that was not seen as one.
    """
    if kind == "heading" and _may_head(" ".join(lines)):
        yield _Block(page, "#" * level + " " + " ".join(lines), prose=False)
        return
    held: list[str] = []
    for line in lines:
        numbered = _NUMBERED.match(line)
        if numbered and _may_head(line):
            if held:
                yield _Block(page, "\n".join(held), prose=True)
            yield _Block(page, "#" * (numbered[1].count(".") + 2) + " " + line, prose=False)
            held = []
        elif held and not _BULLET.match(line) and len(held[-1]) + len(line.split()[0]) < room:
            yield _Block(page, "\n".join(held), prose=True)
            held = [line]
        elif _BULLET.match(line):
            if held:
                yield _Block(page, "\n".join(held), prose=True)
            held = [_BULLET.sub("- ", line)]
        else:
            held.append(f"- {line}" if kind == "list_item" and not held else line)
    if held:
        yield _Block(page, "\n".join(held), prose=True)


def _joined(blocks: Iterator[_Block]) -> Iterator[_Block]:
    """Blocks, with a paragraph that was cut in mid-sentence made whole again."""
    last: _Block | None = None
    for block in blocks:
        if not block.text.strip():
            continue
        cut = (
            last is not None
            and last.prose
            and block.prose
            and last.page == block.page
            and block.text[0].islower()
            and not _ENDED.search(last.text)
        )
        if last and cut:
            last = _Block(last.page, f"{last.text}\n{block.text}", prose=True)
            continue
        if last:
            yield last
        last = block
    if last:
        yield last


def _may_head(text: str) -> bool:
    words = text.split()
    return (
        bool(words)
        and len(words) <= _HEADING_WORDS
        and not text[0].islower()
        and not text.endswith((".", ",", ";"))
    )


def _running_lines(nodes: Sequence[Node]) -> frozenset[tuple[int, str]]:
    """(page, masked line) of the lines to leave out.

    A line runs when it stands at the top or bottom of half of two or more pages, the same
    but for the page's number. Elsewhere, as in a form, a repeated line is content. Without
    a page's number it may be the title: then it stays where it stands first.
    """
    lines: dict[int, list[str]] = {}
    for page, content in _paged(nodes):
        for line in str(content.get("text") or "").splitlines():
            if line.strip():
                lines.setdefault(page, []).append(line.strip())
    pages_of: dict[str, list[int]] = {}
    for page, found in lines.items():
        edges = {*found[:_EDGE_LINES], *found[-_EDGE_LINES:]}
        for masked in {_masked(line, page) for line in edges if len(line) <= _RUNNING_CHARS}:
            pages_of.setdefault(masked, []).append(page)
    return frozenset(
        (page, masked)
        for masked, pages in pages_of.items()
        if len(pages) >= 2 and 2 * len(pages) >= len(lines)
        for page in (pages if _NUMBER in masked else pages[1:])
    )


def _widths(nodes: Sequence[Node], running: frozenset[tuple[int, str]]) -> dict[int, int]:
    """Characters of the longest line of each page that does not run."""
    widths: dict[int, int] = {}
    for page, content in _paged(nodes):
        widths.setdefault(page, 0)
        for line in map(str.strip, str(content.get("text") or "").splitlines()):
            if line and (page, _masked(line, page)) not in running:
                widths[page] = max(widths[page], len(line))
    return widths


def _paged(nodes: Sequence[Node]) -> Iterator[tuple[int, Node]]:
    """The content of each node and its page; pages never go back."""
    page = 1
    for node in nodes:
        page = max(page, int(node.get("page") or page))
        yield page, node["content"]


def _masked(line: str, page: int) -> str:
    """The line with a mark for the page's number, which comes last if it comes twice."""
    if line.isdecimal() and len(line) <= _PAGE_DIGITS:  # which may count from another page
        return _NUMBER
    found = list(re.finditer(rf"(?<!\d){page}(?!\d)", line))
    return line[: found[-1].start()] + _NUMBER + line[found[-1].end() :] if found else line


def _table(grid: Node) -> str:
    rows = [[""] * int(grid["cols"]) for _ in range(int(grid["rows"]))]
    for cell in grid["cells"]:
        rows[cell["row"]][cell["col"]] = " ".join(str(cell["content"]).replace("|", "\\|").split())
    if not rows:
        return ""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * int(grid["cols"]), *lines[1:]])
