"""A worker of a Ray cluster: files in, encoded documents out, one group of files at a time.

Ray keeps it alive, starts it anew where its process or its node dies, and then gives it the
same files again. A file that breaks its parser breaks a process of the worker's own.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from app.core.errors import FootnoteError
from app.core.exchange import Failure
from app.core.ports import ChunkStore
from app.core.types import EncodedChunk
from ingestion.delivery import ORDER, Delivery, Order
from ingestion.describe import described
from ingestion.encode import Encoder
from ingestion.ledger import completed
from ingestion.prepare import Prepared, Source, explain
from ingestion.run import WINDOW, Parsers, Staged

if TYPE_CHECKING:
    from pyarrow import Table

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker works with.

    Args:
        store: Where several processes may write; None when only the driver can.
    """

    parsers: Parsers
    encoder: Encoder
    store: ChunkStore | None


OpenTools = Callable[[], AbstractAsyncContextManager[Tools]]


class ClusterWorker:
    """What Ray Data calls with tables of orders; it gives back tables of deliveries.

    Args:
        open_tools: Makes the tools on the worker's node, models included.
    """

    def __init__(self, open_tools: OpenTools) -> None:
        self._open_tools = open_tools
        self._loop = asyncio.Runner()
        self._life = AsyncExitStack()  # ends with the process
        self._tools: Tools | None = None

    def __call__(self, table: Table) -> Iterator[Table]:
        """Deliveries as they get ready, those of a file's members before its own."""
        import pyarrow

        schema = _schema(pyarrow)
        deliveries = self.deliveries([Order.of(cell.as_py()) for cell in table[ORDER]])
        while (delivery := self._loop.run(anext(deliveries, None))) is not None:
            yield pyarrow.Table.from_pylist([delivery.row()], schema)

    async def deliveries(self, orders: Sequence[Order]) -> AsyncGenerator[Delivery, None]:
        """The same on an event loop."""
        try:
            if self._tools is None:
                self._tools = await self._life.enter_async_context(self._open_tools())
        except FootnoteError as error:
            yield unable(error)
            return
        waiting: list[tuple[Order, Prepared | Failure]] = []
        for order in orders:
            async with aclosing(_outcomes(self._tools, order.source)) as outcomes:
                async for outcome in outcomes:
                    waiting.append((order, outcome))
                    if sum(_size(outcome) for _, outcome in waiting) >= WINDOW:
                        for delivery in await _encode(self._tools, waiting):
                            yield delivery
                        waiting = []
        for delivery in await _encode(self._tools, waiting):
            yield delivery


def unable(error: FootnoteError) -> Delivery:
    """Says that a worker can do no work at all."""
    return Delivery("", explain("", error), [])


async def _outcomes(tools: Tools, source: Source) -> AsyncGenerator[Prepared | Failure, None]:
    if not await asyncio.to_thread(source.path.exists):
        yield Failure(
            source.name,
            f"the Ray worker on {socket.gethostname()} does not find it",
            "put it on storage that all nodes of the cluster share",
        )
        return
    async with aclosing(tools.parsers.documents(source)) as outcomes:
        async for outcome in outcomes:
            yield await described(outcome) if isinstance(outcome, Prepared) else outcome


def _size(outcome: Prepared | Failure) -> int:
    return len(outcome.texts) if isinstance(outcome, Prepared) else 0


async def _encode(
    tools: Tools, waiting: Sequence[tuple[Order, Prepared | Failure]]
) -> list[Delivery]:
    """Deliveries in the same order."""
    documents = [outcome for _, outcome in waiting if isinstance(outcome, Prepared)]
    encoded, computed = await tools.encoder.encode_each(documents)
    found = iter(encoded)
    deliveries: list[Delivery] = []
    for order, outcome in waiting:
        chunks = next(found) if isinstance(outcome, Prepared) else outcome
        if isinstance(chunks, Failure) or isinstance(outcome, Failure):
            failure = chunks if isinstance(chunks, Failure) else outcome
            deliveries.append(Delivery(order.source.name, failure, [], computed))
        else:
            stored = await _stage(tools.store, order, outcome, chunks)
            deliveries.append(Delivery(order.source.name, outcome, stored, computed))
        computed = 0
    return deliveries


async def _stage(
    store: ChunkStore | None, order: Order, prepared: Prepared, chunks: list[EncodedChunk]
) -> list[EncodedChunk] | Staged:
    """Bring a file's own document into the store, where readers do not see it yet.

    Members go to the driver: only its register tells whether their content is there already,
    and under which id. So does what the store refuses: the driver will hear why, and tell.
    """
    draft = order.document
    itself = prepared.source == order.source.name
    if store is None or not itself or prepared.content_hash != draft.content_hash:
        return chunks
    document = completed(draft, prepared, len(chunks))
    try:
        await store.stage(document, chunks)
    except FootnoteError as error:
        log.warning("ingest.not_staged", source=document.source, error=str(error))
        return chunks
    return Staged(len(chunks))


def _schema(pyarrow: Any) -> Any:
    binary, number = pyarrow.large_binary(), pyarrow.int64()
    return pyarrow.schema(
        [
            ("name", pyarrow.string()),
            ("outcome", binary),
            ("staged", number),
            ("embedded", number),
            ("chunks", binary),
            ("terms", binary),
            ("weights", binary),
            ("counts", binary),
            ("vectors", binary),
        ]
    )
