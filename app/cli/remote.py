"""The service as commands use it, in a server that holds the index."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.core.errors import (
    InputError,
    LockedError,
    NotFoundError,
    PermanentError,
    TransientError,
)
from app.core.exchange import (
    Ask,
    Delta,
    Done,
    Event,
    Failure,
    IngestReport,
    RebuildReport,
    Step,
    WhyNot,
)
from app.core.jobs import JobState
from app.core.types import Answer, Document, Passage, Scope

if TYPE_CHECKING:
    import httpx

    from app.cli.running import Running
    from app.core.settings import Settings

_PAGE = 1000
_LOOK_S = 0.3  # between two looks at a job
_PATIENCE = 20  # looks without an answer of a server that is alive
_TIMEOUT_S = 30.0
_HERE_S = 5.0


class RemoteFootnote:
    """What a command needs of `Footnote`, over HTTP. Raises as the service does."""

    def __init__(self, client: httpx.AsyncClient, server: Running) -> None:
        self._client = client
        self._server = server
        self.store = RemoteStore(self)

    @classmethod
    @asynccontextmanager
    async def reach(cls, server: Running) -> AsyncIterator[RemoteFootnote | None]:
        """The server; None when it does not answer to its token."""
        import httpx

        headers = {"Authorization": f"Bearer {server.token}"}
        async with httpx.AsyncClient(
            base_url=server.url, headers=headers, timeout=_TIMEOUT_S, trust_env=False
        ) as client:
            try:
                there = await client.get("/v1/operator", timeout=_HERE_S)
            except httpx.TransportError:
                yield None
                return
            yield cls(client, server) if there.is_success else None

    async def ingest(
        self,
        paths: Sequence[str | Path],
        *,
        progress: Callable[[int, int, str], None] | None = None,
        **terms: Any,
    ) -> IngestReport:
        """Hand the work over and wait for its end; who stops waiting stops the work."""
        job_id = uuid.uuid4().hex
        order = {**terms, "job_id": job_id, "paths": _absolute(paths)}
        try:
            await self.call("POST", "/v1/operator/jobs", json=order)
            return await self._report(f"/v1/operator/jobs/{job_id}", progress)
        except asyncio.CancelledError:
            with contextlib.suppress(NotFoundError, TransientError):
                await self.call("DELETE", f"/v1/operator/jobs/{job_id}")
            raise

    async def rebuild(
        self, settings: Settings, progress: Callable[[int, int, str], None] | None = None
    ) -> RebuildReport:
        """Have the server rebuild its index; who stops waiting stops the work.

        Args:
            settings: What the new index follows.
        """
        import httpx

        sections = {
            "embedding": settings.embedding.model_dump(),
            "ingestion": settings.ingestion.model_dump(),
        }
        try:
            async with self._client.stream(
                "POST", "/v1/operator/rebuild", json=sections, timeout=None
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise _error(response)
                async for line in response.aiter_lines():
                    told = json.loads(line)
                    if "report" in told:
                        return RebuildReport(**told["report"])
                    if "error" in told:
                        raise PermanentError(told["error"], hint=told["hint"])
                    if progress:
                        progress(told["done"], told["total"], told["step"])
        except httpx.TransportError as error:
            raise self._stopped() from error
        raise self._stopped()

    async def search(self, query: str, scope: Scope, k: int | None = None) -> list[Passage]:
        """Retrieval alone."""
        self.check_tenant(scope)
        asked = {"query": query, "k": k, "filters": dict(scope.filters), "explain": True}
        found = await self.call("POST", "/v1/search", json=asked)
        return [Passage(**passage) for passage in found["passages"]]

    async def why_not(self, question: str, document_id: str, scope: Scope) -> WhyNot:
        """What became of a document when a question is asked, of any tenant."""
        asked = {
            "question": question,
            "document_id": document_id,
            "tenant": scope.tenant,
            "filters": dict(scope.filters),
        }
        return WhyNot(**await self.call("POST", "/v1/operator/why-not", json=asked))

    async def stream(self, request: Ask) -> AsyncIterator[Event]:
        """Steps and released text as they happen, and `Done` at the end."""
        import httpx

        self.check_tenant(request.scope)
        try:
            async with self._client.stream(
                "POST", "/v1/chat/completions", json=_chat(request), timeout=None
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise _error(response)
                async for line in response.aiter_lines():
                    for event in _events(line):
                        yield event
        except httpx.TransportError as error:
            raise self._stopped() from error

    def check_tenant(self, scope: Scope) -> None:
        """Raise LockedError for a tenant that the server does not serve."""
        if scope.tenant != self._server.tenant:
            raise LockedError(
                f"a server holds the index, and answers for tenant {self._server.tenant} alone",
                hint="stop the server, or use a Qdrant server (FOOTNOTE_QDRANT__URL)",
            )

    async def call(self, method: str, path: str, **request: Any) -> Any:
        """The JSON that the server answers, None when it says no more than yes."""
        import httpx

        try:
            response = await self._client.request(method, path, **request)
        except httpx.TransportError as error:
            raise self._stopped() from error
        if not response.is_success:
            raise _error(response)
        return response.json() if response.content else None

    async def _report(
        self, path: str, progress: Callable[[int, int, str], None] | None
    ) -> IngestReport:
        silent = 0
        while True:
            try:
                job = await self.call("GET", path)
                silent = 0
            except _Unreachable:
                silent += 1
                if silent > _PATIENCE or not self._server.is_alive:
                    raise self._stopped(
                        "it goes on when the server starts again; or run the same command again"
                    ) from None
                job = None
            if job and progress and job["progress"]["total"]:
                progress(*job["progress"].values())
            if job and job["state"] not in (JobState.QUEUED, JobState.RUNNING):
                return _outcome(job)
            await asyncio.sleep(_LOOK_S)

    def _stopped(self, hint: str = "run the same command again") -> TransientError:
        return _Unreachable(f"the server at {self._server.url} stopped in the middle", hint=hint)


@dataclass(frozen=True, slots=True)
class RemoteStore:
    """What a command needs of the register of documents."""

    footnote: RemoteFootnote

    async def documents(self, scope: Scope) -> list[Document]:
        """Documents in order of title."""
        self.footnote.check_tenant(scope)
        found: list[Document] = []
        while True:
            query = {"limit": _PAGE, "offset": len(found)}
            page = await self.footnote.call("GET", "/v1/documents", params=query)
            found += [Document(**document) for document in page["data"]]
            if not page["has_more"]:
                return found

    async def document(self, document_id: str, scope: Scope) -> Document:
        """One document. Raises NotFoundError."""
        return Document(**await self._one("GET", document_id, scope))

    async def delete(self, document_id: str, scope: Scope) -> None:
        """Remove a document. Raises NotFoundError."""
        await self._one("DELETE", document_id, scope)

    async def _one(self, method: str, document_id: str, scope: Scope) -> Any:
        from urllib.parse import quote

        self.footnote.check_tenant(scope)
        return await self.footnote.call(method, f"/v1/documents/{quote(document_id, safe='')}")


class _Unreachable(TransientError):
    """The server does not answer."""


def _absolute(paths: Sequence[str | Path]) -> list[str]:
    """The server has another working directory."""
    return [str(Path(path).absolute()) for path in paths]


def _outcome(job: Mapping[str, Any]) -> IngestReport:
    match job["state"]:
        case JobState.DONE:
            report = dict(job["report"])
            failures = [Failure(**failure) for failure in report.pop("failures")]
            return IngestReport(**report, failures=failures)
        case JobState.CANCELLED:
            raise PermanentError(
                "somebody cancelled the work on the server",
                hint="what is done is kept; run the same command again to go on",
            )
        case _:
            raise PermanentError(f"the server could not do it: {job['error']}")


def _chat(request: Ask) -> dict[str, Any]:
    extras = {
        "conversation_id": request.conversation_id,
        "deadline_ms": request.deadline_ms,
        "trace": request.trace,
    }
    return {
        "model": "footnote",
        "messages": [{"role": "user", "content": request.question}],
        "stream": True,
        "footnote": {key: value for key, value in extras.items() if value is not None},
    }


def _events(line: str) -> list[Event]:
    """The events in a line of a server-sent stream."""
    if not line.startswith("data: {"):
        return []
    chunk = json.loads(line.removeprefix("data: "))
    if "error" in chunk:
        raise PermanentError(chunk["error"]["message"])
    told = chunk.get("footnote") or {}
    if "step" in told:
        return [Step(**told["step"])]
    if "answer_id" in told:
        return [Done(Answer(**told))]
    texts = [choice["delta"].get("content") for choice in chunk["choices"]]
    return [Delta(text) for text in texts if text]


def _error(response: httpx.Response) -> Exception:
    """The error that the server had, as far as it tells."""
    try:
        told = response.json()
        text = told["error"]["message"] if "error" in told else told["detail"]
    except (ValueError, KeyError, TypeError):
        text = f"the server answered with status {response.status_code}"
    match response.status_code:
        case 404:
            return NotFoundError(text)
        case 400 | 413 | 422:
            return InputError(text)
        case 429 | 503:
            return TransientError(text)
        case _:
            return PermanentError(text, hint="see the server's log")
