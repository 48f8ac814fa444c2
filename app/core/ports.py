"""The ports: what Footnote needs of the outside, one Protocol each.

An adapter needs no base class. Adapters of one port pass one shared contract-test
class under `tests/contract/`. All waiting is async; nothing here may block the loop.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import BaseModel

from app.core.exchange import Feedback, IngestReport
from app.core.jobs import Job, JobState, Progress, Work
from app.core.run import Run
from app.core.types import (
    Census,
    Chunk,
    Completion,
    Document,
    EncodedChunk,
    HybridQuery,
    IndexInfo,
    Passage,
    Reading,
    Scalar,
    Scope,
    Seen,
    SparseVector,
    Vector,
    Vectors,
)

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

M = TypeVar("M", bound=BaseModel)


class DenseEncoder(Protocol):
    """Texts to vectors."""

    @property
    def name(self) -> str:
        """The model's name, part of the index fingerprint."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text the model reads; the rest would be lost."""

    @property
    def tokenizer(self) -> Any:
        """The model's `tokenizers.Tokenizer`, without truncation, for sizing chunks."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as the model's own tokenizer counts them."""

    def trust(self, question: str) -> float:
        """How much the model's word counts for a question in such a language, in (0, 1]."""

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), dimensions), rows of unit length, in order."""

    async def close(self) -> None:
        """Give back the worker and the model."""


class SparseEncoder(Protocol):
    """Texts to BM25 term weights; the engine multiplies in the IDF."""

    @property
    def name(self) -> str:
        """What determines the weights, part of the index fingerprint."""

    def encode_documents(self, texts: Sequence[str], language: str = "") -> list[SparseVector]:
        """Term-frequency weights of texts to be stored, all in one language, "" if unknown."""

    def encode_query(self, text: str, languages: Sequence[str] = ()) -> SparseVector:
        """The terms of a question, weight 1 each, as texts in any of the languages have them;
        without any, as texts whose language is not known."""


class ChunkStore(Protocol):
    """The index, which is also the register of documents."""

    async def replace(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Store a version of a document in place of every other version of it.

        Readers see the old version or the new one, never both. Running it twice
        changes nothing. It is `stage`, then `show`.
        """

    async def add(self, versions: Sequence[tuple[Document, Sequence[EncodedChunk]]]) -> None:
        """Store documents of which the index holds no version, in as few steps as it can.

        Readers see each of them whole or not at all. Raises as `replace` does.
        """

    async def stage(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Store a version of a document that readers do not see yet.

        Raises PermanentError when there are no chunks.
        """

    async def show(self, document: Document) -> None:
        """Put a staged version, all `document.chunks` of it, in place of every other.

        Its time of ingestion and its places become those of `document`. Raises TransientError
        when the staged version is not there, whole; then nothing has changed.
        """

    async def search(self, query: HybridQuery, scope: Scope) -> list[Passage]:
        """Fused candidates, best first, with dense, bm25 and fused scores."""

    async def documents(
        self, scope: Scope, *, limit: int | None = None, offset: int = 0
    ) -> list[Document]:
        """Documents in order of title, then id."""

    def register(self, scope: Scope) -> AsyncGenerator[list[Document], None]:
        """All documents of the scope in any order, some at a time, so that memory holds a few.

        Documents that are written or removed meanwhile may be missed or come all the same; one
        that is replaced meanwhile may come in both versions.
        """

    async def document(self, document_id: str, scope: Scope) -> Document:
        """One document. Raises NotFoundError."""

    async def chunks(self, document_id: str, scope: Scope) -> list[Chunk]:
        """All chunks of a document in order. Raises NotFoundError."""

    async def delete(self, document_id: str, scope: Scope) -> None:
        """Remove a document. Raises NotFoundError."""

    async def relocate(self, document_id: str, scope: Scope, sources: Sequence[str]) -> None:
        """Set the places, at least one, where a document's content is found.

        Raises NotFoundError.
        """

    async def optimize(self) -> None:
        """Bring the index into its fastest form after a bulk load."""

    async def revision(self, scope: Scope) -> str:
        """A token that changes whenever a document in the scope's tenant does."""

    async def languages(self, scope: Scope) -> Sequence[str]:
        """Languages of the documents in the scope's tenant, the most frequent first, "" among
        them if some are not known; the rarest of very many are left out."""

    async def info(self) -> IndexInfo:
        """What the index holds and what it was made with."""

    def everything(
        self, wanted: Callable[[Document], bool] | None = None
    ) -> AsyncGenerator[tuple[Document, list[EncodedChunk]], None]:
        """Documents of all tenants with their chunks, in order of tenant, source and id.

        With `census` the only read that crosses tenants, for an operator's work on the index
        as a whole: no door that serves a tenant may reach it. Documents that are written or
        removed meanwhile may be missed or come all the same. Memory holds the names of all
        documents and the chunks of a few.

        Args:
            wanted: Asked once about each document before any of its chunks are read.

        Raises PermanentError when a document is not whole.
        """

    async def census(self) -> Census:
        """How much there is of each tenant and language. Crosses tenants, as `everything`."""

    async def close(self) -> None:
        """Flush and let go of the index."""


class Generations(Protocol):
    """The place of an index, where it is kept in generations of which one is in use.

    A new generation grows beside the old one, which answers until the new one is adopted in
    one step. What a killed process leaves half-made is never read, and swept away.
    """

    @property
    def fingerprint(self) -> Mapping[str, Scalar]:
        """What a generation is made with now."""

    async def current(self) -> ChunkStore:
        """The generation in use, made when there is none.

        Raises ConfigError when it was made otherwise, and LockedError.
        """

    async def as_made(self) -> ChunkStore:
        """The generation in use, whatever it was made with.

        Raises NotFoundError when there is none, and LockedError.
        """

    async def made_with(self) -> Mapping[str, Scalar]:
        """What the generation in use was made with, read without holding it.

        Raises NotFoundError when there is none.
        """

    async def begin(self) -> ChunkStore:
        """A new generation, empty. The caller holds the one in use."""

    async def adopt(self) -> None:
        """Whoever opens the index from now on gets the generation begun last."""

    async def sweep(self) -> None:
        """Remove generations that nobody can be using. The caller holds the one in use."""

    async def size(self) -> int | None:
        """Bytes that the generation in use takes on disk, where that can be told."""


class VectorCache(Protocol):
    """Remembers vectors of texts for one model. Losing it costs time only."""

    async def get(self, texts: Sequence[str]) -> list[Vector | None]:
        """The vector of each text, None where it is not known, in order."""

    async def put(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Keep the vectors, shape (len(texts), dimensions), of texts."""

    async def close(self) -> None:
        """Let go of the file."""


class Reranker(Protocol):
    """Scores how well a passage answers a question."""

    @property
    def name(self) -> str:
        """The model's name."""

    async def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """A relevance in [0, 1] for each text, in order; 0.5 is the line between."""

    async def close(self) -> None:
        """Give back the worker and the model."""


class Reader(Protocol):
    """Reads passages for a question: how near, whether they answer it, and where."""

    @property
    def name(self) -> str:
        """The model's name."""

    async def read(
        self, question: str, texts: Sequence[str], *, places: bool = True
    ) -> list[Reading]:
        """A reading of each text, in order.

        Args:
            places: Whether where the answer may stand is wanted, too.
        """

    async def close(self) -> None:
        """Give back the threads and the model."""


class Ranker(Protocol):
    """Weighs all that is known of a passage into one probability: that it answers."""

    @property
    def name(self) -> str:
        """What determines the scores."""

    def promising(self, passages: Sequence[Passage]) -> list[Passage]:
        """Candidates of one question, best first by fused score, in the order in which it is
        worth judging them."""

    async def judge(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
        """The passages, in the same order, with their final score and the reranker's."""

    def answered(self, passages: Sequence[Passage], seen: Seen) -> float:
        """The probability that one of the passages, judged already, answers what was asked."""

    async def close(self) -> None:
        """Give back the models."""


class ChatModel(Protocol):
    """A chat model behind any OpenAI-compatible address.

    Raises TransientError when the model is busy, unreachable, too slow or breaks off,
    PermanentError when it refuses the request for good.
    """

    @property
    def name(self) -> str:
        """The model's name."""

    async def complete(self, messages: Sequence[Mapping[str, str]], *, json: bool) -> Completion:
        """The whole reply; `json` asks for one JSON object."""

    def stream(self, messages: Sequence[Mapping[str, str]]) -> AsyncGenerator[Completion, None]:
        """The reply in pieces of text; the piece that carries usage comes last."""

    async def close(self) -> None:
        """Close connections."""


class AnswerCache(Protocol):
    """Remembers answers. Losing it costs time, never an answer: an adapter turns a
    failure of its backend into a miss and logs it."""

    async def get(self, key: str) -> str | None:
        """The value, unless it is missing or too old."""

    async def set(self, key: str, value: str) -> None:
        """Keep a value for the configured time."""

    async def check(self) -> None:
        """Raise TransientError when the backend does not answer."""

    async def close(self) -> None:
        """Close connections."""


class RateLimiter(Protocol):
    """Counts requests of a client."""

    async def hit(self, client: str) -> float:
        """Count one request: 0 when allowed, else seconds until one would be."""

    async def close(self) -> None:
        """Close connections."""


class SentenceScorer(Protocol):
    """Scores how well single sentences answer a question."""

    async def score_sentences(
        self, question: str, sentences: Sequence[str], contexts: Sequence[str]
    ) -> list[float]:
        """A relevance in [0, 1] for each sentence, in order.

        Args:
            question: A standalone question.
            sentences: What could be quoted.
            contexts: For each sentence, the title and headings it stands under.
        """


class Gateway(Protocol):
    """Prompts to replies: the only way to a chat model.

    Every call checks the run's deadline and budget first and records its usage and the
    prompt's version in the run. Raises TransientError or PermanentError when there is no
    usable reply, malformed JSON included.
    """

    async def text(self, prompt: str, run: Run, **variables: object) -> str:
        """The reply to a prompt, stripped."""

    async def structured(self, prompt: str, shape: type[M], run: Run, **variables: object) -> M:
        """The reply to a prompt that asks for JSON, checked against `shape`."""

    def stream(
        self, prompt: str, run: Run, **variables: object
    ) -> AsyncGenerator[Completion, None]:
        """The reply to a prompt in pieces."""

    async def close(self) -> None:
        """Close connections."""


class Memory(Protocol):
    """Conversations and feedback."""

    @property
    def checkpointer(self) -> BaseCheckpointSaver[str]:
        """Where the graph keeps a conversation's state."""

    async def prune(self, thread_id: str) -> None:
        """Drop all but the latest checkpoint of a thread."""

    async def add_feedback(self, feedback: Feedback, tenant: str) -> None:
        """Keep a reader's judgement."""

    async def ratings(self, tenant: str) -> dict[str, int]:
        """Every judgement of a tenant's readers, -1 or 1, by the answer's id."""

    async def check(self) -> None:
        """Raise TransientError when the backend does not answer."""


class Jobs(Protocol):
    """The queue of ingestion jobs. It outlives the servers that work on it.

    A worker holds the job it runs by a lease, which every beat extends. When beats stay out,
    the server has died and the job is queued again. At most one job of a tenant runs at a
    time. Every method raises TransientError when the backend does not answer.
    """

    async def add(self, job_id: str, tenant: str, work: Work) -> Job:
        """Queue a job; a job that is there already stays as it is."""

    async def get(self, job_id: str, tenant: str | None) -> Job:
        """One job of a tenant, or of any. Raises NotFoundError."""

    async def latest(self, tenant: str, *, limit: int, offset: int = 0) -> list[Job]:
        """A tenant's jobs, the newest first."""

    async def claim(self, worker: str) -> Job | None:
        """Take the oldest job that may run; it is running from now on."""

    async def beat(self, job_id: str, worker: str, progress: Progress) -> Job | None:
        """Say how far a job has come. Gives the job, None when it is no longer the worker's."""

    async def finish(
        self,
        job_id: str,
        worker: str,
        state: JobState,
        *,
        progress: Progress,
        report: IngestReport | None = None,
        error: str | None = None,
    ) -> None:
        """End a job, unless it is no longer the worker's."""

    async def give_back(self, job_id: str, worker: str) -> None:
        """Queue a job again that its worker cannot finish now."""

    async def give_back_all(self) -> None:
        """Queue all running jobs again: the caller knows that their servers are gone."""

    async def cancel(self, job_id: str, tenant: str | None) -> Job:
        """End a queued job now and a running one soon; an ended one stays as it is.

        Raises NotFoundError.
        """

    async def open_ids(self) -> set[str]:
        """Jobs that are queued or running."""

    async def prune(self) -> None:
        """Forget jobs that ended long ago."""

    async def check(self) -> None:
        """Raise TransientError when the backend does not answer."""
