"""A run whose files are read and encoded by a cluster; bookkeeping and switches stay here.

Where several processes may write to the store, the workers do, under ids that are decided
before they begin, and this run makes each version visible. What is in a file is known only
once it was read: its members come here, and this run stores them, as it does everything in
a store that has one writer.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

from app.core.exchange import Failure
from ingestion.cluster import Cluster
from ingestion.delivery import Order
from ingestion.prepare import Source
from ingestion.run import Run


class ClusterRun(Run):
    """As `Run`, whose arguments it takes; `parsers` and `encoder` are at work on the cluster."""

    def __init__(self, *, cluster: Cluster, **parts: Any) -> None:
        super().__init__(**parts)
        self._cluster = cluster

    async def _read(self, sources: Iterable[Source]) -> None:
        ledger = self._ledger
        async with aclosing(self._claims(sources)) as claims:
            todo = {source.name: (source, content) async for source, content in claims}
        orders: list[Order] = []
        for source, content in todo.values():
            orders.append(Order(source, ledger.reserve(content)))
        async with aclosing(self._cluster.deliveries(orders)) as deliveries:
            async for delivery in deliveries:
                if delivery.name not in todo:
                    continue  # once more, from a worker that was taken for dead
                source, content = todo[delivery.name]
                if delivery.outcome.source == source.name:
                    del todo[delivery.name]
                self.report.embedded += delivery.embedded
                if wanted := ledger.wanted(source.name, content, delivery.outcome):
                    await self._encoded.put((*wanted, delivery.chunks), len(delivery.chunks))
        for source, content in todo.values():
            why = "the Ray workers that read it died"
            ledger.drop(content, Failure(source.name, why, "see Ray's log, or use --engine local"))
        await self._prepared.close()
