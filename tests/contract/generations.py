"""What every place of an index must do. A subclass gives the fixture `place`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import pytest

from app.core.errors import ConfigError, NotFoundError
from app.core.ports import ChunkStore, Generations
from app.core.types import Counts, Document, EncodedChunk, Scalar, Scope
from tests.support.documents import DIMENSIONS, Made, asking, made

MADE: Mapping[str, Scalar] = {
    "embedding": "tests",
    "dimensions": DIMENSIONS,
    "bm25": "tests",
    "chunker": "a",
    "parser": "tests",
}
OTHERS: Mapping[str, Scalar] = {**MADE, "chunker": "b"}
LEAVE, LAPTOP = "Employees get 25 days of annual leave. ", "Report a stolen laptop at once. "


class Place(ABC):
    """Where an index is."""

    @abstractmethod
    def of(self, fingerprint: Mapping[str, Scalar] = MADE) -> Generations:
        """Its generations, as seen with some settings."""

    @abstractmethod
    async def count(self) -> int:
        """How many generations there are, unfinished ones among them."""


async def everything(store: ChunkStore) -> list[tuple[Document, list[EncodedChunk]]]:
    return [version async for version in store.everything()]


def same(found: list[EncodedChunk], version: Made) -> bool:
    """Whether nothing was lost of a version but the last bit of its vectors."""
    return len(found) == len(version.chunks) and all(
        (a.chunk, a.sparse) == (b.chunk, b.sparse) and np.allclose(a.dense, b.dense, atol=1e-6)
        for a, b in zip(found, version.chunks, strict=True)
    )


class GenerationsContract:
    """An old generation, a new one, and the moment between."""

    @pytest.fixture
    async def place(self) -> Place:
        raise NotImplementedError

    async def test_everything_of_all_tenants_comes_out_as_it_went_in(self, place: Place) -> None:
        store = await place.of().current()
        versions = [
            made("b.md", [LEAVE, LAPTOP], tags={"team": "hr"}, language="english"),
            made("a.md", [f"Paragraph {n} of a long text. " for n in range(700)]),
            made("a.md", [LAPTOP], tenant="acme", title="Laptops"),
        ]
        for version in versions:
            await store.replace(*version)

        found = await everything(store)

        assert [(d.tenant, d.source) for d, _ in found] == [
            ("acme", "a.md"),
            ("default", "a.md"),
            ("default", "b.md"),
        ]
        by_id = {version.id: version for version in versions}
        for document, chunks in found:
            assert document == by_id[document.document_id].document
            assert same(chunks, by_id[document.document_id])
        await store.close()

    async def test_only_what_is_wanted_is_read(self, place: Place) -> None:
        store = await place.of().current()
        for source in ("a.md", "b.md"):
            await store.replace(*made(source, [LEAVE]))
        asked: list[str] = []

        def wanted(document: Document) -> bool:
            asked.append(document.source)
            return document.source == "b.md"

        found = [document.source async for document, _ in store.everything(wanted)]

        assert (found, sorted(asked)) == (["b.md"], ["a.md", "b.md"])
        await store.close()

    async def test_a_census_counts_each_tenant_and_language(self, place: Place) -> None:
        store = await place.of().current()
        assert (await store.census()).total == Counts(0, 0)
        await store.replace(*made("a.md", [LEAVE, LAPTOP], language="english"))
        await store.replace(*made("b.md", ["Urlaub"], language="german"))
        await store.replace(*made("a.md", [LAPTOP], tenant="acme"))

        census = await store.census()

        assert census.tenants == {"acme": Counts(1, 1), "default": Counts(2, 3)}
        assert census.languages == {"english": 1, "german": 1, "": 1}
        assert census.total == Counts(3, 4)
        await store.close()

    async def test_an_index_made_otherwise_is_refused_with_the_command_and_opened_as_made(
        self, place: Place
    ) -> None:
        store = await place.of().current()
        await store.replace(*made("a.md", [LEAVE]))
        await store.close()

        with pytest.raises(ConfigError, match="`footnote index rebuild`"):
            await place.of(OTHERS).current()
        store = await place.of(OTHERS).as_made()

        assert [document.source for document, _ in await everything(store)] == ["a.md"]
        assert dict((await store.info()).fingerprint) == dict(MADE)
        await store.close()

    async def test_what_it_was_made_with_can_be_asked_while_somebody_holds_it(
        self, place: Place
    ) -> None:
        store = await place.of().current()

        assert dict(await place.of(OTHERS).made_with()) == dict(MADE)
        await store.close()

    async def test_no_index_is_not_made_by_looking_at_it(self, place: Place) -> None:
        with pytest.raises(NotFoundError, match="footnote ingest"):
            await place.of().as_made()
        with pytest.raises(NotFoundError):
            await place.of().made_with()
        with pytest.raises(NotFoundError):
            await place.of().as_made()

    async def test_until_it_is_adopted_nobody_meets_the_new_generation(self, place: Place) -> None:
        old = await place.of().current()
        await old.replace(*made("a.md", [LEAVE]))
        new_place = place.of(OTHERS)
        new = await new_place.begin()
        await new.replace(*made("a.md", [LAPTOP]))

        assert [p.text for p in await old.search(asking("leave"), Scope())] == [LEAVE]
        await old.close()
        again = await place.of().current()
        assert [p.text for p in await again.search(asking("leave"), Scope())] == [LEAVE]
        await again.close()
        await new.close()

    async def test_who_opens_after_the_adoption_gets_the_new_generation(self, place: Place) -> None:
        old = await place.of().current()
        await old.replace(*made("a.md", [LEAVE]))
        new_place = place.of(OTHERS)
        new = await new_place.begin()
        await new.replace(*made("a.md", [LAPTOP]))
        await new_place.adopt()

        assert [p.text for p in await old.search(asking("leave"), Scope())] == [LEAVE], "it stays"
        await old.close()
        await new.close()
        with pytest.raises(ConfigError):
            await place.of().current()
        store = await new_place.current()
        assert [p.text for p in await store.search(asking("leave"), Scope())] == [LAPTOP]
        await store.close()

    async def test_what_a_killed_rebuild_began_is_swept_away(self, place: Place) -> None:
        old = await place.of().current()
        await old.replace(*made("a.md", [LEAVE]))
        for _ in range(2):
            await (await place.of(OTHERS).begin()).close()
        assert await place.count() == 3

        await place.of(OTHERS).sweep()

        assert await place.count() == 1
        assert [p.text for p in await old.search(asking("leave"), Scope())] == [LEAVE]
        await old.close()

    async def test_many_rebuilds_do_not_pile_up(self, place: Place) -> None:
        store = await place.of().current()
        await store.replace(*made("a.md", [LEAVE]))
        for _ in range(4):
            generations = place.of()
            new = await generations.begin()
            await new.replace(*made("a.md", [LEAVE]))
            await generations.adopt()
            await store.close()
            await generations.sweep()
            store = new

        assert await place.count() <= 2
        await store.close()
        store = await place.of().current()
        assert (await store.info()).documents == 1
        await store.close()
