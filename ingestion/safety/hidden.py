"""Text without what a reader cannot see, and whether that could have hidden instructions.

What goes has no glyph. A character stays where writing needs it: joiners in Arabic, Indic
scripts and emoji, direction marks in texts with right-to-left letters, one variation
selector after a character that has variants, the letters of a flag. A lone byte order mark
or zero-width space is a habit of programs and earns no flag; these do:

- characters made for tags, and overrides that turn the order of letters round, because no
  document needs them;
- eight or more useless invisible characters in a row, and as many variation selectors in
  all: so are texts coded in them;
- a comment that gives instructions to a model. Other comments are authors' notes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from ingestion.safety import poison

_JOINERS = "\u200c\u200d"
_MARKS = "\u061c\u200e\u200f\u202a-\u202c\u2066-\u2069"  # of direction
_OVERRIDES_AND_TAGS = "\u202d\u202e\U000e0000-\U000e007f"
_SELECTORS, _HAN_SELECTORS = "\ufe00-\ufe0f", "\U000e0100-\U000e01ef"
_NEVER_NEEDED = "\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff"
_INVISIBLE = re.compile(
    f"[{_JOINERS}{_MARKS}{_OVERRIDES_AND_TAGS}{_SELECTORS}{_HAN_SELECTORS}{_NEVER_NEEDED}]+"
)
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_EMOJI = "#*0-9\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff"  # and symbols
# Arabic and its kin, the scripts from India to Burma, Khmer and Mongolian, Phags-pa.
_JOINING = (
    "\u0600-\u085f\u08a0-\u0dff\u0f00-\u109f\u1780-\u18af\ua840-\ua87f\ufb50-\ufdff\ufe70-\ufefc"
)
_FLAG = re.compile("(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_SOFT_HYPHEN = re.compile(r"(?<=\w)\u00ad(?=\w)")
_CODE_OR_COMMENT = re.compile(
    r"^[ ]{0,3}(`{3,}+|~{3,}+)[^\n]*\n[\s\S]*?(?:^[ ]{0,3}\1[^\n]*$|\Z)"
    r"|`[^`\n]+`|(<!--(?:-?>|[\s\S]*?--!?>))",
    re.MULTILINE,
)
_CODED = 8  # invisible characters: a byte in bits


def visible(text: str) -> tuple[str, bool]:
    """Canonical text without invisible characters and without Markdown's comments.

    A soft hyphen within a word goes, since it would keep the word from being found; at a
    line's end it is seen and stays. Code keeps its comments. The time is linear.

    Returns:
        The text, and whether something that could hide instructions was taken out.
    """
    text, suspicious = _without_comments(text)
    if text.isascii():
        return text, suspicious
    right_to_left = bool(_RIGHT_TO_LEFT.search(text))
    parts: list[str] = []
    done = selectors = 0
    for run in _INVISIBLE.finditer(text):
        kept, gone = _sifted(text, run.start(), run.end(), right_to_left)
        parts += text[done : run.start()], kept
        done = run.end()
        selectors += sum(map(bool, map(_is(_SELECTORS + _HAN_SELECTORS), gone)))
        suspicious |= len(gone) >= _CODED or any(map(_is(_OVERRIDES_AND_TAGS), gone))
    parts.append(text[done:])
    return _SOFT_HYPHEN.sub("", "".join(parts)), suspicious or selectors >= _CODED


@cache
def _is(characters: str) -> Callable[[str], object]:
    """A test for one character of a class, as it stands between brackets in a pattern."""
    return re.compile(f"[{characters}]").match


def speaks(seen_by_none: str) -> bool:
    """Whether text that was hidden gives instructions to a model."""
    return bool(poison.find(seen_by_none))


def _without_comments(text: str) -> tuple[str, bool]:
    end = text.rfind("-->") + len("-->")  # from there on none ends, and none is looked for
    if "<!--" not in text or end < len("-->"):
        return text, False
    comments = [match[2] for match in _CODE_OR_COMMENT.finditer(text, 0, end) if match[2]]
    head = _CODE_OR_COMMENT.sub(lambda match: "" if match[2] else match[0], text[:end])
    return head + text[end:], speaks("\n".join(comments))


def _sifted(text: str, start: int, end: int, right_to_left: bool) -> tuple[str, str]:
    """(what stays, what goes) of a run of invisible characters; each has a use but once."""
    flag = _FLAG.match(text, start, end)
    kept: list[str] = [flag[0]] if flag else []
    gone: list[str] = []
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    for place in range(flag.end() if flag else start, end):
        char = text[place]
        if _is(_JOINERS)(char):
            emoji = _is(_EMOJI)(before) and _is(_EMOJI)(after)
            needed = emoji or _is(_JOINING)(before) or _is(_JOINING)(after)
        elif _is(_SELECTORS)(char):
            needed = place == start and _is(_EMOJI + _HAN + _JOINING)(before)
        elif _is(_HAN_SELECTORS)(char):
            needed = place == start and _is(_HAN)(before)
        else:
            needed = right_to_left and _is(_MARKS)(char)
        (kept if needed and char not in kept[-4:] else gone).append(char)
    return "".join(kept), "".join(gone)
