"""The nouns of Footnote.

Positions are counted in characters (Unicode code points) of a document's canonical
text, half-open: `text[start:end]`. Pages are counted from 1. Models that leave the
process (answers, passages, documents) are Pydantic models whose field names are the
contract; what stays inside is a plain dataclass.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from app.core.file_types import FileType
from app.core.names import breadcrumb

Vector = NDArray[np.float32]
"""One dense embedding, shape (dimensions,), unit length."""

Vectors = NDArray[np.float32]
"""Dense embeddings, shape (texts, dimensions), rows of unit length."""

Scalar = str | int | float | bool


class Model(BaseModel):
    """A frozen value whose fields are part of the contract."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a question itself says of the documents it means, all of which must hold.

    Args:
        since: They are of this time or later.
        until: They are of an earlier time.
        file_types: They are of one of these types.
        tags: They have these names and values.
    """

    since: datetime | None = None
    until: datetime | None = None
    file_types: tuple[FileType, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return self != Narrowing()

    def __str__(self) -> str:
        since = f"from {self.since:%Y-%m-%d}" if self.since else ""
        until = f"before {self.until:%Y-%m-%d}" if self.until else ""
        tags = (f"{name}={value}" for name, value in self.tags)
        return ", ".join(filter(None, (since, until, " or ".join(self.file_types), *tags)))


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may see: every read and delete of a store takes one.

    Args:
        tenant: The only tenant whose chunks are visible.
        filters: Further conditions, all of which must hold. A key is `document_id`,
            `source`, `title` or the name of a tag; a list of values means any of them.
        narrowed: Conditions that come on top of these.
    """

    tenant: str = "default"
    filters: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    narrowed: Narrowing = Narrowing()


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Weights of the terms that occur, by term id."""

    indices: Sequence[int]
    values: Sequence[float]

    @classmethod
    def packed(cls, indices: Iterable[int], values: Iterable[float]) -> SparseVector:
        """In arrays: of many texts, lists of numbers would take eight times the memory."""
        return cls(array("I", indices), array("f", values))


@dataclass(frozen=True, slots=True)
class Page:
    """Page `number` (from 1) occupies `text[start:end]`."""

    number: int
    start: int
    end: int


MEMBER = "!/"
"""Stands between a container's source and the name of what is in it: `mail.eml!/plan.pdf`."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a file: an attachment of a mail, an entry of an archive."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A source after parsing: its canonical text and what is known about it.

    Args:
        language: Its Snowball language, such as `german`; empty when it is not known.
        flags: What a reader should be warned of, such as `hidden-text`.
        members: Files inside it, each to become a document of its own.
    """

    source: str
    title: str
    text: str
    pages: Sequence[Page] = ()
    mime_type: str = "text/plain"
    language: str = ""
    flags: Sequence[str] = ()
    members: Sequence[Member] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document. The chunks of a document tile its canonical text:
    joined in order of `ordinal` they are that text, character for character."""

    ordinal: int
    text: str
    start: int
    end: int
    page: int | None = None
    heading: str = ""
    context: str = ""
    """What a model says on where it stands; searched with it, never shown or quoted."""


