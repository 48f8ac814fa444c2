"""Footnote as the doors see it: one object that asks, searches, ingests and remembers."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import structlog

from app.adapters.switching import SwitchingStore, pinned
from app.core.errors import ConfigError, InputError, NotFoundError
from app.core.exchange import (
    Ask,
    Delta,
    Done,
    Event,
    Feedback,
    IngestReport,
    RebuildReport,
    Step,
    WhyNot,
    refuse_count,
)
from app.core.ports import AnswerCache, ChunkStore, Memory, RateLimiter
from app.core.run import Run
from app.core.settings import Settings
from app.core.types import Answer, Message, Passage, Scope
from graphs.context import Context, Query
from graphs.nodes.guard import checked
from graphs.nodes.retrieve import search
from graphs.skills.clipping import unread
from graphs.skills.filters import narrowed
from graphs.skills.ranking import rank
from graphs.skills.select import select
from graphs.skills.why_not import why_not

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

    from app.index import Index
    from app.jobs.desk import JobDesk
    from ingestion.pipeline import Ingestor

_MOST_STEPS = 60  # far above the longest path; a loop that does not end is a bug
_ID_CHARS = 200

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Footnote:
    """The service. `app.wiring.open_footnote` makes it; a door only uses it.

    Args:
        base: The context of every question, but for its run, scope and conversation.
        tracer: Gives the callbacks that trace a question, if any.
        open_index: Opens what rebuilds the index in the form of some settings.
    """

    settings: Settings
    base: Context
    graph: CompiledStateGraph[Any, Context, Any, Any]
    memory: Memory
    limiter: RateLimiter
    ingestor: Ingestor
    jobs: JobDesk
    tracer: Callable[[], Sequence[Any]] = list
    open_index: Callable[[Settings], AbstractAsyncContextManager[Index]] | None = None
    turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    """One question of a conversation at a time: two would overwrite each other's turn."""

    @property
    def store(self) -> ChunkStore:
        """The index and register of documents."""
        return self.base.store

    @property
    def cache(self) -> AnswerCache | None:
        """The answer cache, if it is on."""
        return self.base.cache

    async def ask(self, request: Ask) -> Answer:
        """The whole answer. Raises InputError and what the store raises."""
        async with aclosing(self._events(request)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise AssertionError("the graph ended without an answer")

    def stream(self, request: Ask) -> AsyncGenerator[Event, None]:
        """Steps and released text as they happen, and `Done` at the end.

        Close it to stop the work. Raises as `ask` does, before or between events.
        """
        return self._events(request)

    async def search(self, query: str, scope: Scope, k: int | None = None) -> list[Passage]:
        """Retrieval alone: hybrid search, reranking, choice, with the scores of each stage.

        Of a query that is longer than the embedding model reads, dense search sees the
        beginning, and the log says so; BM25 sees all of it.

        Args:
            query: What to look for.
            scope: Whose documents.
            k: How many passages, 1 to 1000; `retrieval.k` by default.

        Raises InputError for another `k`, and for a query that is empty or binary.
        """
        most = self.settings.retrieval.k if k is None else k
        refuse_count(most)
        query = checked(query, self.settings.answer.max_question_chars)
        if cut := unread(query, self.base.dense):
            log.warning("search.query_cut", why=cut)
        async with pinned(self.store) as store:
            run = Run(deadline_ms=self.settings.answer.deadline_ms)
            context = replace(self.base, store=store, scope=scope, run=run)
            meant = replace(scope, narrowed=await narrowed(query, context))
            found = await search(Query(query, query), context, meant, most=most)
        ranked = await rank(
            query, found, reranker=self.base.reranker, settings=self.settings.reranking
        )
        return await select([ranked], most=most, settings=self.settings.retrieval)

    async def why_not(self, question: str, document_id: str, scope: Scope) -> WhyNot:
        """What became of a document when a question is asked: the stage that lost it.

        Raises InputError as `search` does.
        """
        question = checked(question, self.settings.answer.max_question_chars)
        async with pinned(self.store) as store:
            run = Run(deadline_ms=self.settings.answer.deadline_ms)
            context = replace(self.base, store=store, scope=scope, run=run)
            return await why_not(question, document_id, context)

    async def text(self, document_id: str, scope: Scope) -> str:
        """A document's canonical text. Raises NotFoundError."""
        chunks = await self.store.chunks(document_id, scope)
        return "".join(chunk.text for chunk in chunks)

    async def ingest(
        self,
        paths: Sequence[str | Path],
        *,
        tenant: str,
        tags: Mapping[str, str],
        sync: bool = False,
        yes: bool = False,
        workers: int = 0,
        address: str = "",
        progress: Callable[[int, int, str], None] | None = None,
    ) -> IngestReport:
        """Bring files into the index; see `Ingestor.run`."""
        return await self.ingestor.run(
            paths,
            tenant=tenant,
            tags=tags,
            sync=sync,
            yes=yes,
            workers=workers,
            address=address,
            progress=progress,
        )

    async def rebuild(
        self,
        progress: Callable[[int, int, str], None] | None = None,
        settings: Settings | None = None,
    ) -> RebuildReport:
        """Rebuild the index beside the one in use, while this service answers.

        Nothing is ingested meanwhile. With the service's own settings it goes over to the new
        index; with others it answers from the old one until it is restarted with them.

        Args:
            progress: Told after every few documents.
            settings: Whose sections `embedding` and `ingestion` the new index follows.

        Raises PermanentError when the new index is not as good as the old one, which stays.
        """
        store = self.store
        if self.open_index is None or not isinstance(store, SwitchingStore):
            raise ConfigError("this service cannot rebuild its index")
        wanted = settings or self.settings
        changed = {"embedding": wanted.embedding, "ingestion": wanted.ingestion}
        ours = self.settings.model_copy(update=changed)
        async with self.ingestor.paused(), self.open_index(ours) as index:
            return await index.rebuild(progress, live=store)

    async def conversation(self, conversation_id: str, tenant: str) -> list[Message]:
        """The messages of a conversation. Raises NotFoundError."""
        state = await self.graph.aget_state(_thread(tenant, conversation_id))
        messages = state.values.get("messages", [])
        if not messages:
            raise NotFoundError(f"no conversation {conversation_id[:_ID_CHARS]}")
        return [Message(**message) for message in messages]

    async def forget(self, conversation_id: str, tenant: str) -> None:
        """Delete a conversation. Raises NotFoundError."""
        await self.conversation(conversation_id, tenant)
        thread = _thread(tenant, conversation_id)["configurable"]["thread_id"]
        await self.memory.checkpointer.adelete_thread(thread)

    async def feedback(self, feedback: Feedback, tenant: str) -> None:
        """Keep a reader's judgement of an answer. Raises InputError for a bad rating."""
        if feedback.rating not in (-1, 1):
            raise InputError(f"the rating is {feedback.rating}", hint="rate with -1 or 1")
        await self.memory.add_feedback(feedback, tenant)

    async def readiness(self) -> dict[str, str]:
        """Part by part: `ok`, a reason why not, or `degraded…` for what can be done without."""
        checks = {
            "index": self.store.info,
            "conversations": self.memory.check,
            "jobs": self.jobs.check,
        }
        if self.cache:
            checks["cache"] = self.cache.check
        ready: dict[str, str] = {}
        for part, check in checks.items():
            try:
                async with asyncio.timeout(5):
                    await check()
                ready[part] = "ok"
            except Exception as error:
                log.warning("readiness.failed", part=part, exc_info=True)
                why = getattr(error, "message", "it does not answer")
                ready[part] = f"degraded: {why}" if part == "cache" else why
        return ready

    async def _events(self, request: Ask) -> AsyncGenerator[Event, None]:
        conversation = request.conversation_id or str(uuid.uuid4())
        if len(conversation) > _ID_CHARS:
            raise InputError("the conversation id is too long", hint=f"at most {_ID_CHARS}")
        context = replace(
            self.base,
            run=Run(
                deadline_ms=request.deadline_ms or self.settings.answer.deadline_ms,
                max_cost_usd=request.max_cost_usd,
                trace=request.trace,
            ),
            scope=request.scope,
            conversation_id=conversation,
            history=request.history,
            held=AsyncExitStack(),
        )
        config = _thread(request.scope.tenant, conversation)
        thread = config["configurable"]["thread_id"]
        last: Done | None = None
        turn = self.turns.setdefault(thread, asyncio.Lock())
        async with turn:
            try:
                # One and the same index to the end of the answer, whatever is rebuilt meanwhile.
                async with pinned(self.store) as store, context.held:
                    stream = self.graph.astream(
                        {"question": request.question},
                        {
                            **config,
                            "callbacks": list(self.tracer()),
                            "recursion_limit": _MOST_STEPS,
                        },
                        context=replace(context, store=store),
                        stream_mode="custom",
                        durability="exit",
                    )
                    async with aclosing(stream) as events:  # type: ignore[type-var]
                        async for event in events:
                            if isinstance(event, Done):
                                last = event
                            elif isinstance(event, (Step, Delta)):
                                yield event
            finally:  # also when the reader has left: what was begun must leave nothing behind
                await self._prune(thread)
        if last is None:
            raise AssertionError("the graph ended without an answer")
        yield last

    async def _prune(self, thread: str) -> None:
        """The checkpoint of a turn holds the whole conversation: earlier ones may go.

        A failure costs some space until the next turn, and not the answer.
        """
        try:
            await self.memory.prune(thread)
        except Exception:
            log.warning("conversation.prune_failed", exc_info=True)


def _thread(tenant: str, conversation_id: str) -> RunnableConfig:
    """A conversation belongs to its tenant: another one's id leads to another thread."""
    return {"configurable": {"thread_id": json.dumps([tenant, conversation_id])}}
