"""What a cluster's driver and workers tell each other, without a cluster."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from app.adapters import payload
from app.adapters.bm25 import Bm25Encoder
from app.adapters.qdrant_edge import EdgeStore
from app.core.errors import ConfigError
from app.core.exchange import Failure
from ingestion.cluster_worker import ClusterWorker, Tools
from ingestion.delivery import ORDER, Delivery, Order
from ingestion.encode import Encoder
from ingestion.pipeline import Ingestor
from ingestion.prepare import Prepared, Source, Unexpected
from ingestion.run import Staged
from tests.support.documents import DIMENSIONS, made
from tests.unit.ingestion.bench import Bench, CountingEncoder, counts, open_bench
from tests.unit.ingestion.parsers import in_process

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("pyarrow"), reason="no extra `ray`")

MANY = "# Leave\n\n" + "Everyone has 25 days of annual leave a year. " * 99


def test_what_is_sent_arrives_to_the_last_bit() -> None:
    version = made("a.md", ["annual leave ", "Überstunden \ud7ff"])
    prepared = Prepared(
        "a.md", "hash", "A", 1, "german", ("hidden",), (), (), members={"a.md!/b": ""}
    )
    sent = [
        Delivery("a.md", prepared, version.chunks, 2),
        Delivery("a.md", prepared, Staged(7)),
        Delivery("a.md", prepared, []),
        Delivery("a.md", Failure("a.md!/b", "it is encrypted", "open it"), []),
        Delivery("a.md", Unexpected("a.md", "unexpected KeyError", "see the log", "trace"), []),
    ]

    arrived = [Delivery.of(delivery.row()) for delivery in sent]

    assert [(d.name, d.embedded, type(d.outcome)) for d in arrived] == [
        (d.name, d.embedded, type(d.outcome)) for d in sent
    ]
    assert [d.outcome.source for d in arrived] == [d.outcome.source for d in sent]
    assert arrived[1].chunks == Staged(7)
    assert isinstance(arrived[0].chunks, list)
    for came, went in zip(arrived[0].chunks, version.chunks, strict=True):
        assert (came.chunk, came.dense.tolist()) == (went.chunk, went.dense.tolist())
        assert list(came.sparse.indices) == list(went.sparse.indices)
        assert list(came.sparse.values) == list(went.sparse.values)


class Fragile(CountingEncoder):
    """Cannot encode documents that say `poison`."""

    async def encode(self, texts: Sequence[str]) -> Any:
        if any("poison" in text for text in texts):
            raise RuntimeError("NaN")
        return await super().encode(texts)


def work(tools: Any, *orders: Order) -> list[Delivery]:
    """What a worker gives back."""
    import pyarrow

    table = pyarrow.Table.from_pylist([order.row() for order in orders])
    assert table.column_names == [ORDER]
    tables = ClusterWorker(tools)(table)
    return [Delivery.of(row) for table in tables for row in table.to_pylist()]


def order(path: Path, content_hash: str = "?") -> Order:
    draft = made(str(path), ["x"]).document.model_copy(update={"content_hash": content_hash})
    return Order(Source(str(path), path), draft)


def test_a_file_that_fails_costs_a_worker_nothing_else(tmp_path: Path, tokenizer: Any) -> None:
    @asynccontextmanager
    async def tools() -> AsyncIterator[Tools]:
        async with in_process(tokenizer) as parsers:
            yield Tools(parsers, Encoder(Fragile(tokenizer), Bm25Encoder()), None)

    for name, text in (("a.md", MANY), ("b.md", "# Poison\n\npoison"), ("c.md", MANY + "!")):
        (tmp_path / name).write_text(text)
    names = ("a.md", "missing.md", "b.md", "c.md")

    deliveries = work(tools, *(order(tmp_path / name) for name in names))

    assert [Path(delivery.name).name for delivery in deliveries] == list(names)
    fine, missing, poison, also_fine = deliveries
    assert fine.chunks and also_fine.chunks and isinstance(fine.outcome, Prepared)
    assert isinstance(missing.outcome, Failure) and "does not find it" in missing.outcome.error
    assert isinstance(poison.outcome, Failure) and "RuntimeError" in poison.outcome.error


def test_a_worker_stages_what_was_ordered_and_hands_over_all_else(
    tmp_path: Path, tokenizer: Any
) -> None:
    """Members, whose ids only the driver knows, and a file that has changed since."""
    file = tmp_path / "mail.eml"
    file.write_text("unread")
    stores: list[EdgeStore] = []

    class Mail:
        size = 1

        async def documents(self, source: Source) -> AsyncGenerator[Prepared, None]:
            async with in_process(tokenizer) as parsers:
                (tmp_path / "plan.md").write_text(MANY)
                async for found in parsers.documents(Source("x.md", tmp_path / "plan.md")):
                    assert isinstance(found, Prepared)
                    parts = (found.title, 0, "english", (), found.chunks, found.texts)
                    yield Prepared(f"{source.name}!/plan.md", "member", *parts)
                    yield Prepared(source.name, "itself", *parts)

    @asynccontextmanager
    async def tools() -> AsyncIterator[Tools]:
        store = await EdgeStore.open(tmp_path / "i", dimensions=DIMENSIONS, fingerprint={"of": "t"})
        stores.append(store)
        yield Tools(Mail(), Encoder(CountingEncoder(tokenizer), Bm25Encoder()), store)

    member, itself, changed_member, changed = work(
        tools, order(file, "itself"), order(file, "as it was")
    )

    assert isinstance(itself.chunks, Staged) and itself.chunks
    for handed_over in (member, changed_member, changed):
        assert isinstance(handed_over.chunks, list)
        assert len(handed_over.chunks) == len(itself.chunks)
    assert stores, "it was opened once, on the worker"
    assert len(stores) == 1


def test_a_worker_that_cannot_begin_says_why(tmp_path: Path) -> None:
    @asynccontextmanager
    async def tools() -> AsyncIterator[Tools]:
        raise ConfigError("this node has another model", hint="install the same")
        yield

    (delivery,) = work(tools, order(tmp_path / "a.md"), order(tmp_path / "b.md"))

    assert delivery.name == ""
    assert isinstance(delivery.outcome, Failure)
    assert delivery.outcome.error == "this node has another model"


class Here:
    """A cluster of one worker, in this process, that loses some files."""

    def __init__(self, worker: ClusterWorker, lost: Sequence[str] = ()) -> None:
        self._worker = worker
        self._lost = lost

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def deliveries(self, orders: Sequence[Order]) -> AsyncGenerator[Delivery, None]:
        found = [Order.of(order.row()[ORDER]) for order in orders]
        kept = [order for order in found if order.source.path.name not in self._lost]
        async for delivery in self._worker.deliveries(kept):
            if not delivery.name:
                raise ConfigError("a Ray worker cannot start")
            yield Delivery.of(delivery.row())


@asynccontextmanager
async def clustered(
    bench: Bench, tokenizer: Any, *, staging: bool, lost: Sequence[str] = ()
) -> AsyncIterator[Bench]:
    """The same index, filled by a cluster."""

    @asynccontextmanager
    async def tools() -> AsyncIterator[Tools]:
        async with in_process(tokenizer) as parsers:
            encoder = Encoder(bench.encoder, Bm25Encoder())
            yield Tools(parsers, encoder, bench.store if staging else None)

    ingestor = Ingestor(
        store=bench.store,
        dense=bench.encoder,
        sparse=Bm25Encoder(),
        parsers=lambda _: in_process(tokenizer),
        document_id=payload.document_id,
        cluster=lambda *_: Here(ClusterWorker(tools), lost),  # type: ignore[arg-type]
    )
    yield Bench(bench.store, bench.encoder, ingestor, bench.docs)


@pytest.mark.parametrize("staging", [True, False])
async def test_night_after_night_a_cluster_keeps_the_index_that_one_machine_would(
    tmp_path: Path, tokenizer: Any, staging: bool
) -> None:
    (tmp_path / "docs").mkdir()
    local, other = [await open_bench(tmp_path, tokenizer, name) for name in ("one", "two")]
    async with clustered(other, tokenizer, staging=staging) as remote:
        nights: list[dict[str, str]] = [
            {"a.md": "# A\n\nfirst", "b.md": "# B\n\nsecond", "copy.md": "# A\n\nfirst"},
            {"a.md": "# A\n\nfirst, changed", "moved.md": "# B\n\nsecond", "e.md": ""},
            {"b.md": "# B\n\nnew at an old place", "moved.md": "# B\n\nsecond, changed"},
            {},
        ]
        for night in nights:
            for name, text in night.items():
                local.write(name, text)
            if "moved.md" in night:
                (local.docs / "b.md").unlink(missing_ok=True)
                local.write("b.md", night["b.md"]) if "b.md" in night else None

            expected = await local.run(sync=True, yes=True)
            report = await remote.run(sync=True, yes=True, address="here")

            assert counts(report) == counts(expected)
            assert report.failures == expected.failures
            assert await remote.contents() == await local.contents()
    for bench in (local, other):
        await bench.store.close()


async def test_files_whose_workers_died_are_failures_and_the_next_run_has_them(
    tmp_path: Path, tokenizer: Any
) -> None:
    bench = await open_bench(tmp_path, tokenizer)
    for name in ("a.md", "b.md"):
        bench.write(name, f"# {name}\n\ntext of {name}")
    async with clustered(bench, tokenizer, staging=True, lost=["a.md"]) as remote:
        report = await remote.run(address="here")
    assert counts(report) == (1, 0, 0, 0, 1)
    assert "workers that read it died" in report.failures[0].error

    assert counts(await bench.run()) == (1, 0, 1, 0, 0)
    await bench.store.close()


async def test_a_cluster_whose_workers_cannot_start_ends_the_run_in_words(
    tmp_path: Path, tokenizer: Any
) -> None:
    @asynccontextmanager
    async def tools() -> AsyncIterator[Tools]:
        raise ConfigError("no such model")
        yield

    bench = await open_bench(tmp_path, tokenizer)
    bench.write("a.md", "# A\n\ntext")
    bench.ingestor._cluster = lambda *_: Here(ClusterWorker(tools))  # type: ignore
    with pytest.raises(ConfigError, match="cannot start"):
        await bench.run(address="here")
    await bench.store.close()
