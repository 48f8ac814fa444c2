"""Each sentence held against what it cites. A check that fails to run never passes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel

from app.core.errors import FootnoteError
from app.core.ports import Gateway, SentenceScorer
from app.core.run import Run
from app.core.text import sentence_spans
from graphs.citations import proved
from graphs.context import Checked, DraftSentence, Evidence, Quote

_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_GROUPED = re.compile(r"[1-9]\d{0,2}([.,])\d{3}(?:\1\d{3})*(?!\d)")
_ESSENCE = re.compile(r"\w+|[^\w\s.,;:!'\"“”‘’()*`|]")  # a sign may mean as much as a word
_FILLERS = frozenset(("a", "an", "the", "this", "these", "that", "which", "of", "our", "your"))
_MOST_QUOTES = 2


class LocalVerifier:
    """Quotes, numbers and a local scorer.

    A quoted sentence is proved by being a quote, or words of one. A written one is proved
    when a cited sentence says the same words in the same order, but for fillers: shared
    words alone prove nothing, as "not" or a swapped name turns a sentence round. Every number in it
    must stand in what it cites.

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
            there = _essence(" ".join(quote.text for quote in sentence.quotes))
            exact = proved(sentence.quotes) == list(sentence.quotes) and _holds(
                there, _essence(sentence.text)
            )
            quotes = tuple(sentence.quotes)
            return Checked(sentence.text, quotes, exact, highlight=sentence.highlight), ""
        cited = [e for e in evidence if e.number in sentence.numbers]
        if not cited:
            return Checked(sentence.text, (), False, "it cites no passage that was given"), ""
        missing = _missing_numbers(sentence.text, cited)
        if missing:
            why = f"{', '.join(missing)} does not stand in the passages it cites"
            return Checked(sentence.text, (), False, why), ""
        scored = await self._scored_quotes(sentence.text, cited)
        if not scored:
            return Checked(sentence.text, (), False, "the passages it cites hold no sentence"), ""
        if max(support for support, _ in scored) < self._threshold:
            doubt = "no cited sentence says this"
        elif literal := [q for _, q in scored if _essence(q.text) == _essence(sentence.text)]:
            return Checked(sentence.text, tuple(literal[:_MOST_QUOTES]), True), ""
        else:
            doubt = "the cited passages say it in other words, if they do"
        return Checked(sentence.text, _best_of_each(scored), True), doubt

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
    """A number without its thousands separators and trailing zeros, with a decimal point."""
    if grouped := _GROUPED.match(number):
        number = re.sub(r"\D", "", grouped.group()) + number[grouped.end() :]
    whole, _, fraction = number.replace(",", ".").partition(".")
    return f"{whole}.{fraction.rstrip('0')}".rstrip(".") if fraction.isdigit() else number


def _essence(text: str) -> list[str]:
    """The words and signs that carry a sentence's meaning, in their order."""
    return [word for word in _ESSENCE.findall(text.lower()) if word not in _FILLERS]


def _holds(there: Sequence[str], said: Sequence[str]) -> bool:
    """Whether words stand in others, next to each other and in their order."""
    return any(
        list(there[at : at + len(said)]) == list(said) for at in range(len(there) - len(said) + 1)
    )


def _best_of_each(scored: Sequence[tuple[float, Quote]]) -> tuple[Quote, ...]:
    """The best sentence of each cited passage, best first."""
    best: dict[int, Quote] = {}
    for _, quote in scored:
        best.setdefault(quote.evidence.number, quote)
    return tuple(best.values())[:_MOST_QUOTES]
