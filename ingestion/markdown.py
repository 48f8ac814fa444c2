"""Markdown as authors write it to Markdown as readers and the other stages expect it."""

from __future__ import annotations

import re

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
