"""What goes into the service and what comes out of it: questions, events, reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.core.errors import InputError
from app.core.types import Answer, Counts, Message, Model, Scalar, Scope, Scores

MOST_PASSAGES = 1000
"""As many as one search may bring."""


def refuse_count(k: int) -> None:
    """Raise InputError unless one search may bring `k` passages."""
    if not 1 <= k <= MOST_PASSAGES:
        raise InputError(f"k is {k}", hint=f"ask for 1 to {MOST_PASSAGES} passages")


@dataclass(frozen=True, slots=True)
class Ask:
    """A question and the terms on which it is asked.

    Args:
        question: What the user typed last.
        scope: Whose documents may answer.
        conversation_id: The conversation to go on with; None begins a new one.
        history: Earlier messages when the client keeps them itself, as OpenAI clients
            do; None takes them from the conversation.
        deadline_ms: Time for the answer; steps that no longer fit are skipped by name.
        max_cost_usd: Budget for model calls; None for no limit.
        trace: Whether to report every step's inputs and outcome.
    """

    question: str
    scope: Scope
    conversation_id: str | None = None
    history: Sequence[Message] | None = None
    deadline_ms: int | None = None
    max_cost_usd: float | None = None
    trace: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """An event: a node of the graph has run. `details` is empty unless tracing."""

    node: str
    ms: float
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delta:
    """An event: text of the answer, released to the reader."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of every stream that does not raise."""

    answer: Answer


Event = Step | Delta | Done


class Feedback(Model):
    """A reader's judgement of an answer."""

    answer_id: str
    rating: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A source that could not be ingested, why, and what to do."""

    source: str
    error: str
    hint: str


@dataclass(slots=True)
class IngestReport:
    """What an ingestion did, in documents and chunks.

    `chunks` were stored and `embedded` of them went through the model; the vectors of the
    others were known. `shared` of the unchanged files have the content of another file,
    which is stored once. `skipped` were nearly the same as a document in the index.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    shared: int = 0
    skipped: int = 0
    flagged: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)


class Report(Model):
    """The report as the outside sees it: `ingest --json`, and the report of a job."""

    documents: dict[str, int]
    chunks: int
    seconds: float
    failures: list[Failure]

    @classmethod
    def of(cls, report: IngestReport) -> Report:
        """The report in the shape of the contract."""
        return cls(
            documents={
                "added": report.added,
                "updated": report.updated,
                "unchanged": report.unchanged,
                "deleted": report.deleted,
                "failed": len(report.failures),
            },
            chunks=report.chunks,
            seconds=report.seconds,
            failures=report.failures,
        )


@dataclass(slots=True)
class RebuildReport:
    """What a rebuild did, in documents and chunks.

    `embedded` chunks went through the model; the vectors of the others were known. Of the
    documents, `parsed` were read from their files anew, and `kept` could not be, because the
    file is gone or has changed: these keep the text that they had. `found` of `searches` with
    sentences of the index itself found what they should.
    """

    documents: int = 0
    chunks: int = 0
    embedded: int = 0
    parsed: int = 0
    kept: int = 0
    searches: int = 0
    found: int = 0
    seconds: float = 0.0
    in_use: bool = True
    """Whether this very service answers from the new index; else once it is restarted."""


@dataclass(frozen=True, slots=True)
class TransferReport:
    """What was exported or imported."""

    documents: int
    chunks: int
    seconds: float


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What an index holds, across tenants.

    `differs` are the parts of the fingerprint that the settings would make otherwise: until
    it is rebuilt, the index is refused. `size_bytes` is None where it cannot be told.
    """

    location: str
    documents: int
    chunks: int
    size_bytes: int | None
    fingerprint: Mapping[str, Scalar]
    differs: Sequence[str]
    tenants: Mapping[str, Counts]
    languages: Mapping[str, int]


class Part(Model):
    """Where a passage stands, for those who know its document or are told its title."""

    document_id: str
    title: str
    page: int | None
    heading: str
    start: int
    end: int


class Stage(Model):
    """What one stage of retrieval did with a document.

    `rank` is that of its best chunk, from 1, among the `of` that the stage ranked, of which
    the best `cut` go on. `kept` is None where the stage ranks without leaving anything out.
    `other` is what the document gave way to.
    """

    stage: str
    kept: bool | None
    rank: int | None = None
    of: int | None = None
    cut: int | None = None
    scores: Scores | None = None
    score: float | None = None
    passage: Part | None = None
    other: Part | None = None
    why: str = ""


Loss = Literal["index", "filter", "search", "fusion", "rerank", "age", "near_copy", "mmr", "budget"]


class WhyNot(Model):
    """What became of a document when a question was asked.

    `lost_at` is None when it is in the evidence, as the passages `evidence`, from 1.
    """

    question: str
    document_id: str
    title: str | None
    lost_at: Loss | None
    reason: str
    evidence: list[int]
    stages: list[Stage]
