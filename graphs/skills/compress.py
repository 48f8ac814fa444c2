"""Passages down to a budget: whole while they fit, then their best sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.core.ports import SentenceScorer
from app.core.text import Span, sentence_spans
from app.core.types import Passage
from graphs.context import Evidence, context_of

CountTokens = Callable[[Sequence[str]], list[int]]


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
        """Evidence in the order of the passages, numbered from 1, within `budget` tokens."""
        if not passages:
            return []
        sizes = self._count_tokens([p.text for p in passages])
        if sum(sizes) > budget:
            share = max(1, budget // len(passages))
            pieces = [await self._trim(question, p, share) for p in passages]
        else:
            pieces = [(p, p.start, p.text) for p in passages]
        kept = [piece for piece in pieces if piece[2].strip()]
        return [Evidence(n, p, start, text) for n, (p, start, text) in enumerate(kept, start=1)]

    async def _trim(self, question: str, passage: Passage, budget: int) -> tuple[Passage, int, str]:
        spans = sentence_spans(passage.text)
        sentences = [passage.text[s.start : s.end] for s in spans]
        sizes = self._count_tokens(sentences)
        if not spans or sum(sizes) <= budget:
            return passage, passage.start, passage.text
        contexts = [context_of(passage)] * len(spans)
        scores = await self._scorer.score_sentences(question, sentences, contexts)
        best = _best_run(scores, sizes, budget)
        kept = Span(spans[best.start].start, spans[best.end - 1].end)
        return passage, passage.start + kept.start, passage.text[kept.start : kept.end]


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
