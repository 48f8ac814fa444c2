"""Text that speaks to a language model instead of to a reader.

Rules, not a model: each finding can be looked at and explained, nothing is sent anywhere,
and a megabyte takes a fraction of a second. They are made for few false alarms; an attack
that merely asks for something else ("What is the capital of Brazil?") is not to be told
from an ordinary sentence, so the flag is a help to a reader and no wall. What the rules
look for stands in `commands.py`; how often they are right, `python -m eval.injection` says.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from ingestion.safety.commands import RULES, Rule
from ingestion.safety.folding import FOLDED, fold

INSTRUCTIONS = "instructions"
"""The flag of a document that tries to give instructions to a language model."""

_BEFORE, _AFTER = 300, 300  # characters around an anchor in which its rules look
_MOST_DECODED = 4096  # characters of a blob, enough to see what it says
_BLOB = re.compile(r"(?:[A-Za-z0-9+/]{40,}+\r?\n?)++[A-Za-z0-9+/]{0,80}={0,2}")


@dataclass(frozen=True, slots=True)
class Finding:
    """`text[start:end]`, in characters, and what it does there."""

    start: int
    end: int
    why: str


def flags(text: str) -> list[str]:
    """The flags that a document's text earns: `instructions`, or none."""
    return [INSTRUCTIONS] if find(text) else []


def find(text: str) -> list[Finding]:
    """Places where a text gives instructions to a language model, in order.

    Case, accents, widths, look-alike letters, digits for letters and invisible characters
    do not matter, and Base64 is read. The time is linear in the text's length.
    """
    folded = fold(text)
    # Each anchor is looked for once, whatever the number of its rules: most texts have few.
    there = frozenset(anchor for anchor in _anchors() if anchor in folded)
    rules = [rule for rule in RULES if not there.isdisjoint(rule.anchors)]
    found = [(start, end, rule.why) for rule in rules for start, end in _matches(rule, folded)]
    if found and not text.isascii():
        places = _places(text)
        found = [
            (bisect_right(places, start) - 1, bisect_right(places, end - 1), why)
            for start, end, why in found
        ]
    return sorted(
        [Finding(*each) for each in found] + list(_in_blobs(text)),
        key=lambda finding: (finding.start, finding.end),
    )


@cache
def _anchors() -> frozenset[str]:
    return frozenset(anchor for rule in RULES for anchor in rule.anchors)


def _matches(rule: Rule, folded: str) -> Iterator[tuple[int, int]]:
    for start, end in _windows(folded, rule):
        for match in rule.pattern.finditer(folded, start, end):
            yield match.span()


def _windows(folded: str, rule: Rule) -> Iterator[tuple[int, int]]:
    """Stretches around a rule's anchors, merged. To search only there makes most texts cheap."""
    last: tuple[int, int] | None = None
    places = {place for anchor in rule.anchors for place in _occurrences(folded, anchor)}
    for place in sorted(place for place in places if rule.holds_at(folded, place)):
        start, end = max(0, place - _BEFORE), place + _AFTER
        if last and start <= last[1]:
            last = (last[0], end)
            continue
        if last:
            yield last
        last = (start, end)
    if last:
        yield last


def _occurrences(folded: str, anchor: str) -> Iterator[int]:
    place = folded.find(anchor)
    while place >= 0:
        yield place
        place = folded.find(anchor, place + len(anchor))


def _places(text: str) -> list[int]:
    """Where each character of the text begins in the folded text."""
    return [0, *accumulate(len(char.translate(FOLDED)) for char in text)][:-1]


def _in_blobs(text: str) -> Iterator[Finding]:
    for blob in _BLOB.finditer(text):
        packed = "".join(blob[0][:_MOST_DECODED].split()).rstrip("=")
        try:
            data = base64.b64decode(packed[: len(packed) // 4 * 4], validate=True)
            said = data.decode()
        except (binascii.Error, UnicodeDecodeError):
            continue  # no text: a picture, a key
        folded = fold(said)
        if any(True for rule in RULES for _ in _matches(rule, folded)):
            yield Finding(blob.start(), blob.end(), "an instruction in Base64")
