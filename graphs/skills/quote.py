"""Evidence to an answer in its own words: the extractive reader."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass

from app.core.ports import Ranker, Reader, SentenceScorer
from app.core.run import Run
from app.core.text import (
    Span,
    is_table_row,
    is_table_ruler,
    sentence_spans,
    table_header,
    words,
)
from graphs.context import DraftSentence, Evidence, Quote
from graphs.skills.answer_shape import answer_shape
from graphs.skills.places import Likelihoods, log_odds, sentence_weight
from graphs.skills.second_look import Candidate, Sentence, weigh

_FEWEST_WORDS = 3
_FAR = 4.0
"""Log-odds by which a passage may be worse than the best to be quoted. With 405 questions of four
sets .1 % of the sentences shown and .7 % of the places stood in others, which took up to three
quarters of the time."""
_EDGES = "| "
"""What stands around a table's row."""
_LEANS = re.compile(r"(?:It|They|This|These|Those|He|She|Its|Their|Both|That)\b")
_OPEN = re.compile(
    r"\b(?:how (?:do|does|did|can|could|should|would|to|is|are)\b|why\b|explain|describe|list\b|"
    r"what (?:happens|should|if|are the (?:steps|rules|reasons|conditions)))",
    re.IGNORECASE,
)


class ExtractiveReader:
    """Answers with words of the evidence, quoted exactly.

    Where the question asks for a fact and the reader is sure of its place, the answer is those
    few words, proved by the sentence that they stand in; else it is the best sentences, each of
    which counts for what it says and for the passage it stands in.

    Args:
        ranker: Tells whether the evidence answers at all.
        reader: Finds the place of the answer in a passage.
        scorer: Scores single sentences.
        threshold: Evidence that answers with less probability is not quoted.
        sure: How sure of a place the reader must be for a short answer; beyond 1: never.
        clear: How sure of it to highlight its words in their sentence; likewise.
        most: How many sentences at the most.
        margin: How much worse than the best they may be, in log-odds: what is beside the point
            costs a reader more than it says.
    """

    def __init__(
        self,
        ranker: Ranker,
        reader: Reader,
        scorer: SentenceScorer,
        *,
        threshold: float,
        sure: float,
        clear: float,
        most: int,
        margin: float,
    ) -> None:
        self._ranker = ranker
        self._reader = reader
        self._scorer = scorer
        self._threshold = threshold
        self._sure = sure
        self._clear = clear
        self._most = most
        self._margin = margin

    async def write(
        self, question: str, evidence: Sequence[Evidence], feedback: str, run: Run
    ) -> AsyncGenerator[DraftSentence, None]:
        """The short answer, or the best sentences, best first; none when nothing answers."""
        passages = [item.passage for item in evidence]
        evidence = _near_the_best(evidence)
        units = _units(evidence)
        if not units or await self._ranker.answered(question, passages) < self._threshold:
            return
        scores = await self._scorer.score_sentences(
            question, [u.quote.text for u in units], [u.context for u in units]
        )
        places = await self._places(question, evidence, units, scores)
        best = max(places, key=lambda place: place.probability, default=None)
        if _OPEN.search(question):
            best = None
        sureness = _sureness(best, places) if best else 0.0
        if best and sureness >= self._sure:
            answer = _shown(best.quote.text)
            yield DraftSentence(answer, quotes=[best.unit.quote], highlight=Span(0, len(answer)))
            return
        for quote in self._sentences(units, scores, places):
            clear = best and sureness >= self._clear and _within(best.quote, quote)
            highlight = place_shown(quote, best.quote) if best and clear else None
            yield DraftSentence(_shown(quote.text), quotes=[quote], highlight=highlight)

    def _sentences(
        self, units: Sequence[_Unit], scores: Sequence[float], places: Sequence[_Place]
    ) -> Iterator[Quote]:
        """The best sentences, best first, as far as they are near the best."""
        likely: dict[int, float] = {}
        for place in places:
            likely[id(place.unit)] = likely.get(id(place.unit), 0.0) + place.probability
        weighed = [
            sentence_weight(score, unit.quote.evidence.passage.score, likely.get(id(unit), 0.0))
            for score, unit in zip(scores, units, strict=True)
        ]
        ranked = sorted(zip(weighed, units, strict=True), key=lambda pair: -pair[0])
        shown: list[Quote] = []
        for weight, unit in ranked:
            if len(shown) == self._most or weight < ranked[0][0] - self._margin:
                return
            if not any(_overlap(unit.quote, quote) for quote in shown):
                shown.append(unit.quote)
                yield unit.quote

    async def _places(
        self,
        question: str,
        evidence: Sequence[Evidence],
        units: Sequence[_Unit],
        scores: Sequence[float],
    ) -> list[_Place]:
        """Where in the sentences the answer may stand."""
        found = [
            (quote, unit, Likelihoods(confidence, score, quote.evidence.passage.score, shape))
            for quote, confidence in await self._read(question, evidence)
            for shape in [answer_shape(question, quote.text)]
            for unit, score in zip(units, scores, strict=True)
            if _within(quote, unit.quote)
        ]
        candidates = [
            Candidate(unit.sentence, unit.span(quote), said) for quote, unit, said in found
        ]
        shares = await weigh(question, candidates, self._reader)
        return [
            _Place(quote, unit, share)
            for (quote, unit, _), share in zip(found, shares, strict=True)
        ]

    async def _read(self, question: str, evidence: Sequence[Evidence]) -> list[tuple[Quote, float]]:
        """The places that the reader finds, and how sure it is of each."""
        heads = [f"{item.context}\n" for item in evidence]
        texts = [head + item.text for head, item in zip(heads, evidence, strict=True)]
        readings = await self._reader.read(question, texts)
        return [
            (Quote(item, *(item.start + at - len(head) for at in place[:2])), place.confidence)
            for head, item, reading in zip(heads, evidence, readings, strict=True)
            for place in reading.places
        ]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the answer may stand, in which sentence, and its probability among all places."""

    quote: Quote
    unit: _Unit
    probability: float


def _sureness(best: _Place, places: Sequence[_Place]) -> float:
    """The probability of all places that share words with the best one."""
    return sum(
        place.probability
        for place in places
        if place.unit is best.unit
        and place.quote.start < best.quote.end
        and best.quote.start < place.quote.end
    )


def _within(one: Quote, other: Quote) -> bool:
    return one.evidence is other.evidence and other.start <= one.start and one.end <= other.end


@dataclass(frozen=True, slots=True)
class _Unit:
    quote: Quote
    context: str
    sentence: Sentence

    def span(self, quote: Quote) -> Span:
        """Where a quote within it stands in it."""
        return Span(quote.start - self.quote.start, quote.end - self.quote.start)


def _overlap(one: Quote, other: Quote) -> bool:
    """Whether two quotes share words of a document, or say the same."""
    same = one.evidence.passage.document_id == other.evidence.passage.document_id
    return one.text == other.text or (same and one.start < other.end and other.start < one.end)


def _near_the_best(evidence: Sequence[Evidence]) -> list[Evidence]:
    """All, if no reranker has read any: a score of the fusion alone is no probability."""
    if all(item.passage.scores.rerank is None for item in evidence):
        return list(evidence)
    best = max(log_odds(item.passage.score) for item in evidence)
    return [item for item in evidence if log_odds(item.passage.score) >= best - _FAR]


def _units(evidence: Sequence[Evidence]) -> list[_Unit]:
    """What can be quoted; a table's row has its header as context, and is no unit itself."""
    found: list[_Unit] = []
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
            found.append(_Unit(quote, context, Sentence.of(item.text, spans, number)))
    return found


def _shown(quote: str) -> str:
    """A quote in one line; of a table's row, its cells."""
    return " ".join(quote.strip(_EDGES).split())


def place_shown(sentence: Quote, words: Quote) -> Span | None:
    """Where words of a sentence stand in what is shown of it, if they are more than lines."""
    said, inner = sentence.text, words.text
    first = words.end - sentence.start - len(inner.lstrip(_EDGES))
    last = words.start - sentence.start + len(inner.rstrip(_EDGES))
    # A letter at the end keeps the space before it.
    start, end = (len(_shown(f"{said[:at]}x")) - 1 for at in (first, last))
    return Span(start, end) if start < end else None


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
