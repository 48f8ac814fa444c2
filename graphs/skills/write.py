"""Evidence to an answer, sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from app.core.ports import Gateway, SentenceScorer
from app.core.run import Run
from app.core.text import is_table_row, sentence_spans, table_header
from graphs.context import DraftSentence, Evidence, Quote

NO_ANSWER = "NO ANSWER"
_MARK = re.compile(r"\s*\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’)\]]*(?:\s*\[\d[\d,\s]*\][.!?。！？]?)*(?=\s)|\n")


class ExtractiveReader:
    """Answers with the best sentences of the evidence, quoted exactly.

    Args:
        scorer: Scores single sentences.
        threshold: A best sentence below it does not answer.
        most: How many sentences at the most.
        near: Further sentences score at least this share of the best one.
    """

    def __init__(
        self, scorer: SentenceScorer, *, threshold: float, most: int, near: float = 0.75
    ) -> None:
        self._scorer = scorer
        self._threshold = threshold
        self._most = most
        self._near = near

    async def write(
        self, question: str, evidence: Sequence[Evidence], feedback: str, run: Run
    ) -> AsyncGenerator[DraftSentence, None]:
        """The best sentences, best first; none when even the best is too weak."""
        units = _units(evidence)
        if not units:
            return
        scores = await self._scorer.score_sentences(
            question, [u.quote.text for u in units], [u.context for u in units]
        )
        ranked = sorted(zip(scores, units, strict=True), key=lambda pair: -pair[0])
        best = ranked[0][0]
        if best < self._threshold:
            return
        shown: set[str] = set()
        for score, unit in ranked:
            text = unit.quote.text
            if score < best * self._near or len(shown) == self._most:
                return
            if text not in shown:
                shown.add(text)
                yield DraftSentence(" ".join(text.split()), quotes=[unit.quote])


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
        rest, truncated = "", False
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                rest += piece.text
                truncated = truncated or piece.truncated
                while cut := _SENTENCE_END.search(rest):
                    sentence, rest = rest[: cut.end()], rest[cut.end() :]
                    # Marks may follow the full stop: then they belong to it.
                    late = _MARK.match(rest)
                    if late:
                        sentence, rest = sentence + late.group(), rest[late.end() :]
                    if drafted := _drafted(sentence):
                        yield drafted
        if truncated:
            run.skip("generate", "the reply was cut at chat.max_output_tokens")
        elif drafted := _drafted(rest):
            yield drafted


@dataclass(frozen=True, slots=True)
class _Unit:
    quote: Quote
    context: str


def _units(evidence: Sequence[Evidence]) -> list[_Unit]:
    """What can be quoted; a table's row has its header as context, and is no unit itself."""
    found: list[_Unit] = []
    for item in evidence:
        for span in sentence_spans(item.text):
            text, context = item.text[span.start : span.end], item.context
            if is_table_row(text):
                header = table_header(item.text, span)
                if header is None and item.text[span.end :].lstrip().startswith("|--"):
                    continue
                if header:
                    context += "\n" + item.text[header.start : header.end].strip()
            quote = Quote(item, item.start + span.start, item.start + span.end)
            found.append(_Unit(quote, context))
    return found


def _drafted(sentence: str) -> DraftSentence | None:
    numbers = [int(n) for marks in _MARK.findall(sentence) for n in marks.split(",")]
    text = _MARK.sub("", sentence).strip().lstrip("-*• ").strip()
    if not text or text.strip(" .") == NO_ANSWER:
        return None
    return DraftSentence(text, numbers=list(dict.fromkeys(numbers)))
