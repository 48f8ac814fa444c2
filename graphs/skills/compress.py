"""Passages down to a budget: whole while they fit, then their best sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from app.core.ports import SentenceScorer
from app.core.text import Span, sentence_spans
from app.core.types import Passage
from graphs.context import Evidence

CountTokens = Callable[[Sequence[str]], list[int]]
Piece = tuple[Passage, int, str]
"""A passage, and the place and text of what is kept of it."""


class SentenceCompressor:
    """Keeps, of each passage that does not fit, the run of sentences that scores best.

    Args:
        scorer: Scores single sentences.
        count_tokens: Counts tokens as the encoder does, near enough for a budget.
    """

    def __init__(self, scorer: SentenceScorer, count_tokens: CountTokens) -> None:
        self._scorer = scorer
        self._count_tokens = count_tokens

    async def compress(
        self, question: str, passages: Sequence[Passage], budget: int
    ) -> list[Evidence]:
        """Evidence in the order of the passages, numbered from 1, within `budget` tokens.

        Long passages are cut to one size. The last ones are left out where even single
        sentences are too many; the first never is.
        """
        sizes = self._count_tokens([p.text for p in passages]) if passages else []
        most = _largest(sizes, budget)
        pieces = [
            await self._trim(question, passage, most)
            if size > most
            else (passage, passage.start, passage.text)
            for passage, size in zip(passages, sizes, strict=True)
        ]
        kept = self._within([piece for piece in pieces if piece[2].strip()], budget)
        return [Evidence(n, p, start, text) for n, (p, start, text) in enumerate(kept, start=1)]

    async def _trim(self, question: str, passage: Passage, budget: int) -> Piece:
        spans = sentence_spans(passage.text)
        if not spans:
            return passage, passage.start, passage.text
        ends = [*(span.start for span in spans[1:]), spans[-1].end]  # what is between counts too
        sizes = self._count_tokens(
            [passage.text[span.start : end] for span, end in zip(spans, ends, strict=True)]
        )
        sentences = [passage.text[s.start : s.end] for s in spans]
        contexts = [passage.context] * len(spans)
        scores = await self._scorer.score_sentences(question, sentences, contexts)
        best = _best_run(scores, sizes, budget)
        kept = Span(spans[best.start].start, spans[best.end - 1].end)
        return passage, passage.start + kept.start, passage.text[kept.start : kept.end]

    def _within(self, pieces: Sequence[Piece], budget: int) -> Sequence[Piece]:
        """As many of the first pieces as fit, and at least one."""
        sizes = self._count_tokens([text for _, _, text in pieces]) if pieces else []
        fitting = sum(1 for total in accumulate(sizes) if total <= budget)
        return pieces[: max(1, fitting)]


def _largest(sizes: Sequence[int], budget: int) -> int:
    """The size to which passages are cut so that all fit: short ones leave room to long ones."""
    left = budget
    for number, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - number)
        if size > share:
            return max(1, share)
        left -= size
    return max(sizes, default=0)


def _best_run(scores: Sequence[float], sizes: Sequence[int], budget: int) -> Span:
    """The neighbours around the best sentence, grown on its better side while they fit."""
    first = max(range(len(scores)), key=scores.__getitem__)
    start, end, used = first, first + 1, sizes[first]
    while True:
        sides = [i for i in (start - 1, end) if 0 <= i < len(scores)]
        sides = [i for i in sides if used + sizes[i] <= budget]
        if not sides:
            return Span(start, end)
        grown = max(sides, key=scores.__getitem__)
        used += sizes[grown]
        start, end = min(start, grown), max(end, grown + 1)
