"""What the nodes are given: ports, skills and the account of this question."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol

from app.core.ports import AnswerCache, ChunkStore, DenseEncoder, Ranker, SparseEncoder
from app.core.run import Run
from app.core.settings import AnswerSettings, RerankingSettings, RetrievalSettings
from app.core.text import Span
from app.core.types import Message, Narrowing, Passage, Scope


@dataclass(frozen=True, slots=True)
class Query:
    """One search.

    Args:
        text: What BM25 looks for, and dense search when `dense_text` is empty.
        question: What the reranker holds the passages against.
        dense_text: A passage to embed in place of `text` (HyDE).
    """

    text: str
    question: str
    dense_text: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that goes to the writer, cut down to `text`.

    Args:
        number: The number that the writer cites it by, from 1.
        passage: Where it comes from.
        start: Place of `text` in the document.
        text: Characters `[start, start + len(text))` of the document.
    """

    number: int
    passage: Passage
    start: int
    text: str

    @property
    def context(self) -> str:
        """What the passage is called."""
        return self.passage.context


@dataclass(frozen=True, slots=True)
class Quote:
    """Characters `[start, end)` of the document that `evidence` comes from."""

    evidence: Evidence
    start: int
    end: int

    @property
    def text(self) -> str:
        """The very words."""
        shift = self.evidence.start
        return self.evidence.text[self.start - shift : self.end - shift]


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """A sentence as written: the numbers it cites, or the quotes it consists of.

    Args:
        highlight: Where in it the words stand that answer, if they are known.
    """

    text: str
    numbers: Sequence[int] = ()
    quotes: Sequence[Quote] = ()
    highlight: Span | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A sentence after verification. `supported` is None when the check could not run."""

    text: str
    quotes: Sequence[Quote]
    supported: bool | None
    why: str = ""
    highlight: Span | None = None


class Condenser(Protocol):
    """Makes a follow-up question stand alone."""

    async def condense(self, question: str, history: Sequence[Message], run: Run) -> str:
        """The standalone question."""


class Expander(Protocol):
    """Finds other ways to search when the evidence is thin."""

    @property
    def rounds(self) -> int:
        """How many different rounds it has to offer."""

    async def expand(
        self,
        question: str,
        tried: Sequence[Query],
        passages: Sequence[Passage],
        attempt: int,
        run: Run,
    ) -> list[Query]:
        """New queries, none of them tried; empty when it has none."""


class FilterReader(Protocol):
    """Reads what a question says of the documents it means."""

    async def read(self, question: str, store: ChunkStore, scope: Scope, run: Run) -> Narrowing:
        """Conditions on top of the scope's, none for most questions."""


class Compressor(Protocol):
    """Brings passages down to a budget of tokens."""

    async def compress(
        self, question: str, passages: Sequence[Passage], budget: int
    ) -> list[Evidence]:
        """Evidence, best first, within the budget."""


class Writer(Protocol):
    """Answers from evidence, sentence by sentence."""

    def write(
        self, question: str, evidence: Sequence[Evidence], feedback: str, run: Run
    ) -> AsyncGenerator[DraftSentence, None]:
        """Sentences as they are written; none at all when the evidence does not answer."""


class Verifier(Protocol):
    """Holds a sentence against what it cites."""

    async def verify(
        self, question: str, sentence: DraftSentence, evidence: Sequence[Evidence], run: Run
    ) -> Checked:
        """The sentence with the quotes that prove it, or without."""


@dataclass(frozen=True, slots=True)
class Skills:
    """The abilities that exist twice: by rule and by model."""

    condenser: Condenser
    expander: Expander
    compressor: Compressor
    writer: Writer
    verifier: Verifier
    reserve: Writer
    """Writes when `writer` fails before its first sentence."""
    filters: FilterReader | None = None
    """None leaves questions at their scope."""


@dataclass(frozen=True, slots=True)
class Context:
    """The typed context of a run: everything a node may use."""

    run: Run
    scope: Scope
    store: ChunkStore
    dense: DenseEncoder
    sparse: SparseEncoder
    reranker: Ranker | None
    skills: Skills
    cache: AnswerCache | None
    retrieval: RetrievalSettings
    reranking: RerankingSettings
    answer: AnswerSettings
    conversation_id: str = ""
    history: Sequence[Message] | None = None
    identity: Mapping[str, str] = field(default_factory=dict)
    """What, besides question and documents, an answer depends on: models and prompts."""
    held: AsyncExitStack = field(default_factory=AsyncExitStack)
    """What a node opens for a later one; closed when the run ends, however it ends."""
