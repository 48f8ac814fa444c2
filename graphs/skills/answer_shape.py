"""Whether words look like an answer to a question: of the kind asked for, whole, not its own.

The reader knows what a passage says; these signs know how people put questions. Their weights
are in `places.py`.
"""

from __future__ import annotations

import math
import re

from app.core.text import STOP_WORDS, words

_NAME = r"(?:[A-Z][\w'’.-]*[\w])(?:\s+(?:(?:of|de|the|von|van|and|&)\s+)?[A-Z][\w'’.-]*[\w])*"
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DATE = (
    rf"(?:\d{{1,2}} )?{_MONTH}(?: \d{{1,2}}(?!\d))?(?:,? ?\d{{4}})?|(?:1\d{{3}}|20\d{{2}})s?|"
    r"\d{1,2}(?:st|nd|rd|th) century"
)
_COUNT = (
    r"[$£€]?\d[\d,.]*(?:\s*(?:%|percent|per cent|million|billion|thousand|hundred|km|miles|feet|"
    r"metres|meters|years|people|episodes|members|seats|days|hours|minutes))?|"
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|twenty)\b"
)
KINDS = {"when": re.compile(_DATE), "number": re.compile(_COUNT), "name": re.compile(_NAME)}
_ASKS = (
    ("when", r"when|what year|which year|what date|what day|in what century"),
    ("number", r"how (many|much|old|long|tall|far|high|big|large|often)"),
    ("name", r"who|whose|whom|where|which|what (is the name|city|country|state)"),
)
_OPEN = re.compile(
    r"\b(?:how (?:do|does|did|can|could|should|would|to|is|are)\b|why\b|explain|describe|list\b|"
    r"what (?:happens|should|if|are the (?:steps|rules|reasons|conditions)))",
    re.IGNORECASE,
)
_ARTICLES = ("the", "a", "an")
_EDGES = ",.;:-("
SIGNS = ("said", "when", "number", "name", "date", "length", "frayed")


def asked_kind(question: str) -> str | None:
    """What kind of words would answer: `when`, `number`, `name`, or None if it is open."""
    low = question.lower()
    return next((kind for kind, asks in _ASKS if re.search(rf"\b({asks})\b", low)), None)


def is_open(question: str) -> bool:
    """Whether it asks how, why, or what to do, which no few words of one sentence tell."""
    return _OPEN.search(question) is not None


def answer_shape(question: str, said: str) -> tuple[float, ...]:
    """One number for each of SIGNS.

    The share of the words that the question says itself; for each kind that is asked for, 1 if
    the words are of that kind and -1 if not; whether they are a date where none is asked for;
    the logarithm of their number where the question is open; whether they begin or end amidst a
    phrase.
    """
    found, kind = words(said), asked_kind(question)
    telling = set(found) - STOP_WORDS
    own = len(telling & set(words(question))) / max(len(telling), 1)
    of_kind = [
        0.0 if kind != asked else 1.0 if pattern.search(said) else -1.0
        for asked, pattern in KINDS.items()
    ]
    date = kind not in ("when", "number") and KINDS["when"].search(said) is not None
    length = math.log1p(len(found)) if kind is None else 0.0
    return (own, *of_kind, float(date), length, float(_is_frayed(said, found)))


def _is_frayed(said: str, found: list[str]) -> bool:
    if not found:
        return True
    begins = found[0] in STOP_WORDS and found[0] not in _ARTICLES
    marks = said[0] in _EDGES + ")" or said[-1] in _EDGES
    return begins or found[-1] in STOP_WORDS or marks or said.count("(") != said.count(")")
