"""Each sentence held against what it cites. A check that fails to run never passes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel

from app.core.errors import FootnoteError
from app.core.ports import Gateway, SentenceScorer
from app.core.run import Run
from app.core.text import sentence_spans, words
from graphs.context import Checked, DraftSentence, Evidence, Quote

_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_LITERAL = 0.8  # share of a sentence's words in its quote that makes asking a model needless
_MOST_QUOTES = 2


class LocalVerifier:
    """Quotes, numbers and a local scorer.

    A quoted sentence is proved by being a quote. A written one needs a cited passage
    with a sentence that supports it, and every number in it must stand in what it cites.

    Args:
        scorer: Scores how near a sentence of the evidence is to the written one.
        threshold: Support below it is doubted.
    """

    def __init__(self, scorer: SentenceScorer, *, threshold: float) -> None:
        self._scorer = scorer
        self._threshold = threshold

    async def verify(
        self, question: str, sentence: DraftSentence, evidence: Sequence[Evidence], run: Run
    ) -> Checked:
        """The sentence with the quotes that prove it, or without."""
        checked, doubt = await self.examine(sentence, evidence)
        if doubt:
            return Checked(checked.text, (), False, doubt)
        return checked

    async def examine(
        self, sentence: DraftSentence, evidence: Sequence[Evidence]
    ) -> tuple[Checked, str]:
        """What can be said without a model, and the doubt that is left, if any.

        A doubtful sentence comes with its best quotes, which a model may confirm; a
        sentence that is certainly not supported has `supported` False and no doubt.
        """
        if sentence.quotes:
            exact = all(quote.text.strip() for quote in sentence.quotes)
            return Checked(sentence.text, tuple(sentence.quotes), exact), ""
        cited = [e for e in evidence if e.number in sentence.numbers]
        if not cited:
            return Checked(sentence.text, (), False, "it cites no passage that was given"), ""
        missing = _missing_numbers(sentence.text, cited)
        if missing:
            why = f"{', '.join(missing)} does not stand in the passages it cites"
            return Checked(sentence.text, (), False, why), ""
        scored = await self._scored_quotes(sentence.text, cited)
        quotes = _best_of_each(scored)
        if not quotes:
            return Checked(sentence.text, (), False, "the passages it cites hold no sentence"), ""
        support, literal = max(s for s, _ in scored), _overlap(sentence.text, quotes)
        if literal >= _LITERAL and support >= self._threshold:
            return Checked(sentence.text, quotes, True), ""
        if support >= self._threshold:
            return Checked(sentence.text, quotes, True), "" if literal >= 0.5 else "other words"
        return Checked(sentence.text, quotes, True), "no cited sentence says this"

    async def _scored_quotes(
        self, text: str, cited: Sequence[Evidence]
    ) -> list[tuple[float, Quote]]:
        quotes = [
            Quote(item, item.start + span.start, item.start + span.end)
            for item in cited
            for span in sentence_spans(item.text)
        ]
        if not quotes:
            return []
        scores = await self._scorer.score_sentences(
            text, [q.text for q in quotes], [q.evidence.context for q in quotes]
        )
        return sorted(zip(scores, quotes, strict=True), key=lambda pair: -pair[0])


class _Verdict(BaseModel):
    supported: bool
    reason: str = ""


class ModelVerifier:
    """Asks the chat model about sentences on which the local checks leave a doubt."""

    def __init__(self, gateway: Gateway, local: LocalVerifier) -> None:
        self._gateway = gateway
        self._local = local

    async def verify(
        self, question: str, sentence: DraftSentence, evidence: Sequence[Evidence], run: Run
    ) -> Checked:
        """The sentence judged; `supported` is None when the model could not be asked."""
        checked, doubt = await self._local.examine(sentence, evidence)
        if not doubt:
            return checked
        cited = [
            {
                "number": e.number,
                "title": e.passage.title,
                "heading": e.passage.heading,
                "text": e.text,
            }
            for e in evidence
            if e.number in sentence.numbers
        ]
        try:
            verdict = await self._gateway.structured(
                "verify", _Verdict, run, sentence=sentence.text, passages=cited
            )
        except FootnoteError as error:
            run.skip("verify", error.message)
            return Checked(checked.text, checked.quotes, None, error.message)
        if verdict.supported:
            return Checked(checked.text, checked.quotes, True)
        return Checked(checked.text, (), False, verdict.reason or doubt)


def _missing_numbers(text: str, cited: Sequence[Evidence]) -> list[str]:
    there = {_plain(n) for e in cited for n in _NUMBER.findall(f"{e.context} {e.text}")}
    return [n for n in _NUMBER.findall(text) if _plain(n) not in there]


def _plain(number: str) -> str:
    """A number without its thousands separators and trailing zeros."""
    bare = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", number)
    return re.sub(r"([.,]\d*?)0+$", r"\1", bare).rstrip(".,") if re.search(r"[.,]", bare) else bare


def _overlap(text: str, quotes: Sequence[Quote]) -> float:
    wanted = set(words(text))
    there = {word for q in quotes for word in words(f"{q.evidence.context} {q.text}")}
    return len(wanted & there) / len(wanted) if wanted else 0.0


def _best_of_each(scored: Sequence[tuple[float, Quote]]) -> tuple[Quote, ...]:
    """The best sentence of each cited passage, best first."""
    best: dict[int, Quote] = {}
    for _, quote in scored:
        best.setdefault(quote.evidence.number, quote)
    return tuple(best.values())[:_MOST_QUOTES]
