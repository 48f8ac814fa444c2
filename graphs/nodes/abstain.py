"""Say that the documents do not answer, and what comes nearest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime

from app.core.exchange import Delta
from app.core.text import sentence_spans
from app.core.types import Answer, Passage, Status
from graphs.citations import CitationBook, proved
from graphs.context import Checked, Context, Evidence, Quote
from graphs.state import State

NO_ANSWER = "The documents do not answer this question."
NO_DOCUMENTS = (
    "There are no documents to answer from yet; add some, for instance with `footnote ingest PATH`."
)
NO_MATCH = "No document matches the filters."
_NEAREST = 3


async def abstain(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """An honest no, with the nearest passages cited."""
    text, book = await _reason(state, runtime.context), CitationBook()
    nearest = [
        book.add(Checked(quote.evidence.passage.context, (quote,), None))
        for quote in _first_sentences(state["passages"])
    ]
    if nearest:
        text += " Nearest: " + "; ".join(nearest) + "."
    runtime.stream_writer(Delta(text))
    context = runtime.context
    return {
        "answer": Answer(
            answer_id=context.run.answer_id,
            conversation_id=context.conversation_id,
            status=Status.ABSTAINED,
            answer=text,
            citations=book.citations,
        )
    }


async def _reason(state: State, context: Context) -> str:
    """Why there is no answer: nothing answers, or there is nothing to ask."""
    if state["passages"]:
        return NO_ANSWER
    if context.scope.filters:
        return NO_MATCH
    return NO_ANSWER if await context.store.languages(context.scope) else NO_DOCUMENTS


def _first_sentences(passages: Sequence[Passage]) -> list[Quote]:
    quotes: list[Quote] = []
    shown: set[str] = set()
    for passage in passages:
        spans = sentence_spans(passage.text)
        if spans and passage.context not in shown and len(quotes) < _NEAREST:
            shown.add(passage.context)
            evidence = Evidence(0, passage, passage.start, passage.text)
            start, end = spans[0].start, spans[0].end
            quotes.append(Quote(evidence, passage.start + start, passage.start + end))
    return proved(quotes)
