"""What a reader sees in the evidence: sentences, where the answer may stand, and if it does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.core.odds import best_and_lead, log_odds
from app.core.ports import Reader, SentenceScorer
from app.core.text import (
    Span,
    is_table_row,
    is_table_ruler,
    sentence_spans,
    table_header,
    words,
)
from app.core.types import Seen
from graphs.context import Evidence, Quote
from graphs.skills.answer_shape import answer_shape, is_open
from graphs.skills.places import Likelihoods
from graphs.skills.second_look import Candidate, Sentence, look_again, shares_of

_FEWEST_WORDS = 3
_FAR = 4.0
"""Log-odds by which a passage may be worse than the best to be quoted. With 405 questions of four
sets .1 % of the sentences shown and .7 % of the places stood in others, which took up to three
quarters of the time."""
_LEANS = re.compile(r"(?:It|They|This|These|Those|He|She|Its|Their|Both|That)\b")


@dataclass(frozen=True, slots=True)
class Unit:
    """What can be quoted: a sentence, or one with the sentence that it leans on.

    Args:
        context: Title and headings, and the header of a table.
        sentence: What a second look reads.
    """

    quote: Quote
    context: str
    sentence: Sentence

    def span(self, quote: Quote) -> Span:
        """Where a quote within it stands in it."""
        return Span(quote.start - self.quote.start, quote.end - self.quote.start)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer may stand, in which sentence, and its probability among all places."""

    quote: Quote
    unit: Unit
    probability: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen.

    Args:
        scores: The relevance of each unit, in [0, 1].
        seen: What the sentences say of the question: nothing where none can be read, as in other
            languages. Of a table's row, which says little without its header, and where no single
            sentence is asked for, a second look says nothing.
    """

    units: Sequence[Unit]
    scores: Sequence[float]
    places: Sequence[Place]
    seen: Seen


async def look(
    question: str, evidence: Sequence[Evidence], reader: Reader, scorer: SentenceScorer
) -> Sight:
    """Score all sentences of the passages near the best one, and read the likeliest again."""
    near = _near_the_best(evidence)
    units = _units(near)
    if not units:
        return Sight((), (), (), Seen())
    scores = await scorer.score_sentences(
        question, [u.quote.text for u in units], [u.context for u in units]
    )
    found = [
        (quote, unit, Likelihoods(confidence, score, quote.evidence.passage.score, shape))
        for quote, confidence in await _read(question, near, reader)
        for shape in [answer_shape(question, quote.text)]
        for unit, score in zip(units, scores, strict=True)
        if within(quote, unit.quote)
    ]
    candidates = [Candidate(unit.sentence, unit.span(quote), said) for quote, unit, said in found]
    said = await look_again(question, candidates, reader)
    places = [
        Place(quote, unit, share)
        for (quote, unit, _), share in zip(found, shares_of(said), strict=True)
    ]
    return Sight(units, scores, places, _seen(question, scores, places, said))


def likeliest(places: Sequence[Place]) -> Place | None:
    """The one with the highest probability, if there is one."""
    return max(places, key=lambda place: place.probability, default=None)


def within(one: Quote, other: Quote) -> bool:
    """Whether a quote is a part of another."""
    return one.evidence is other.evidence and other.start <= one.start and one.end <= other.end


def _seen(
    question: str,
    scores: Sequence[float],
    places: Sequence[Place],
    said: Sequence[Likelihoods | None],
) -> Seen:
    best = likeliest(places)
    if best is None:
        return Seen()
    again = max((now.again.answerable for now in said if now and now.again), default=None)
    unsaid = is_open(question) or is_table_row(best.unit.quote.text)
    return Seen(*best_and_lead(scores), None if unsaid else again)


async def _read(
    question: str, evidence: Sequence[Evidence], reader: Reader
) -> list[tuple[Quote, float]]:
    """The places that the reader finds, and how sure it is of each."""
    heads = [f"{item.context}\n" for item in evidence]
    texts = [head + item.text for head, item in zip(heads, evidence, strict=True)]
    readings = await reader.read(question, texts)
    return [
        (Quote(item, *(item.start + at - len(head) for at in place[:2])), place.confidence)
        for head, item, reading in zip(heads, evidence, readings, strict=True)
        for place in reading.places
    ]


def _near_the_best(evidence: Sequence[Evidence]) -> list[Evidence]:
    """All, if no reranker has read any: a score of the fusion alone is no probability."""
    if all(item.passage.scores.rerank is None for item in evidence):
        return list(evidence)
    best = max(log_odds(item.passage.score) for item in evidence)
    return [item for item in evidence if log_odds(item.passage.score) >= best - _FAR]


def _units(evidence: Sequence[Evidence]) -> list[Unit]:
    """What can be quoted; a table's row has its header as context, and is no unit itself."""
    found: list[Unit] = []
    for item in evidence:
        spans = [*_whole(item.text, sentence_spans(item.text))]
        for number, span in enumerate(spans):
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
            found.append(Unit(quote, context, Sentence.of(item.text, spans, number)))
    return found


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
