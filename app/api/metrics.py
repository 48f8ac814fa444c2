"""Numbers for Prometheus, in a registry of the app's own."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.auth import is_operator
from app.api.paths import route_path
from app.api.problems import CLIENT_GONE, ClientGone
from app.core.types import Answer

log = structlog.get_logger(__name__)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """What the door counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=self.registry)

        def histogram(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(name, text, labels, registry=self.registry, buckets=SECONDS)

        self.requests = counter(
            "footnote_http_requests_total", "Requests answered", "route", "method", "status"
        )
        self.latency = histogram(
            "footnote_http_request_seconds", "Time to the end of the response", "route", "method"
        )
        self.answers = counter("footnote_answers_total", "Answers by how they ended", "status")
        self.in_progress = Gauge(
            "footnote_answers_in_progress",
            "Answers in the making",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.steps = histogram("footnote_step_seconds", "Time in a node of the graph", "node")
        self.llm_calls = counter("footnote_llm_calls_total", "Calls of the chat model")
        self.llm_tokens = counter("footnote_llm_tokens_total", "Tokens of those calls", "direction")
        self.llm_cost = counter("footnote_llm_cost_usd_total", "Their price where it is known")

    def answered(self, answer: Answer) -> None:
        """Count a finished answer: how it ended, its steps and what it cost."""
        self.answers.labels(answer.status.value).inc()
        for node, milliseconds in answer.timings_ms.items():
            self.steps.labels(node).observe(milliseconds / 1000)
        self.llm_calls.inc(answer.usage.llm_calls)
        self.llm_tokens.labels("input").inc(answer.usage.input_tokens)
        self.llm_tokens.labels("output").inc(answer.usage.output_tokens)
        self.llm_cost.inc(answer.usage.cost_usd or 0.0)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Count an answer that ends in an error or without a reader; the error goes on."""
        try:
            yield
        except (ClientGone, asyncio.CancelledError, GeneratorExit):
            self.answers.labels("cancelled").inc()
            raise
        except Exception:
            self.answers.labels("failed").inc()
            raise

    def exposition(self) -> bytes:
        """The text that Prometheus reads; of all workers where they share a folder."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self.registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)


class Observe:
    """Middleware: counts, times and logs every request under its route's template.

    Args:
        metrics: Where to count.
        routes: Templates of all routes, which also name requests refused before routing.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Collection[str]) -> None:
        self.app = app
        self.metrics = metrics
        self.routes = frozenset(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it went."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status = CLIENT_GONE
        began = time.perf_counter()
        path = route_path(scope)

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - began
            route = self._template(scope, path)
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.metrics.requests.labels(route, method, str(status)).inc()
            self.metrics.latency.labels(route, method).observe(seconds)
            ms = round(seconds * 1000, 1)
            # A command that waits for its job asks three times a second.
            level = logging.DEBUG if is_operator(scope) else logging.INFO
            log.log(level, "request", method=method, path=path, status=status, ms=ms)

    def _template(self, scope: Scope, path: str) -> str:
        """A label from a closed set, whatever paths a scanner tries."""
        if "route" in scope:
            return str(scope["route"].path)
        if path.startswith("/static/"):
            return "/static"
        return path if path in self.routes else "unmatched"
