"""Other ways to search, for when the evidence is thin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from app.core.errors import FootnoteError
from app.core.ports import Gateway
from app.core.run import Run
from app.core.text import STOP_WORDS, words
from app.core.types import Passage
from graphs.context import Query

_FEEDBACK_PASSAGES = 3
_FEEDBACK_TERMS = 6
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class RuleExpander:
    """Pseudo-relevance feedback: the question's content words and the terms that the
    best passages share (after Lavrenko & Croft, 2001, in its simplest form)."""

    rounds = 1

    async def expand(
        self,
        question: str,
        tried: Sequence[Query],
        passages: Sequence[Passage],
        attempt: int,
        run: Run,
    ) -> list[Query]:
        """One query of keywords."""
        content = [word for word in words(question) if word not in STOP_WORDS]
        counts = Counter(
            word
            for passage in passages[:_FEEDBACK_PASSAGES]
            for word in set(words(f"{passage.heading} {passage.text}"))
            if word not in STOP_WORDS and len(word) > 2 and not word.isdigit()
        )
        common = sorted(counts, key=lambda word: (-counts[word], word))
        shared = [w for w in common if counts[w] > 1 and w not in content]
        query = " ".join(content + shared[:_FEEDBACK_TERMS])
        return _new([Query(query, question)] if query else [], tried)


class _Queries(BaseModel):
    queries: list[Text] = Field(min_length=1, max_length=5)


class _Questions(BaseModel):
    questions: list[Text] = Field(min_length=1, max_length=6)


class ModelExpander:
    """First other words for the question, then its parts and an imagined answer.

    The imagined answer is HyDE (Gao et al., 2022): a passage made up by the model is
    nearer to the real one than the question is.
    """

    rounds = 2

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def expand(
        self,
        question: str,
        tried: Sequence[Query],
        passages: Sequence[Passage],
        attempt: int,
        run: Run,
    ) -> list[Query]:
        """Queries of this round. Raises what the gateway raises when there are none."""
        if attempt == 0:
            return _new(await self._rewrite(question, tried, run), tried)
        queries: list[Query] = []
        failed: FootnoteError | None = None
        for name, search in (("hyde", self._imagine), ("decompose", self._decompose)):
            try:
                queries += await search(question, run)
            except FootnoteError as error:
                run.skip(name, error.message)
                failed = error
        if failed and not queries:
            raise failed
        return _new(queries, tried)

    async def _imagine(self, question: str, run: Run) -> list[Query]:
        imagined = await self._gateway.text("hyde", run, question=question)
        return [Query(question, question, dense_text=imagined)] if imagined else []

    async def _decompose(self, question: str, run: Run) -> list[Query]:
        reply = await self._gateway.structured("decompose", _Questions, run, question=question)
        return [Query(part, part) for part in reply.questions]

    async def _rewrite(self, question: str, tried: Sequence[Query], run: Run) -> list[Query]:
        reply = await self._gateway.structured(
            "rewrite", _Queries, run, question=question, tried=[q.text for q in tried]
        )
        return [Query(text, question) for text in reply.queries]


def _new(queries: Sequence[Query], tried: Sequence[Query]) -> list[Query]:
    """What has not been tried: a loop on the same input would find the same."""
    new = {_searched(query): query for query in reversed(queries)}
    for query in tried:
        new.pop(_searched(query), None)
    return list(reversed(new.values()))


def _searched(query: Query) -> Query:
    """What the engine and the reranker make of a query: they see neither case nor blanks."""
    plain = (" ".join(text.lower().split()) for text in astuple(query))
    return Query(*plain)
