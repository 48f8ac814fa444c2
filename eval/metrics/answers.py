"""Is the answer right? Against accepted strings, and against a reference as SQuAD does it.

An abstention is no right answer to an answerable question, whatever its text contains.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

from eval.metrics.score import Asked, Measure, Measures

_MARK = re.compile(r"\s*\[\d+\]")
_ARTICLE = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def measure(asked: Asked) -> Measures:
    """Of an answerable question: right by its strings, exact match and token F1."""
    question = asked.question
    if not question.answerable:
        return {}
    text = without_marks(asked.given.answer) if asked.given else ""
    return {
        "answer_contains": Measure(contains(text, question.expected)),
        "exact_match": Measure(exact_match(text, question.answer)),
        "token_f1": Measure(token_f1(text, question.answer)),
    }


def without_marks(text: str) -> str:
    """The text without its citation marks."""
    return _MARK.sub("", text)


def contains(text: str, expected: Sequence[str]) -> float:
    """1 when any expected string occurs; case and kind of white space do not matter."""
    return float(any(_flat(candidate) in _flat(text) for candidate in expected))


def exact_match(text: str, reference: str) -> float:
    """1 when both are the same after SQuAD's normalization."""
    return float(squad_normal(text) == squad_normal(reference))


def token_f1(text: str, reference: str) -> float:
    """Harmonic mean of precision and recall of tokens (Rajpurkar et al., 2016)."""
    tokens, wanted = squad_normal(text).split(), squad_normal(reference).split()
    if not tokens or not wanted:
        return float(tokens == wanted)
    common = sum((Counter(tokens) & Counter(wanted)).values())
    return 2 * common / (len(tokens) + len(wanted))


def squad_normal(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and extra white space."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _flat(text: str) -> str:
    return " ".join(text.casefold().split())