class Place(NamedTuple):
    """Characters `[start, end)` of a text that was read, and their probability among all places."""

    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader says of one passage, in the light of a question.

    Args:
        relevance: Log-odds that the passage is about what is asked.
        answerable: Log-odds that it answers.
        places: Where the answer may stand, the few likeliest of each sentence, best first;
            none when there was nothing to read.
        familiar: Whether the passage seems to be in a language that the reader has learned.
    """

    relevance: float
    answerable: float
    places: tuple[Place, ...] = ()
    familiar: bool = True


class Seen(NamedTuple):
    """What is seen in the sentences of the evidence, in log-odds; None where nothing is to be said.

    Args:
        sentence: That the best of them is about what is asked.
        sentence_lead: How much more so than the next one.
        again: That one of the likeliest answers, read again.
    """

    sentence: float | None = None
    sentence_lead: float | None = None
    again: float | None = None


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """A chunk ready to be stored."""

    chunk: Chunk
    dense: Vector
    sparse: SparseVector


def parent_of(source: str) -> str | None:
    """The source of the file that a member is in; None for a file of its own."""
    return source.rpartition(MEMBER)[0] or None


class Document(Model):
    """What the register knows about a document.

    `source` is the first of `sources`, all the places where this very content was found.
    `parent` is the source of the file that it is a member of, if any.
    """

    document_id: str
    title: str
    source: str
    sources: list[str] = Field(default_factory=list)
    parent: str | None = None
    language: str = ""
    content_hash: str
    chunks: int
    pages: int
    tenant: str
    tags: dict[str, str] = Field(default_factory=dict)
    flags: list[str] = Field(default_factory=list)
    ingested_at: str
    signature: str = Field("", exclude=True)
    """MinHash of the text in base64, by which near-duplicates are told; not shown."""
    seal: str = Field("", exclude=True)
    """Digest of the files inside it, by which it is told whether one is missing; not shown."""

    def not_shown(self) -> dict[str, str]:
        """The fields that a dump leaves out, for places that keep documents."""
        return {"signature": self.signature, "seal": self.seal}


class Scores(Model):
    """What each stage said of a passage; None where a stage did not see it."""

    dense: float | None = None
    bm25: float | None = None
    fused: float | None = None
    rerank: float | None = None


class Passage(Model):
    """A chunk, or several neighbours, as search returns it."""

    document_id: str
    title: str
    source: str
    page: int | None
    heading: str
    start: int
    end: int
    text: str
    score: float
    scores: Scores = Scores()
    voices: dict[str, float] = Field(default_factory=dict, exclude=True)
    """What each voice added to the log-odds of the final score; for those who want to see."""
    dated: datetime | None = Field(None, exclude=True)
    """The date of its document, by which it ages; not shown."""
    vector: bytes = Field(b"", exclude=True, repr=False)
    """Its embedding, as float32, where the query asked for it; not shown."""

    @property
    def context(self) -> str:
        """Where it stands: file name, title and headings, in one line."""
        return breadcrumb(self, self.heading)


class ExplainedPassage(Passage):
    """A passage that also shows what each voice added to its score."""

    voices: dict[str, float] = Field(default_factory=dict)

    @classmethod
    def of(cls, passage: Passage) -> ExplainedPassage:
        """The passage with all that it knows."""
        return cls(**passage.model_dump(), voices=passage.voices)


class Citation(Model):
    """A proof: `quote` stands at `[start, end)` of the document's canonical text."""

    mark: int
    document_id: str
    title: str
    source: str
    page: int | None
    heading: str
    start: int
    end: int
    quote: str


class Sentence(Model):
    """One sentence of an answer, with the marks of the citations that prove it.

    `supported` is None when the check that should have run could not; `highlight` is where in
    `text` the words stand that answer the question, `[start, end)` in characters, or None where
    the reader is not sure of them.
    """

    text: str
    citations: list[int]
    supported: bool | None
    highlight: tuple[int, int] | None = None


class Status(StrEnum):
    """How an answer ended; see the contract."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"
    UNVERIFIED = "unverified"


class Usage(Model):
    """What an answer cost. `cost_usd` is None when the model's prices are unknown."""

    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0


class Answer(Model):
    """The one shape of an answer, in the terminal, over HTTP and in the cache."""

    answer_id: str
    conversation_id: str
    status: Status
    answer: str
    citations: list[Citation] = Field(default_factory=list)
    sentences: list[Sentence] = Field(default_factory=list)
    usage: Usage = Usage()
    timings_ms: dict[str, float] = Field(default_factory=dict)
    skipped: list[str] = Field(default_factory=list)
    prompt_versions: dict[str, str] = Field(default_factory=dict)


class Message(Model):
    """A turn of a conversation: plain JSON, so that a checkpoint stays small."""

    role: str
    content: str
    answer_id: str | None = None


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """What is in the index and what it was made with."""

    documents: int
    chunks: int
    fingerprint: Mapping[str, Scalar]
    location: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of something in the index."""

    documents: int = 0
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class Census:
    """All that is in an index, counted, across tenants: for its operator alone.

    `languages` counts documents; those whose language is not known are under "".
    """

    tenants: Mapping[str, Counts]
    languages: Mapping[str, int]

    @property
    def total(self) -> Counts:
        """All tenants together."""
        counts = self.tenants.values()
        return Counts(sum(c.documents for c in counts), sum(c.chunks for c in counts))


Fusion = Literal["question", "score", "rank"]


@dataclass(frozen=True, slots=True)
class HybridQuery:
    """One question to the store: both searches and their fusion.

    Args:
        dense: The question's embedding, shape (dimensions,).
        sparse: The question's BM25 terms.
        limit: How many fused candidates to return, at least 1.
        depth: How many candidates each search contributes, at least 1.
        weights: Weights of (dense, bm25) in the fusion.
        fusion: How the two lists become one; see `retrieval.fusion`.
        rrf_k: The constant of reciprocal rank fusion (Cormack et al., 2009).
        vectors: Whether the passages come with their embeddings.
    """

    dense: Vector
    sparse: SparseVector
    limit: int = 20
    depth: int = 50
    weights: tuple[float, float] = (1.0, 1.0)
    fusion: Fusion = "question"
    rrf_k: int = 60
    vectors: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """A chat model's reply, or a piece of one while it streams.

    `truncated` is true when the reply ended at the limit of output tokens.
    """

    text: str
    usage: Usage = field(default_factory=Usage)
    truncated: bool = False
