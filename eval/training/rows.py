"""Pairs as a model reads them: rows of tokens, question first, with the places of the answer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.core.text import Span

if TYPE_CHECKING:  # what makes pairs wants more than what learns from rows
    from eval.training.pairs import Pair, Passage

QUESTION_TOKENS = 48
SHORT, LONG, LONG_SHARE = 128, 272, 0.12
CLS, SEP = 101, 102
MARKED = ("paragraph", "evidence")
KINDS_THAT_ANSWER = (
    "search", "paragraph", "evidence", "statement", "syntax", "named", "written", "view", "cut",
)  # fmt: skip
NEGATIVE_ANSWER_WEIGHT = 0.3


@dataclass(slots=True)
class Row:
    """One question with one passage, as tokens.

    Args:
        spans: First and last token of each possible place of the answer.
        gold: Whether the passage is the question's.
        answers: 1 or 0, or None where nobody said.
    """

    ids: list[int]
    asked: int
    spans: list[tuple[int, int]]
    gold: bool
    answers: float | None
    answer_weight: float


@dataclass(slots=True)
class Group:
    """A question's rows, the gold one first."""

    kind: str
    rows: list[Row]

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max(len(row.ids) for row in self.rows)


class Encoder:
    """Pairs to groups of rows.

    Args:
        whole: Read every passage up to LONG tokens; else most of them up to SHORT ones.
    """

    def __init__(
        self, tokenizer: Any, passages: Sequence[Passage], seed: int, *, whole: bool = False
    ) -> None:
        self._tokenizer = tokenizer
        self._passages = passages
        self._whole = whole
        self._random = random.Random(seed)  # noqa: S311 - not a secret

    def group(self, pair: Pair) -> Group:
        """The rows of a pair, all within the same number of tokens."""
        long = self._whole or pair.kind in MARKED or self._random.random() < LONG_SHARE
        most = LONG if long else SHORT
        asked = self._tokenizer.encode(pair.question, add_special_tokens=False).ids
        asked = asked[:QUESTION_TOKENS]
        known = pair.kind.startswith(KINDS_THAT_ANSWER)
        answers = float(pair.answerable) if known else None
        rows = [self._row(asked, pair.shown, pair.spans, most, True, answers, 1.0)]
        for number in pair.negatives if pair.answerable else ():
            passage = self._passages[number]
            if not pair.shown.context:
                passage = replace(passage, context="")
            rows.append(
                self._row(
                    asked, passage, (), most, False,
                    0.0 if known else None, NEGATIVE_ANSWER_WEIGHT,
                )
            )  # fmt: skip
        return Group(pair.kind, rows)

    def _row(
        self, asked: list[int], passage: Passage, spans: Sequence[Span], most: int,
        gold: bool, answers: float | None, weight: float,
    ) -> Row:  # fmt: skip
        head = f"{passage.context}\n" if passage.context else ""
        encoding = self._tokenizer.encode((head + passage.body)[:6000], add_special_tokens=False)
        room = most - len(asked) - 3
        first = 0
        places = [
            place for span in spans if (place := _tokens_of(encoding, span, len(head))) is not None
        ]
        if places and len(encoding.ids) > room and all(last >= room for _, last in places):
            start, last = self._random.choice(places)
            first = max(0, min(start - self._random.randrange(room // 2), len(encoding.ids) - room))
            first = max(first, last - room + 1)
        told = encoding.ids[first : first + room]
        shift = len(asked) + 2 - first
        within = [(a + shift, b + shift) for a, b in places if a >= first and b < first + len(told)]
        return Row([CLS, *asked, SEP, *told, SEP], len(asked), within, gold, answers, weight)


def _tokens_of(encoding: Any, span: Span, shift: int) -> tuple[int, int] | None:
    first = encoding.char_to_token(span.start + shift)
    last = encoding.char_to_token(span.end - 1 + shift)
    return None if first is None or last is None else (first, last)
