"""A Qdrant server in trouble: what the user is told, for each kind of trouble."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient

from app.adapters.qdrant_server import QdrantStore, connect
from app.core.errors import ConfigError, FootnoteError, PermanentError, TransientError
from app.core.types import Scope
from tests.support.documents import asking, made


class Refusing(http.server.BaseHTTPRequestHandler):
    """Answers every request with the same error."""

    status = 500

    def _refuse(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = do_POST = do_DELETE = _refuse

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def refusing() -> Iterator[tuple[str, type[Refusing]]]:
    handler = type("Handler", (Refusing,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def client(url: str) -> AsyncQdrantClient:
    return AsyncQdrantClient(url=url, timeout=2, check_compatibility=False)


async def every_call(store: QdrantStore) -> list[FootnoteError]:
    """The error of each call of the port."""
    scope = Scope()
    calls = [
        lambda: store.replace(*made("a.md", ["text"])),
        lambda: store.search(asking("text"), scope),
        lambda: store.documents(scope),
        lambda: store.document("id", scope),
        lambda: store.chunks("id", scope),
        lambda: store.delete("id", scope),
        lambda: store.revision(scope),
        lambda: store.info(),
    ]
    errors: list[FootnoteError] = []
    for call in calls:
        with pytest.raises(FootnoteError) as error:
            await call()  # type: ignore[no-untyped-call]
        errors.append(error.value)
    return errors


async def test_an_unreachable_server_is_worth_another_try(free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    with pytest.raises(TransientError, match="FOOTNOTE_QDRANT__URL"):
        await QdrantStore.open(client(url), "footnote", dimensions=3, fingerprint={})

    for error in await every_call(QdrantStore(client(url), "footnote", {})):
        assert isinstance(error, TransientError)
        assert str(free_port) not in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, ConfigError, "FOOTNOTE_QDRANT__API_KEY"),
        (403, ConfigError, "FOOTNOTE_QDRANT__API_KEY"),
        (400, PermanentError, "refuses the request"),
        (404, PermanentError, "collection"),
        (429, TransientError, "FOOTNOTE_QDRANT__URL"),
        (500, TransientError, "FOOTNOTE_QDRANT__URL"),
        (503, TransientError, "FOOTNOTE_QDRANT__URL"),
    ],
)
async def test_each_refusal_says_what_to_do(
    refusing: tuple[str, type[Refusing]], status: int, kind: type[FootnoteError], said: str
) -> None:
    url, handler = refusing
    handler.status = status

    for error in await every_call(QdrantStore(client(url), "footnote", {})):
        assert type(error) is kind
        assert said in str(error)


def test_a_bad_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigError, match=r"qdrant\.url") as error:
        connect("http://user:s3cret@host:port", None, timeout_s=1)

    assert "s3cret" not in str(error.value)
