"""What every ChunkStore must do. A subclass gives the fixture `shelf`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from app.core.dates import moment
from app.core.errors import (
    ConfigError,
    InputError,
    NotFoundError,
    PermanentError,
    TransientError,
)
from app.core.ports import ChunkStore
from app.core.types import Narrowing, Passage, Scalar, Scope
from tests.support.documents import Made, asking, made

FINGERPRINT: Mapping[str, Scalar] = {"model": "tests", "chunk_tokens": 220}
HERE = Scope()
LEAVE = "Full-time employees get 25 days of paid annual leave. "
TRAVEL = "Flights are booked through the travel desk. "
LAPTOP = "Report a stolen laptop to the service desk within an hour. "


class Shelf(ABC):
    """Where a store keeps things: opened again, they are still there."""

    @abstractmethod
    async def open(self, fingerprint: Mapping[str, Scalar] = FINGERPRINT) -> ChunkStore:
        """A store on this shelf; for one process, the one before must be closed."""

    async def reopen(self, store: ChunkStore) -> ChunkStore:
        """Close and open again."""
        await store.close()
        return await self.open()


def texts(passages: list[Passage]) -> list[str]:
    return [passage.text for passage in passages]


def rounded(passages: list[Passage]) -> list[tuple[object, ...]]:
    """What can be compared between two reads: a vector may be normalized anew."""
    return [
        (p.document_id, p.start, p.text, *(round(score or -1, 5) for _, score in p.scores))
        for p in passages
    ]


class ChunkStoreContract:
    """Search, the register, replacement, removal."""

    @pytest.fixture
    async def shelf(self) -> Shelf:
        raise NotImplementedError

    @pytest.fixture
    async def store(self, shelf: Shelf) -> ChunkStore:
        return await shelf.open()

    async def test_a_question_finds_its_passage_with_the_score_of_each_search(
        self, store: ChunkStore
    ) -> None:
        await store.replace(*made("handbook.md", [LEAVE, TRAVEL, LAPTOP]))

        best, *rest = await store.search(asking("How much annual leave?"), HERE)

        assert (best.text, best.start, best.end) == (LEAVE, 0, len(LEAVE))
        assert (best.title, best.source, best.page) == ("handbook.md", "handbook.md", 1)
        assert best.heading == "Heading"
        assert best.scores.dense and best.scores.bm25 and best.scores.fused == best.score
        assert len(rest) == 2
        assert rest[0].scores.bm25 is None, "BM25 did not see a text without its words"

    async def test_a_passage_knows_the_date_of_its_document_and_does_not_show_it(
        self, store: ChunkStore
    ) -> None:
        tagged = made("tagged.md", [LEAVE], tags={"date": "2024-03"})
        others = [made("plain.md", [TRAVEL]), made("odd.md", [LAPTOP], tags={"date": "spring"})]
        for version in (tagged, *others):
            await store.replace(*version)

        found = {p.source: p for p in await store.search(asking("annual leave"), HERE)}

        assert found["tagged.md"].dated == datetime(2024, 3, 1, tzinfo=UTC)
        for version in others:
            ingested = datetime.fromisoformat(version.document.ingested_at)
            assert found[version.document.source].dated == ingested
        assert "dated" not in found["tagged.md"].model_dump()

    async def test_fused_scores_are_reciprocal_ranks_as_published(self, store: ChunkStore) -> None:
        await store.replace(*made("handbook.md", [LEAVE, TRAVEL]))

        best, second = await store.search(asking("annual leave", fusion="rank"), HERE)

        assert best.score == pytest.approx(1 / 61 + 1 / 61, rel=1e-4)
        assert second.score == pytest.approx(1 / 62, rel=1e-4)

    async def test_no_more_passages_than_asked_for(self, store: ChunkStore) -> None:
        await store.replace(*made("handbook.md", [LEAVE, TRAVEL, LAPTOP]))

        assert len(await store.search(asking("leave", limit=2), HERE)) == 2

    async def test_a_search_of_weight_zero_brings_nothing(self, store: ChunkStore) -> None:
        await store.replace(*made("handbook.md", [LEAVE, TRAVEL, LAPTOP]))
        torn = "annual leave"

        words_only = await store.search(asking(torn, dense_like=TRAVEL, weights=(0, 1)), HERE)
        sense_only = await store.search(asking(torn, dense_like=TRAVEL, weights=(1, 0)), HERE)
        neither = await store.search(asking(torn, dense_like=TRAVEL, weights=(0, 0)), HERE)

        assert texts(words_only) == [LEAVE]
        assert texts(sense_only)[0] == TRAVEL
        assert neither == []

    async def test_the_heavier_search_wins_a_disagreement(self, store: ChunkStore) -> None:
        await store.replace(*made("handbook.md", [LEAVE, TRAVEL]))
        question = "annual leave, flights"  # both have words of it, the first has more

        async def found(weights: tuple[float, float]) -> list[str]:
            asked = asking(question, dense_like=TRAVEL, weights=weights, fusion="score")
            return texts(await store.search(asked, HERE))

        assert await found((1, 4)) == [LEAVE, TRAVEL]
        assert await found((4, 1)) == [TRAVEL, LEAVE]

    async def test_a_question_of_stop_words_alone_still_gets_passages(
        self, store: ChunkStore
    ) -> None:
        await store.replace(*made("handbook.md", [LEAVE, "the of and to "]))

        assert len(await store.search(asking("is it the"), HERE)) == 2

    async def test_an_empty_index_answers_with_nothing(self, store: ChunkStore) -> None:
        assert await store.search(asking("leave"), HERE) == []
        assert await store.documents(HERE) == []
        info = await store.info()
        assert (info.documents, info.chunks) == (0, 0)

    async def test_the_same_question_gets_the_same_order_twice(self, store: ChunkStore) -> None:
        for n in range(6):
            await store.replace(*made(f"copy-{n}.md", [LEAVE]))

        first = await store.search(asking("annual leave"), HERE)
        again = await store.search(asking("annual leave"), HERE)

        assert first == again

    async def test_a_tenant_never_meets_anothers_documents(self, store: ChunkStore) -> None:
        ours, theirs = made("a.md", [LEAVE], tenant="us"), made("a.md", [LAPTOP], tenant="them")
        for version in (ours, theirs):
            await store.replace(*version)
        us = Scope("us")

        assert texts(await store.search(asking("stolen laptop"), us)) == [LEAVE]
        assert [d.document_id for d in await store.documents(us)] == [ours.id]
        for read in (store.document, store.chunks, store.delete):
            with pytest.raises(NotFoundError):
                await read(theirs.id, us)
        assert await store.search(asking("leave"), Scope("nobody")) == []
        assert await store.chunks(theirs.id, Scope("them")), "the refused delete did nothing"

    async def test_a_tenant_that_was_alone_meets_nobody_who_joins_it(
        self, store: ChunkStore
    ) -> None:
        await store.replace(*made("a.md", [LEAVE], tenant="us"))
        await store.optimize()
        assert await store.search(asking("annual leave"), Scope("them")) == []
        more = [made(f"{n}.md", [LEAVE], tenant="them") for n in range(8)]
        writing = asyncio.create_task(_replace_and_optimize(store, more))

        while not writing.done():
            found = await store.search(asking("annual leave"), Scope("us"))
            assert [passage.title for passage in found] == ["a.md"]
            await asyncio.sleep(0)
        await writing

        assert len(await store.search(asking("annual leave"), Scope("them"))) == 8

    async def test_passages_bring_their_vectors_where_they_are_asked_for(
        self, store: ChunkStore
    ) -> None:
        await store.replace(*made("a.md", [LEAVE, LAPTOP]))
        question = asking("annual leave")

        plain = await store.search(question, HERE)
        found = await store.search(replace(question, vectors=True), HERE)

        assert {passage.vector for passage in plain} == {b""}
        cosines = [np.frombuffer(p.vector, dtype=np.float32) @ question.dense for p in found]
        assert cosines == pytest.approx([passage.scores.dense for passage in found], abs=0.02)
        assert "vector" not in found[0].model_dump()

    async def test_a_filter_cannot_name_another_tenant(self, store: ChunkStore) -> None:
        await store.replace(*made("a.md", [LAPTOP], tenant="them"))

        assert await store.documents(Scope("us", {"tenant": "them"})) == []

    async def test_a_staged_version_is_seen_only_when_it_is_shown(self, store: ChunkStore) -> None:
        old, new = made("a.md", [LEAVE, TRAVEL]), made("a.md", [LAPTOP])
        await store.replace(*old)
        await store.optimize()

        await store.stage(*new)
        assert texts(await store.search(asking("stolen laptop"), HERE)) == [LEAVE, TRAVEL]
        await store.optimize()
        assert texts(await store.search(asking("stolen laptop"), HERE)) == [LEAVE, TRAVEL]
        assert await store.documents(HERE) == [old.document]

        shown = new.document.model_copy(
            update={"sources": ["a.md", "b.md"], "ingested_at": "2031-01-01T00:00:00+00:00"}
        )
        await store.show(shown)
        assert texts(await store.search(asking("stolen laptop"), HERE)) == [LAPTOP]
        assert await store.documents(HERE) == [shown]
        assert [chunk.text for chunk in await store.chunks(old.id, HERE)] == [LAPTOP]
        assert (await store.info()).chunks == 1

    async def test_what_is_not_staged_or_not_all_of_it_takes_nobodys_place(
        self, store: ChunkStore
    ) -> None:
        old, new = made("a.md", [LEAVE]), made("a.md", [TRAVEL, LAPTOP])
        await store.replace(*old)

        with pytest.raises(TransientError):
            await store.show(new.document)
        await store.stage(new.document, new.chunks[:1])
        with pytest.raises(TransientError):
            await store.show(new.document)
        with pytest.raises(PermanentError):
            await store.stage(new.document, [])

        assert await store.documents(HERE) == [old.document]
        assert texts(await store.search(asking("annual leave"), HERE)) == [LEAVE]
        await store.replace(*new)
        assert [chunk.text for chunk in await store.chunks(new.id, HERE)] == [TRAVEL, LAPTOP]

    async def test_staged_again_and_shown_twice_changes_nothing(self, store: ChunkStore) -> None:
        version = made("a.md", [LEAVE, TRAVEL])
        for _ in range(2):
            await store.stage(*version)
        for _ in range(2):
            await store.show(version.document)

        assert (await store.info()).chunks == 2
        assert await store.documents(HERE) == [version.document]

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            ({"source": "a.md"}, ["a.md"]),
            ({"title": "b.md"}, ["b.md"]),
            ({"team": "hr"}, ["a.md", "c.md"]),
            ({"team": "hr", "cost center": "7.1"}, ["c.md"]),
            ({"team": ["it", "hr"]}, ["a.md", "b.md", "c.md"]),
            ({"source": ["a.md", "b.md"], "team": "hr"}, ["a.md"]),
            ({"team": []}, []),
            ({"team": "HR"}, []),
            ({"no-such-tag": "x"}, []),
        ],
    )
    async def test_filters_narrow_every_read(
        self, store: ChunkStore, filters: dict[str, str | list[str]], expected: list[str]
    ) -> None:
        for source, tags in {
            "a.md": {"team": "hr"},
            "b.md": {"team": "it"},
            "c.md": {"team": "hr", "cost center": "7.1"},
        }.items():
            await store.replace(*made(source, [LEAVE], tags=tags))
        scope = Scope(filters=filters)

        found = await store.search(asking("annual leave"), scope)

        assert sorted(passage.source for passage in found) == expected
        assert [document.source for document in await store.documents(scope)] == expected

    @pytest.mark.parametrize(
        ("narrowed", "expected"),
        [
            (Narrowing(since=moment("2024")), ["b.pdf", "c.pptx", "new.md"]),
            (Narrowing(until=moment("2024")), ["a.md"]),
            (Narrowing(since=moment("2024"), until=moment("2024-04")), ["b.pdf"]),
            (Narrowing(since=moment("2024-03-09"), until=moment("2024-03-10")), ["b.pdf"]),
            (Narrowing(until=moment("2024-03-09")), ["a.md"]),
            (Narrowing(file_types=("pdf",)), ["b.pdf"]),
            (Narrowing(file_types=("pdf", "slides")), ["b.pdf", "c.pptx"]),
            (Narrowing(file_types=("mail",)), []),
            (Narrowing(tags=(("team", "it"),)), ["c.pptx"]),
            (Narrowing(since=moment("2024"), tags=(("team", "hr"),)), ["b.pdf"]),
        ],
    )
    async def test_a_question_narrows_every_read_by_date_type_and_tag(
        self, store: ChunkStore, narrowed: Narrowing, expected: list[str]
    ) -> None:
        for source, tags in {
            "a.md": {"team": "hr", "date": "2023-12-31"},
            "b.pdf": {"team": "hr", "date": "2024-03-09"},
            "c.pptx": {"team": "it", "date": "2025"},
            "new.md": {},
        }.items():
            await store.replace(*made(source, [LEAVE], tags=tags))
        scope = Scope(narrowed=narrowed)

        found = await store.search(asking("annual leave"), scope)

        assert sorted(passage.source for passage in found) == expected
        assert [document.source for document in await store.documents(scope)] == expected

    async def test_narrowing_only_ever_takes_away(self, store: ChunkStore) -> None:
        for tenant in ("us", "them"):
            for team in ("hr", "it"):
                tags = {"team": team, "tenant": "us"}
                await store.replace(*made(f"{team}.md", [LEAVE], tenant=tenant, tags=tags))
        ours = made("hr.md", [LEAVE], tenant="us").id

        for wished in ((), (("tenant", "them"),), (("team", "it"),), (("team", "hr"),)):
            scope = Scope("us", {"team": "hr"}, Narrowing(tags=wished))
            found = await store.search(asking("annual leave"), scope)
            assert {passage.document_id for passage in found} <= {ours}

    async def test_a_document_that_moves_is_of_the_type_that_it_is_now(
        self, store: ChunkStore
    ) -> None:
        version = made("a.md", [LEAVE])
        await store.replace(*version)
        pdfs = Scope(narrowed=Narrowing(file_types=("pdf",)))
        assert await store.documents(pdfs) == []

        await store.relocate(version.id, HERE, ["a.md", "copy.pdf"])

        assert [d.document_id for d in await store.documents(pdfs)] == [version.id]

    async def test_a_filter_by_document_id_reads_one_document(self, store: ChunkStore) -> None:
        wanted, other = made("a.md", [LEAVE]), made("b.md", [LEAVE])
        for version in (wanted, other):
            await store.replace(*version)
        scope = Scope(filters={"document_id": wanted.id})

        found = await store.search(asking("leave"), scope)
        assert [passage.document_id for passage in found] == [wanted.id]
        with pytest.raises(NotFoundError):
            await store.document(other.id, scope)

    @pytest.mark.parametrize("name", ['a"b', ""])
    async def test_a_filter_that_is_no_name_is_refused(self, store: ChunkStore, name: str) -> None:
        with pytest.raises(InputError):
            await store.documents(Scope(filters={name: "x"}))

    async def test_a_new_version_replaces_every_trace_of_the_old(self, store: ChunkStore) -> None:
        await store.replace(*made("a.md", [LEAVE, TRAVEL, "Old text that must go. "]))
        await store.replace(*made("b.md", [TRAVEL]))
        new = made("a.md", [LEAVE, LAPTOP])

        await store.replace(*new)

        assert [chunk.text for chunk in await store.chunks(new.id, HERE)] == [LEAVE, LAPTOP]
        found = await store.search(asking("old text that must go"), HERE)
        assert sorted(texts(found)) == sorted([LEAVE, LAPTOP, TRAVEL])
        info = await store.info()
        assert (info.documents, info.chunks) == (2, 3)

    async def test_storing_a_version_twice_changes_nothing(self, store: ChunkStore) -> None:
        version = made("a.md", [LEAVE, LAPTOP])
        await store.replace(*version)
        before = rounded(await store.search(asking("annual leave"), HERE))

        await store.replace(*version)

        assert rounded(await store.search(asking("annual leave"), HERE)) == before
        assert (await store.info()).chunks == 2
        assert len(await store.documents(HERE)) == 1

    async def test_new_tags_on_the_same_text_are_seen(self, store: ChunkStore) -> None:
        await store.replace(*made("a.md", [LEAVE], tags={"team": "hr", "old": "x"}))
        retagged = made("a.md", [LEAVE], tags={"team": "it"})

        await store.replace(*retagged)

        assert (await store.document(retagged.id, HERE)).tags == {"team": "it"}
        assert (await store.info()).chunks == 1

    async def test_a_version_without_text_does_not_delete_the_document(
        self, store: ChunkStore
    ) -> None:
        version = made("a.md", [LEAVE])
        await store.replace(*version)

        with pytest.raises(PermanentError, match=r"a\.md has no text"):
            await store.replace(*made("a.md", []))

        assert await store.chunks(version.id, HERE)

    async def test_going_back_to_an_earlier_version_works(self, store: ChunkStore) -> None:
        for text in (LEAVE, LAPTOP, LEAVE):
            version = made("a.md", [text])
            await store.replace(*version)

        assert [c.text for c in await store.chunks(version.id, HERE)] == [LEAVE]
        assert (await store.info()).chunks == 1

    async def test_chunks_come_in_order_and_join_to_the_text(self, store: ChunkStore) -> None:
        version = made("long.md", [f"Paragraph {n} of the text.\n\n" for n in range(1100)])
        await store.replace(*version)

        chunks = await store.chunks(version.id, HERE)

        assert [chunk.ordinal for chunk in chunks] == list(range(1100))
        assert "".join(chunk.text for chunk in chunks) == version.text
        assert all(version.text[c.start : c.end] == c.text for c in chunks)

    async def test_a_deleted_document_is_forgotten_everywhere(self, store: ChunkStore) -> None:
        gone, stays = made("a.md", [LEAVE]), made("b.md", [LAPTOP])
        for version in (gone, stays):
            await store.replace(*version)

        await store.delete(gone.id, HERE)

        assert texts(await store.search(asking("annual leave"), HERE)) == [LAPTOP]
        for read in (store.document, store.chunks, store.delete):
            with pytest.raises(NotFoundError, match=gone.id):
                await read(gone.id, HERE)
        assert [document.source for document in await store.documents(HERE)] == ["b.md"]

    async def test_documents_come_by_title_in_pages(self, store: ChunkStore) -> None:
        for source, title in {"1": "beta", "2": "Alpha", "3": "gamma", "4": "alpha"}.items():
            await store.replace(*made(source, [LEAVE], title=title))

        titles = [document.title for document in await store.documents(HERE)]
        assert [title.lower() for title in titles] == ["alpha", "alpha", "beta", "gamma"]
        pages = [await store.documents(HERE, limit=3, offset=n) for n in (0, 3, 6)]
        assert [document.title for page in pages for document in page] == titles
        assert [len(page) for page in pages] == [3, 1, 0]

    async def test_a_run_hears_of_every_document_of_its_tenant_once(
        self, store: ChunkStore
    ) -> None:
        for source in ("1", "2", "3"):
            await store.replace(*made(source, [LEAVE, TRAVEL]))
        await store.replace(*made("2", [LAPTOP]))
        await store.replace(*made("4", [LEAVE], tenant="them"))

        heard = [document async for page in store.register(HERE) for document in page]

        listed = await store.documents(HERE)
        assert sorted(heard, key=lambda document: document.source) == listed
        assert [document.source for document in listed] == ["1", "2", "3"]

    async def test_the_register_says_what_was_stored(self, store: ChunkStore) -> None:
        version = made("a.md", [LEAVE, LAPTOP], title="Handbook", tags={"team": "hr"})
        await store.replace(*version)

        assert await store.document(version.id, HERE) == version.document

    async def test_a_tenants_languages_are_those_of_its_own_documents(
        self, store: ChunkStore
    ) -> None:
        theirs = made("z.md", ["Brot"], tenant="other", language="german")
        await store.replace(*made("a.md", [LEAVE, TRAVEL, LAPTOP], language="english"))
        await store.replace(*made("b.md", ["Les vols"], language="french"))
        await store.replace(*made("c.md", ["Les congés"], language="french"))
        await store.replace(*made("d.md", ["0815"], language=""))
        await store.replace(*theirs)

        most, *others = await store.languages(HERE)

        assert most == "french", "the one with the most documents comes first"
        assert sorted(others) == ["", "english"]
        assert list(await store.languages(Scope("other"))) == ["german"]
        assert list(await store.languages(Scope("nobody"))) == []

    async def test_a_filter_does_not_hide_a_language(self, store: ChunkStore) -> None:
        await store.replace(*made("a.md", [LEAVE], language="english"))
        await store.replace(*made("b.md", ["Les vols"], language="french"))

        found = await store.languages(Scope(filters={"source": "a.md"}))

        assert sorted(found) == ["english", "french"], "they are remembered for the tenant"

    async def test_every_change_of_a_tenant_changes_its_revision(self, store: ChunkStore) -> None:
        seen = [await store.revision(HERE)]
        version = made("a.md", [LEAVE])
        for text in (LEAVE, LAPTOP, LEAVE):
            version = made("a.md", [text])
            await store.replace(*version)
            seen.append(await store.revision(HERE))
        await store.replace(*made("b.md", [LEAVE]))
        seen.append(await store.revision(HERE))
        await store.delete(version.id, HERE)
        seen.append(await store.revision(HERE))

        assert len(set(seen)) == len(seen), "an answer from the cache would be out of date"
        assert await store.revision(HERE) == seen[-1]

    async def test_another_embedding_model_is_refused_by_name(
        self, shelf: Shelf, store: ChunkStore
    ) -> None:
        version = made("a.md", [LEAVE])
        await store.replace(*version)
        store = await shelf.reopen(store)
        assert await store.chunks(version.id, HERE)
        await store.close()

        with pytest.raises(ConfigError, match=r"model: tests there, other here"):
            await shelf.open({**FINGERPRINT, "model": "other"})

    async def test_everything_is_still_there_after_opening_again(
        self, shelf: Shelf, store: ChunkStore
    ) -> None:
        version = made("a.md", [LEAVE, LAPTOP], tags={"team": "hr"})
        await store.replace(*version)
        before = rounded(await store.search(asking("annual leave"), HERE))

        store = await shelf.reopen(store)

        assert rounded(await store.search(asking("annual leave"), HERE)) == before
        assert await store.document(version.id, HERE) == version.document
        assert dict((await store.info()).fingerprint) == dict(FINGERPRINT)

    @pytest.mark.parametrize("optimizing", [False, True])
    async def test_readers_meet_one_whole_version_while_a_document_is_replaced(
        self, store: ChunkStore, optimizing: bool
    ) -> None:
        versions = [made("a.md", [f"{LEAVE}Version {n}. "] * 8) for n in range(4)]
        await store.replace(*versions[0])
        meetings, written = 0, 0

        async def write() -> None:
            nonlocal written
            while meetings < 8 or written < 12:  # however fast the one or the other is
                await store.replace(*versions[(written + 1) % 4])
                if optimizing:
                    await store.optimize()
                written += 1
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as tasks:  # what fails ends the other side too
            writing = tasks.create_task(write())
            while not writing.done():
                found = await store.search(asking("annual leave"), HERE)
                read = await store.chunks(versions[0].id, HERE)
                listed = await store.documents(HERE)
                assert len({passage.text for passage in found}) == 1, "two versions, or none"
                assert len({chunk.text for chunk in read}) == 1
                assert len(read) == 8
                assert len(listed) == 1
                meetings += 1
                await asyncio.sleep(0)

        assert (await store.info()).chunks == 8

    async def test_two_writers_of_one_document_leave_one_whole_version(
        self, store: ChunkStore
    ) -> None:
        versions = [made("a.md", [f"{LEAVE}Version {n}. "] * 3) for n in range(4)]

        await asyncio.gather(*(store.replace(*version) for version in versions))

        chunks = await store.chunks(versions[0].id, HERE)
        assert len(chunks) == 3, "the document is lost or doubled"
        assert len({chunk.text for chunk in chunks}) == 1
        assert (await store.info()).chunks == 3

    async def test_optimizing_keeps_what_is_found(self, store: ChunkStore) -> None:
        await store.replace(*made("a.md", [LEAVE, TRAVEL, LAPTOP]))
        before = rounded(await store.search(asking("annual leave"), HERE))

        await store.optimize()

        assert rounded(await store.search(asking("annual leave"), HERE)) == before


async def _replace_and_optimize(store: ChunkStore, documents: list[Made]) -> None:
    for document in documents:
        await store.replace(*document)
        await store.optimize()
