"""Evidence to an answer, sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from app.core.ports import Gateway, SentenceScorer
from app.core.run import Run
from app.core.text import (
    WORD,
    Span,
    is_table_row,
    is_table_ruler,
    sentence_spans,
    table_header,
    words,
)
from graphs.context import DraftSentence, Evidence, Quote
from graphs.skills.split import MARK, SentenceStream

NO_ANSWER = "NO ANSWER"
_FEWEST_WORDS = 3
_LEANS = re.compile(r"(?:It|They|This|These|Those|He|She|Its|Their|Both|That)\b")
_BULLETS = re.compile(r"^(?:[-*•]\s+)+")


class ExtractiveReader:
    """Answers with the best sentences of the evidence, quoted exactly.

    A sentence counts for what it says and for the passage it stands in.

    Args:
        scorer: Scores single sentences.
        threshold: Evidence of which no passage is as relevant does not answer.
        most: How many sentences at the most.
    """

    def __init__(self, scorer: SentenceScorer, *, threshold: float, most: int) -> None:
        self._scorer = scorer
        self._threshold = threshold
        self._most = most

    async def write(
        self, question: str, evidence: Sequence[Evidence], feedback: str, run: Run
    ) -> AsyncGenerator[DraftSentence, None]:
        """The best sentences, best first; none when even the best passage is too weak."""
        units = _units(evidence)
        relevance = [_relevance(item) for item in evidence]
        if not units or max(relevance) < self._threshold:
            return
        scores = await self._scorer.score_sentences(
            question, [u.quote.text for u in units], [u.context for u in units]
        )
        ranked = sorted(
            zip(scores, units, strict=True),
            key=lambda pair: -pair[0] * _relevance(pair[1].quote.evidence),
        )
        shown: list[Quote] = []
        for _, unit in ranked:
            if len(shown) == self._most:
                return
            if not any(_overlap(unit.quote, quote) for quote in shown):
                shown.append(unit.quote)
                yield DraftSentence(_shown(unit.quote.text), quotes=[unit.quote])


class ModelWriter:
    """Lets the chat model write; its marks say which evidence it means."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def write(
        self, question: str, evidence: Sequence[Evidence], feedback: str, run: Run
    ) -> AsyncGenerator[DraftSentence, None]:
        """Sentences as they are completed. Raises what the gateway raises."""
        passages = [
            {
                "number": e.number,
                "title": e.passage.title,
                "heading": e.passage.heading,
                "text": e.text,
            }
            for e in evidence
        ]
        stream = self._gateway.stream(
            "generate", run, question=question, passages=passages, feedback=feedback
        )
        sentences, truncated = SentenceStream(), False
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                truncated = truncated or piece.truncated
                for sentence in sentences.feed(piece.text):
                    if drafted := _drafted(sentence):
                        yield drafted
        if truncated:  # what is left is half a sentence
            run.skip("generate", "the reply was cut at chat.max_output_tokens")
            return
        for sentence in sentences.end():
            if drafted := _drafted(sentence):
                yield drafted


@dataclass(frozen=True, slots=True)
class _Unit:
    quote: Quote
    context: str


def _relevance(item: Evidence) -> float:
    """What the reranker said of a passage; 1 when nobody did."""
    said = item.passage.scores.rerank
    return 1.0 if said is None else said


def _overlap(one: Quote, other: Quote) -> bool:
    """Whether two quotes share words of a document, or say the same."""
    same = one.evidence.passage.document_id == other.evidence.passage.document_id
    return one.text == other.text or (same and one.start < other.end and other.start < one.end)


def _units(evidence: Sequence[Evidence]) -> list[_Unit]:
    """What can be quoted; a table's row has its header as context, and is no unit itself."""
    found: list[_Unit] = []
    for item in evidence:
        for span in _whole(item.text, sentence_spans(item.text)):
            text, context = item.text[span.start : span.end], item.context
            if text.isascii() and len(words(text)) < _FEWEST_WORDS:
                continue  # a greeting, a name below a letter; other scripts have other words
            if is_table_row(text):
                header = table_header(item.text, span)
                if header is None and is_table_ruler(_line_after(item.text, span)):
                    continue
                if header:
                    context += "\n" + item.text[header.start : header.end].strip()
            quote = Quote(item, item.start + span.start, item.start + span.end)
            found.append(_Unit(quote, context))
    return found


def _shown(quote: str) -> str:
    """A quote in one line; of a table's row, its cells."""
    return " ".join(quote.strip("| ").split())


def _line_after(text: str, span: Span) -> str:
    return text[span.end :].lstrip(" \t").removeprefix("\n").split("\n", 1)[0]


def _whole(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """Sentences; one that begins with a pronoun comes with the sentence before it."""
    for number, span in enumerate(spans):
        before = spans[number - 1] if number else None
        leans = _LEANS.match(text, span.start)
        if before and leans and text[before.end : span.start].strip(" ") in ("", "\n"):
            yield Span(before.start, span.end)
        else:
            yield span


def _drafted(sentence: str) -> DraftSentence | None:
    numbers = [int(n) for marks in MARK.findall(sentence) for n in marks.split(",")]
    text = _BULLETS.sub("", MARK.sub("", sentence).strip())
    if not WORD.search(text) or text.strip(" .*").upper() == NO_ANSWER:
        return None
    return DraftSentence(text, numbers=list(dict.fromkeys(numbers)))
