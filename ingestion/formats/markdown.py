"""Markdown as authors write it to Markdown as readers and the other stages expect it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FRONT_MATTER = re.compile(r"\A---\n(.{0,10000}?\n)(?:---|\.\.\.)\n", re.DOTALL)
_CODE_OR_ESCAPE = re.compile(
    r"^[ ]{0,3}(`{3,}+|~{3,}+).*\n[\s\S]*?(?:^[ ]{0,3}\1.*$|\Z)|`[^`\n]+`|\\([^\w\s|\\])",
    re.MULTILINE,
)
_BARE_TABLE = re.compile(
    r"^(?!\s*\|)[^\n|]*\|[^\n]*\n[ ]{0,3}:?-+:?[ ]*(?:\|[ ]*:?-+:?[ ]*)+\n(?:[^\n|]*\|[^\n]*\n?)*",
    re.MULTILINE,
)
_PICTURE = re.compile(r"!\[([^\[\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)")
_EMBEDDED = re.compile(r"!\[([^\[\]\n]*)\]\(data:[^)\n]*\)")
_PADDED = re.compile(r"^\|.*\|[ ]*$", re.MULTILINE)
_PADDING = re.compile(r"(?<! )[ ]+( \|)")
_DASHES = re.compile(r"-{4,}(?=[ :]*\|)")
_TABLE = re.compile(r"^\|.*\|\n\|(?:[ ]*:?-+:?[ ]*\|)+\n(?:\|.*(?:\n|\Z))*", re.MULTILINE)
_CELLS = re.compile(r"(?<!\\)\|")
_MARKS = frozenset("[]<>*_`~&\\¶")
_LONGEST = 1000
"""Characters of a line that is read for links: no heading or cell is longer."""
_ANCHOR = re.compile(r"</?a\b")


def tidy(text: str) -> tuple[str, str]:
    """(title, text) of an author's Markdown; the title is empty without front matter.

    Front matter, escapes and the bytes of embedded pictures go, and tables get the outer
    pipes that they may lack. All else stays as it was written.
    """
    title, text = _without_front_matter(text)
    text = _BARE_TABLE.sub(_with_pipes, _EMBEDDED.sub(r"\1", text))
    return title, unescaped(text).lstrip("\n")


def unescaped(text: str) -> str:
    r"""The text as readers see it: `\#` and `\<` are for printers only, except in code."""
    return _CODE_OR_ESCAPE.sub(lambda match: match[2] or match[0], text)


def without_pictures(text: str) -> str:
    """The text with the words for each picture in its place."""
    return _PICTURE.sub(r"\1", text)


def plain_line(line: str, references: Mapping[str, Any] | None = None) -> str:
    """A heading, or a cell, as its readers see it: the words of its links, and no marks.

    Signs that link to the heading itself, such as `[¶](#leave)`, go.

    Args:
        references: What the document's Markdown parser found of `[link]: target`.
    """
    if _MARKS.isdisjoint(line) or len(line) > _LONGEST:
        return " ".join(line.split())
    (inline,) = _reader().parseInline(line, {"references": references or {}})
    shown: list[str] = []
    links: list[tuple[str, int]] = []
    for token in inline.children or ():
        match token.type:
            case "softbreak" | "hardbreak":
                shown.append(" ")
            case "html_inline" if _ANCHOR.match(token.content):
                pass
            case "link_open":
                links.append((str(token.attrs["href"]), len(shown)))
            case "link_close":
                target, first = links.pop()
                if target.startswith("#") and not any(map(str.isalnum, "".join(shown[first:]))):
                    del shown[first:]
            case _:  # text, code, what stands for a picture
                shown.append(token.content)
    return " ".join("".join(shown).split()).rstrip(" ¶")


def compact_tables(text: str) -> str:
    """The text with the rows of its tables not padded to one width."""
    return _PADDED.sub(lambda row: _PADDING.sub(r"\1", _DASHES.sub("---", row[0])), text)


def captioned(text: str) -> str:
    """The text of sheets whose tables may begin with a caption: rows with one filled cell.

    A caption becomes a paragraph above the table, so that the row of column names is its
    header. Empty rows next to it go.
    """
    return _TABLE.sub(_with_caption, text)


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("strikethrough")


def _with_caption(table: re.Match[str]) -> str:
    first, ruler, *rest = table[0].splitlines()
    rows, said = [first, *rest], []
    while len(rows) > 1 and len(found := [c.strip() for c in _CELLS.split(rows[0])[1:-1]]) > 1:
        filled = [cell for cell in found if cell]
        if len(filled) > 1 or not any(_CELLS.sub("", row).strip() for row in rows[1:]):
            break
        said += filled
        rows = rows[1:]
    if not said:
        return table[0]
    return "\n\n".join([*said, "\n".join([rows[0], ruler, *rows[1:]])]) + "\n"


def _without_front_matter(text: str) -> tuple[str, str]:
    """(title, rest); a rule at the top of a text is not taken for front matter."""
    import yaml

    found = _FRONT_MATTER.match(text)
    try:
        fields = yaml.safe_load(found[1]) if found else None
    except (yaml.YAMLError, ValueError):  # ValueError: a date that is none
        fields = None
    if not found or not isinstance(fields, dict):
        return "", text
    title = fields.get("title")
    return title if isinstance(title, str) else "", text[found.end() :]


def _with_pipes(table: re.Match[str]) -> str:
    return "".join(f"| {line.strip()} |\n" for line in table[0].splitlines())
