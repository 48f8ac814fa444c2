"""Parts that answer at once, so that what is left is the cost of the graph itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import numpy as np

from app.adapters.rate_limit import NoRateLimiter
from app.core.ports import Memory
from app.core.run import Run
from app.core.settings import Settings
from app.core.types import HybridQuery, Message, Passage, Scope, Scores, Seen, SparseVector, Vectors
from app.service import Footnote
from graphs.context import Checked, Context, DraftSentence, Evidence, Query, Quote, Skills
from graphs.graph import build_graph

_DIMENSIONS = 384
_SENTENCE = "Full-time employees get 25 days of paid annual leave in a calendar year. "


class StillStore:
    """The part of a ChunkStore that a question uses: always the same passages."""

    def __init__(self, passages: int) -> None:
        texts = [_SENTENCE * 8 + f"Office {n}. " for n in range(passages)]  # or they were copies
        self._found = [
            Passage(
                document_id=f"document-{n}",
                title="Leave and working time",
                source="leave-and-working-time.md",
                page=1,
                heading="Annual leave",
                start=0,
                end=len(text),
                text=text,
                score=1 / (61 + n),
                scores=Scores(dense=0.5, bm25=5.0, fused=1 / (61 + n)),
            )
            for n, text in enumerate(texts)
        ]

    async def search(self, query: HybridQuery, scope: Scope) -> list[Passage]:
        """The passages."""
        return self._found

    async def revision(self, scope: Scope) -> str:
        """Nothing ever changes."""
        return "1"

    async def languages(self, scope: Scope) -> Sequence[str]:
        """One."""
        return ["english"]


class StillEncoder:
    """The part of both encoders that a question uses."""

    max_tokens = 256

    def trust(self, question: str) -> float:
        """As in the model's own language."""
        return 1.0

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """The same vector for each text."""
        return np.full((len(texts), _DIMENSIONS), _DIMENSIONS**-0.5, dtype=np.float32)

    def encode_query(self, text: str, languages: Sequence[str] = ()) -> SparseVector:
        """One term."""
        return SparseVector([1], [1.0])


class StillRanker:
    """A Ranker to whom everything answers."""

    name = "still"

    def promising(self, passages: Sequence[Passage]) -> list[Passage]:
        """As they come."""
        return list(passages)

    async def judge(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
        """0.9 for each passage."""
        return [passage.model_copy(update={"score": 0.9}) for passage in passages]

    def answered(self, passages: Sequence[Passage], seen: Seen) -> float:
        """0.9."""
        return 0.9

    async def close(self) -> None:
        """Nothing to close."""


class StillSkills:
    """All of Skills in one: the model that writes in no time."""

    rounds = 0

    def __init__(self, sentences: int = 1) -> None:
        self._sentences = sentences

    async def condense(self, question: str, history: Sequence[Message], run: Run) -> str:
        """The question as it is."""
        return question

    async def expand(
        self,
        question: str,
        tried: Sequence[Query],
        passages: Sequence[Passage],
        attempt: int,
        run: Run,
    ) -> list[Query]:
        """Nothing to add."""
        return []

    async def compress(
        self, question: str, passages: Sequence[Passage], budget: int
    ) -> list[Evidence]:
        """Everything."""
        return [Evidence(n, p, p.start, p.text) for n, p in enumerate(passages, start=1)]

    async def write(
        self, question: str, evidence: Sequence[Evidence], feedback: str, run: Run
    ) -> AsyncGenerator[DraftSentence]:
        """Sentences of the first pieces of evidence."""
        for item in evidence[: self._sentences]:
            end = item.start + len(_SENTENCE) - 1
            yield DraftSentence(_SENTENCE.strip(), quotes=[Quote(item, item.start, end)])

    async def verify(
        self, question: str, sentence: DraftSentence, evidence: Sequence[Evidence], run: Run
    ) -> Checked:
        """Everything is proved."""
        return Checked(sentence.text, tuple(sentence.quotes), True)


def still_footnote(memory: Memory, *, sentences: int = 1) -> Footnote:
    """The real service and the real graph; only what they would wait for is still."""
    settings = Settings()
    skills = StillSkills(sentences)
    base = Context(
        run=Run(deadline_ms=settings.answer.deadline_ms),
        scope=Scope(),
        store=cast(Any, StillStore(settings.reranking.depth)),
        dense=cast(Any, StillEncoder()),
        sparse=cast(Any, StillEncoder()),
        reranker=StillRanker(),
        skills=Skills(skills, skills, skills, skills, skills, skills),
        cache=None,
        retrieval=settings.retrieval,
        reranking=settings.reranking,
        answer=settings.answer,
    )
    return Footnote(
        settings=settings,
        base=base,
        graph=build_graph().compile(checkpointer=memory.checkpointer),
        memory=memory,
        limiter=NoRateLimiter(),
        ingestor=cast(Any, None),
        jobs=cast(Any, None),
    )
