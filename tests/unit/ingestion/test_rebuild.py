"""An index made anew: what stays the same, what changes, and who answers meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.adapters import bundled, payload
from app.adapters.bm25 import Bm25Encoder
from app.adapters.generations import EdgeGenerations
from app.adapters.switching import SwitchingStore, pinned
from app.adapters.vector_cache import SqliteVectorCache
from app.core.errors import PermanentError, TransientError
from app.core.exchange import Failure
from app.core.ports import ChunkStore, SparseEncoder
from app.core.types import Scalar, Scope, SparseVector, Vectors
from app.index import Index
from ingestion.chunk import Chunker
from ingestion.encode import Encoder
from ingestion.formats.kinds import named
from ingestion.pipeline import Ingestor
from ingestion.prepare import Prepared, Preparer, Source
from ingestion.run import Parsers
from tests.support.documents import DIMENSIONS, asking, dense
from tests.unit.ingestion.parsers import InProcess, recipe

HERE = Scope("default")
TEXT = "".join(
    f"## Section {n}\n\nFact number {n} is about subject{n}. It has a second sentence of words, "
    f"and a third one that goes on about topic{n} for a while.\n\n"
    for n in range(6)
)


@dataclass
class Model:
    """A stand-in for a model that notes what it encodes."""

    tokenizer: Any
    name: str = "model"
    dimensions: int = DIMENSIONS
    max_tokens: int = bundled.MAX_TOKENS
    seen: list[str] = field(default_factory=list, repr=False)
    blind: bool = False
    """Whether every text is the same to it."""

    def trust(self, question: str) -> float:
        return 1.0

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def encode(self, texts: Sequence[str]) -> Vectors:
        self.seen += texts
        read = ("x" if self.blind else text for text in texts)
        rows = [dense(text) for text in read]
        return np.stack(rows) if rows else np.zeros((0, DIMENSIONS), np.float32)

    async def close(self) -> None: ...


@dataclass
class Library:
    """A folder of files, and an index of them as seen with some settings."""

    folder: Path
    tokenizer: Any
    model: Model
    chunk_tokens: int = 220
    parser: str = "1"
    sparse: SparseEncoder = field(default_factory=Bm25Encoder)

    @property
    def fingerprint(self) -> Mapping[str, Scalar]:
        return {
            "embedding": self.model.name,
            "dimensions": DIMENSIONS,
            "bm25": self.sparse.name,
            "chunker": f"{self.chunk_tokens}",
            "parser": self.parser,
        }

    @property
    def chunker(self) -> Chunker:
        return Chunker(self.tokenizer, chunk_tokens=self.chunk_tokens, min_tokens=4, max_tokens=256)

    @property
    def place(self) -> EdgeGenerations:
        return EdgeGenerations(
            self.folder / "index", dimensions=DIMENSIONS, fingerprint=self.fingerprint
        )

    def parsers(self, _: int = 0) -> AbstractAsyncContextManager[Parsers]:
        @asynccontextmanager
        async def made() -> AsyncIterator[Parsers]:
            ours = recipe(self.tokenizer, chunk_tokens=self.chunk_tokens, min_tokens=4)
            yield InProcess(Preparer(ours))

        return made()

    def index(self, cache: SqliteVectorCache | None = None) -> Index:
        return Index(
            generations=self.place,
            dense=self.model,
            sparse=self.sparse,
            encoder=Encoder(self.model, self.sparse, cache),
            chunker=self.chunker,
            parsers=self.parsers,
            kind=named,
        )

    def write(self, name: str, text: str) -> Path:
        file = self.folder / "docs" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    async def ingest(self, store: ChunkStore, tenant: str = "default", **tags: str) -> None:
        ingestor = Ingestor(
            store=store,
            dense=self.model,
            sparse=self.sparse,
            parsers=self.parsers,
            document_id=payload.document_id,
        )
        report = await ingestor.run([self.folder / "docs"], tenant=tenant, tags=tags)
        assert not report.failures

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ChunkStore]:
        store = await self.place.current()
        yield store
        await store.close()


@pytest.fixture
async def library(tmp_path: Path, tokenizer: Any) -> Library:
    """Four documents, one of them of another tenant."""
    library = Library(tmp_path, tokenizer, Model(tokenizer))
    library.write("plain.txt", "Employees get 25 days of leave. " * 3)
    library.write("long.md", f"# Long\n\n{TEXT}")
    library.write("code.py", "def pay(days: int) -> int:\n    return days * 2\n")
    async with library.opened() as store:
        await library.ingest(store, team="hr")
        for file in (library.folder / "docs").iterdir():
            file.unlink()
        library.write("theirs.md", "# Theirs\n\nAnother tenant has this text of its own.")
        await library.ingest(store, tenant="acme")
    library.model.seen.clear()
    return library


async def contents(store: ChunkStore) -> dict[str, Any]:
    """What a rebuild must not change: all but chunks and terms."""
    return {
        d.document_id: (
            d.model_dump(exclude={"chunks"}),
            "".join(encoded.chunk.text for encoded in chunks),
        )
        async for d, chunks in store.everything()
    }


async def found(store: ChunkStore, question: str, tenant: str = "default") -> list[str]:
    passages = await store.search(asking(question), Scope(tenant))
    return [passage.text for passage in passages]


def texts_seen(model: Model) -> list[str]:
    """Chunks that went through the model: they have their title in front."""
    return [text for text in model.seen if "\n" in text]


async def test_without_a_change_nothing_is_embedded_and_the_same_is_found(library: Library) -> None:
    async with library.opened() as store:
        before = await contents(store)
        answers = await found(store, "fact about subject3"), await found(store, "text", "acme")

    report = await library.index().rebuild()

    assert (report.documents, report.embedded, report.found) == (4, 0, 4)
    assert texts_seen(library.model) == []
    async with library.opened() as store:
        assert await contents(store) == before
        ours, theirs = await found(store, "fact about subject3"), await found(store, "text", "acme")
    assert (ours[0], theirs) == (answers[0][0], answers[1])
    assert sorted(ours) == sorted(answers[0]), "equals may change places"


async def test_an_empty_index_is_rebuilt_too(tmp_path: Path, tokenizer: Any) -> None:
    library = Library(tmp_path, tokenizer, Model(tokenizer))
    async with library.opened():
        pass
    library.chunk_tokens = 20

    report = await library.index().rebuild()

    assert (report.documents, report.chunks, report.searches) == (0, 0, 0)
    async with library.opened() as store:
        assert await store.documents(HERE) == []


async def test_smaller_chunks_keep_ids_texts_and_places(library: Library, tmp_path: Path) -> None:
    async with library.opened() as store:
        before, old = await contents(store), (await store.info()).chunks
    library.chunk_tokens = 20
    cache = SqliteVectorCache(
        tmp_path / "vectors", model="model", dimensions=DIMENSIONS, megabytes=9
    )

    report = await library.index(cache).rebuild()

    assert report.embedded == len(texts_seen(library.model)) > 0
    async with library.opened() as store:
        assert await contents(store) == before
        assert (await store.info()).chunks == report.chunks > old
        (long,) = [d for d in await store.documents(HERE) if d.title == "Long"]
        for chunk in await store.chunks(long.document_id, HERE):
            assert TEXT.find(chunk.text) >= 0 or chunk.start == 0
        (best, *_) = await found(store, "fact about subject3")
        assert "subject3" in best

    again = await library.index(cache).rebuild()
    library.chunk_tokens = 220
    back = await library.index(cache).rebuild()
    library.chunk_tokens = 20
    cached = await library.index(cache).rebuild()
    await cache.close()

    assert (again.embedded, cached.embedded) == (0, 0)
    assert back.embedded > 0


async def test_pages_come_back_from_the_chunks(library: Library) -> None:
    from tests.unit.ingestion.made import pdf

    lines = [
        [f"Line {n} of page {page} says word{page}x{n}." for n in range(20)] for page in (1, 2)
    ]
    (library.folder / "docs" / "two.pdf").write_bytes(pdf(lines, title="Two pages"))
    async with library.opened() as store:
        await library.ingest(store)
    library.chunk_tokens = 60

    await library.index().rebuild()

    async with library.opened() as store:
        (two,) = [d for d in await store.documents(HERE) if d.title == "Two pages"]
        chunks = await store.chunks(two.document_id, HERE)
    assert two.pages == 2 and len(chunks) > 4
    for chunk in chunks:
        others = f"of page {3 - (chunk.page or 0)}"
        assert chunk.page in (1, 2) and others not in chunk.text


async def test_other_terms_keep_the_vectors(library: Library) -> None:
    library.sparse = Bm25Encoder("english", 50.0)

    report = await library.index().rebuild()

    assert report.embedded == 0 and texts_seen(library.model) == []
    async with library.opened() as store:
        assert (await store.info()).fingerprint["bm25"] == library.sparse.name
        terms = [c.sparse async for _, chunks in store.everything() for c in chunks]
        texts = [
            library.chunker.embedding_text(d, c.chunk)
            async for d, chunks in store.everything()
            for c in chunks
        ]
    (expected,) = library.sparse.encode_documents(texts[:1], "english")
    assert sorted(terms[0].values) == pytest.approx(sorted(expected.values))


async def test_another_parser_reads_files_that_are_still_the_same(library: Library) -> None:
    changed = library.write("changed.md", "# Changed\n\nAs it was when it was ingested.\n")
    library.write("same.md", "# Same\n\nNobody has touched this file.\n")
    async with library.opened() as store:
        await library.ingest(store)
        before = await contents(store)
    changed.write_text("# Changed\n\nAnd not ingested since.\n")
    library.parser = "2"

    report = await library.index().rebuild()

    assert (report.parsed, report.kept) == (2 + 1, 4 - 1 + 1), "theirs.md is in the folder still"
    async with library.opened() as store:
        assert await contents(store) == before


async def test_a_model_that_finds_nothing_does_not_replace_one_that_does(
    library: Library,
) -> None:
    class Mute(Bm25Encoder):
        def encode_query(self, text: str, languages: Sequence[str] = ()) -> SparseVector:
            return SparseVector([], [])

    for n in range(30):
        library.write(f"{n}.md", f"# Title {n}\n\nThe only text of its kind, about matter{n}.\n")
    async with library.opened() as store:
        await library.ingest(store)
        before = await contents(store)
    good, library.model = library.model, Model(library.tokenizer, "bad", blind=True)
    library.sparse = Mute()

    with pytest.raises(PermanentError, match="misses"):
        await library.index().rebuild()

    library.model, library.sparse = good, Bm25Encoder()
    async with library.opened() as store:
        assert await contents(store) == before
    assert not [*(library.folder / "index").glob("g*")]


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_stopped_half_way_the_old_index_answers(library: Library, after: int) -> None:
    class Stopped(Exception):
        pass

    seen = 0

    def stop(*_: Any) -> None:
        nonlocal seen
        seen += 1
        raise Stopped

    async with library.opened() as store:
        before = await contents(store)
    library.chunk_tokens = 20
    with pytest.raises(Stopped):
        await library.index().rebuild(stop)
    library.chunk_tokens = 220

    async with library.opened() as store:
        assert await contents(store) == before
    assert not [*(library.folder / "index").glob("g*")]


# Beside a running service


async def test_readers_meet_the_old_index_or_the_new_and_nothing_fails(library: Library) -> None:
    live = SwitchingStore(await library.place.current())
    expected = await contents(live)
    meetings, done = 0, asyncio.Event()

    async def ask() -> None:
        nonlocal meetings
        while not done.is_set():
            async with pinned(live) as store:
                passages = await store.search(asking("fact about subject3"), HERE)
                for passage in passages:
                    chunks = await store.chunks(passage.document_id, HERE)
                    text = "".join(chunk.text for chunk in chunks)
                    assert text == expected[passage.document_id][1]
                    assert text[passage.start : passage.end] == passage.text
                assert len(passages) == len({(p.document_id, p.start) for p in passages})
                assert "subject3" in passages[0].text
            meetings += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(ask())
        for _ in range(3):
            report = await library.index().rebuild(live=live)
            assert report.in_use
        done.set()

    assert meetings > 3
    assert await contents(live) == expected
    assert {e.name for e in (library.folder / "index").iterdir()} == {"CURRENT", "g4"}
    await live.close()
    async with library.opened() as store:
        assert await contents(store) == expected


async def test_what_is_deleted_or_moved_meanwhile_stays_so(library: Library) -> None:
    live = SwitchingStore(await library.place.current())
    (leave, moved, *_) = await live.documents(HERE)
    tasks: list[asyncio.Task[None]] = []

    def meanwhile(*_: Any) -> None:
        if not tasks:
            tasks.append(asyncio.create_task(live.delete(leave.document_id, HERE)))
            tasks.append(asyncio.create_task(live.relocate(moved.document_id, HERE, ["there"])))

    report = await library.index().rebuild(meanwhile, live)
    await asyncio.gather(*tasks)

    assert report.documents == 3
    documents = {d.document_id: d for d in await live.documents(HERE)}
    assert leave.document_id not in documents
    assert documents[moved.document_id].source == "there"
    await live.close()


async def test_a_write_that_waits_for_the_switch_reaches_the_new_index(library: Library) -> None:
    live = SwitchingStore(await library.place.current())
    (first, *_) = await live.documents(HERE)

    async with live.writes_paused():
        delete = asyncio.create_task(live.delete(first.document_id, HERE))
        await asyncio.sleep(0.05)
        assert not delete.done()
        assert len(await live.documents(HERE)) == 3
    await delete

    assert len(await live.documents(HERE)) == 2
    await live.close()


async def test_with_other_settings_the_service_reads_on_until_it_is_restarted(
    library: Library,
) -> None:
    live = SwitchingStore(await library.place.current())
    expected, chunks = await contents(live), (await live.info()).chunks
    library.chunk_tokens = 20

    report = await library.index().rebuild(live=live)

    assert not report.in_use
    assert await contents(live) == expected
    assert (await live.info()).chunks == chunks, "the old one"
    with pytest.raises(TransientError, match="restart"):
        await live.delete(next(iter(expected)), HERE)
    with pytest.raises(PermanentError, match="restart"):
        await library.index().rebuild(live=live)
    await live.close()
    async with library.opened() as store:
        assert (await store.info()).chunks == report.chunks > chunks
        assert await contents(store) == expected
    assert {e.name for e in (library.folder / "index").iterdir()} == {"CURRENT", "g2"}


async def test_a_slow_reader_keeps_its_index_to_the_end(library: Library) -> None:
    live = SwitchingStore(await library.place.current())
    async with pinned(live) as mine:
        rebuilding = asyncio.create_task(library.index().rebuild(live=live))
        while live._store is mine:
            await asyncio.sleep(0.01)
        assert await found(mine, "fact about subject3")
        assert not rebuilding.done(), "the old one is closed under the reader"
    await rebuilding
    assert await found(live, "fact about subject3")
    await live.close()


# Members of containers


@dataclass
class Archive:
    """Reads every file as an archive of two members."""

    preparer: Preparer
    size: int = 1
    read: list[str] = field(default_factory=list)

    async def documents(self, source: Source) -> AsyncGenerator[Prepared | Failure, None]:
        self.read.append(source.name)
        members = [f"{source.name}!/{name}" for name in ("a.md", "b.md")]
        for member in members:
            data = f"# {member}\n\nText.".encode()
            for one in self.preparer._of(data, member, "", depth=1):
                yield one
        for one in self.preparer.documents(source):
            listed = dict.fromkeys(members, "")
            yield one if isinstance(one, Failure) else replace(one, members=listed)


async def test_members_are_read_again_with_one_look_into_their_file(library: Library) -> None:
    archive = Archive(Preparer(recipe(library.tokenizer)))
    library.write("mail.md", "# Mail\n\nWith two attachments.\n")

    @asynccontextmanager
    async def parsers(_: int) -> AsyncIterator[Archive]:
        yield archive

    library.parsers = parsers  # type: ignore[method-assign,assignment]
    async with library.opened() as store:
        await library.ingest(store)
        before = await contents(store)
    archive.read.clear()
    library.parser = "2"

    report = await library.index().rebuild()

    assert (report.documents, report.parsed) == (10, 7), "but three whose files are gone"
    mail = str(library.folder / "docs" / "mail.md")
    assert archive.read.count(mail) == 2, "for itself, and for both of its members"
    async with library.opened() as store:
        assert await contents(store) == before
