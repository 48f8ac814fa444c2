"""A document tree with pages, as kreuzberg gives it for PDFs, to canonical Markdown.

Its Markdown and its pages are two different strings; the tree knows both, so the
canonical text and the place of every page come from the tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.core.types import Page

Node = Mapping[str, Any]


def to_markdown(nodes: Sequence[Node]) -> tuple[str, list[Page]]:
    """Canonical Markdown and the pages of a tree's nodes, in reading order."""
    text = ""
    pages: list[Page] = []
    for page, block in _blocks(nodes):
        if not pages or page > pages[-1].number:
            if pages:
                pages[-1] = Page(pages[-1].number, pages[-1].start, len(text))
            pages.append(Page(page, len(text), len(text)))
        text += block.strip() + "\n\n"
    if pages:
        pages[-1] = Page(pages[-1].number, pages[-1].start, len(text))
    return text, pages


def _blocks(nodes: Sequence[Node]) -> Iterator[tuple[int, str]]:
    page = 1
    for node in nodes:
        page = max(page, int(node.get("page") or page))
        block = _render(node["content"])
        if block.strip():
            yield page, block


def _render(content: Node) -> str:
    kind = content["node_type"]
    if kind == "heading":
        return "#" * int(content["level"]) + " " + " ".join(content["text"].split())
    if kind == "list_item":
        text = content["text"].strip()
        return text if text[:1] in "-*+•" else f"- {text}"
    if kind == "code":
        return f"```\n{content['text']}\n```"
    if kind == "table":
        return _table(content["grid"])
    # Groups repeat the heading that follows them; images and breaks carry no text.
    return "" if kind in ("group", "page_break", "image") else str(content.get("text") or "")


def _table(grid: Node) -> str:
    rows = [[""] * int(grid["cols"]) for _ in range(int(grid["rows"]))]
    for cell in grid["cells"]:
        rows[cell["row"]][cell["col"]] = " ".join(str(cell["content"]).replace("|", "\\|").split())
    if not rows:
        return ""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * int(grid["cols"]), *lines[1:]])
