"""The plain text of a Word 97 file (.doc) to Markdown: paragraphs, tables, no field codes."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Fields come as their instruction and their result; only the result is for readers.
_FIELD = re.compile(
    r"(?<![ \t])[ \t]*\b(?:SEQ|REF|PAGEREF|STYLEREF|PAGE|NUMPAGES|DATE|TIME|TOC|FILENAME|AUTHOR)\b"
    r"[^\n\\]{0,80}?(?:\\[*@#a-z][ \t]?(?:\"[^\"\n]*\"|\w+)?[ \t]*)+"
)
_LINK = re.compile(
    r"(?<![ \t])[ \t]*\bHYPERLINK[ \t]+(?:\\[a-z][ \t]+)?"
    r"\"[^\"\n]{0,2000}\"(?:[ \t]*\\[a-z])*[ \t]*"
)
_ROW_END = "\t\t"


def to_markdown(plain: str) -> str:
    """Markdown of a file's text: a line is a paragraph, tabs mark the cells of tables."""
    text = plain.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    text = _FIELD.sub(" ", _LINK.sub(" ", text))
    blocks = [_block(line) for line in text.split("\n")]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _block(line: str) -> str:
    """A paragraph, or the table that a line is: each cell ends with a tab, a row with two."""
    rows = [row.split("\t") for row in line.rstrip().split(_ROW_END) if row.strip()]
    width = len(rows[0]) if rows else 0
    if len(rows) > 1 and width > 1 and all(len(row) == width for row in rows):
        return _table(rows)
    return " ".join(line.split())


def _table(rows: Sequence[Sequence[str]]) -> str:
    cells = [[" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in rows]
    shown = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([shown[0], "|" + " --- |" * len(cells[0]), *shown[1:]])
