"""Evidence to an answer in its own words: the extractive reader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Sequence

from app.core.ports import Ranker, Reader, SentenceScorer
from app.core.run import Run
from app.core.text import Span, is_table_row
from graphs.context import DraftSentence, Evidence, Quote
from graphs.skills.answer_shape import is_open
from graphs.skills.places import sentence_weight
from graphs.skills.sight import Place, Sight, Unit, likeliest, look, within

_EDGES = "| "
"""What stands around a table's row."""


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
        sight = await look(question, evidence, self._reader, self._scorer)
        if not sight.units:
            return
        passages = [item.passage for item in evidence]
        if self._ranker.answered(passages, sight.seen) < self._threshold:
            return
        best = None if is_open(question) else likeliest(sight.places)
        sureness = _sureness(best, sight.places) if best else 0.0
        if best and sureness >= self._sure:
            answer = _shown(best.quote.text)
            yield DraftSentence(answer, quotes=[best.unit.quote], highlight=Span(0, len(answer)))
            return
        for quote in self._sentences(sight):
            clear = best and sureness >= self._clear and within(best.quote, quote)
            highlight = place_shown(quote, best.quote) if best and clear else None
            yield DraftSentence(_shown(quote.text), quotes=[quote], highlight=highlight)

    def _sentences(self, sight: Sight) -> Iterator[Quote]:
        """The best sentences, best first, as far as they are near the best."""
        likely: defaultdict[tuple[object, ...], float] = defaultdict(float)
        for place in sight.places:
            likely[_where(place.unit)] += place.probability
        weighed = [
            sentence_weight(score, unit.quote.evidence.passage.score, likely[_where(unit)])
            for score, unit in zip(sight.scores, sight.units, strict=True)
        ]
        ranked = sorted(zip(weighed, sight.units, strict=True), key=lambda pair: -pair[0])
        shown: list[Quote] = []
        for weight, unit in ranked:
            if len(shown) == self._most or weight < ranked[0][0] - self._margin:
                return
            if not any(_overlap(unit.quote, quote) for quote in shown):
                shown.append(unit.quote)
                yield unit.quote


def _where(unit: Unit) -> tuple[object, ...]:
    """A sentence, or the table that a row is of.

    Which of a table's rows answers the reader, who does not see the header, cannot tell; the
    scorer of sentences does see it.
    """
    quote = unit.quote
    if is_table_row(quote.text):
        return quote.evidence.number, unit.context
    return quote.evidence.number, quote.start, quote.end


def _sureness(best: Place, places: Sequence[Place]) -> float:
    """The probability of all places that share words with the best one."""
    return sum(
        place.probability
        for place in places
        if place.unit is best.unit
        and place.quote.start < best.quote.end
        and best.quote.start < place.quote.end
    )


def _overlap(one: Quote, other: Quote) -> bool:
    """Whether two quotes share words of a document, or say the same."""
    same = one.evidence.passage.document_id == other.evidence.passage.document_id
    return one.text == other.text or (same and one.start < other.end and other.start < one.end)


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
