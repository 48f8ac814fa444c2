"""Answer again what was answered before, as long as nothing has changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import structlog
from langgraph.runtime import Runtime
from pydantic import ValidationError

from app.core.exchange import Delta
from app.core.types import Answer, Usage
from graphs.context import Context
from graphs.state import State

log = structlog.get_logger(__name__)


async def recall(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Look the question up. A follow-up is never cached: its meaning is in its history."""
    context = runtime.context
    if context.cache is None or state["history"] or context.run.trace:
        return {}
    key = await _key(state["question"], context)
    kept = await context.cache.get(key)
    if kept is None:
        return {"cache_key": key}
    try:
        answer = Answer.model_validate_json(kept)
    except ValidationError:  # written by another version of Footnote
        log.warning("cache.unreadable", key=key)
        return {"cache_key": key}
    runtime.stream_writer(Delta(answer.answer))
    fresh = {
        "answer_id": context.run.answer_id,
        "conversation_id": context.conversation_id,
        "usage": Usage(),
        "timings_ms": {},
        "skipped": ["everything: answered from the cache"],
    }
    return {"answer": answer.model_copy(update=fresh), "cache_key": ""}


async def _key(question: str, context: Context) -> str:
    """Question, scope, state of the documents, and all that shapes an answer."""
    parts = [
        " ".join(question.split()).lower(),
        context.scope.tenant,
        sorted(context.scope.filters.items()),
        await context.store.revision(context.scope),
        dict(context.identity),
    ]
    return hashlib.sha256(json.dumps(parts, default=list).encode()).hexdigest()
