"""An index filled from another one, and compared with it before it takes its place."""

from __future__ import annotations

import hashlib
import random
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from app.core.errors import PermanentError
from app.core.exchange import RebuildReport
from app.core.ports import ChunkStore, DenseEncoder, SparseEncoder
from app.core.types import Census, Counts, Document, EncodedChunk, HybridQuery, Scope
from ingestion.ledger import Progress
from ingestion.renew import Changes, Renewer, Version

_WINDOW = 512  # chunks that are encoded together
_PASSES = 5  # over what others change meanwhile, before the last with all writers waiting
_SAMPLE = 50  # documents that are looked for
_LOOKED_AT = 10  # passages of a search among which a document is to be found
_MISSED = 0.1  # share of the searches that may fail; one may in any case
_PIECE = re.compile(r"[^\n.!?。！？|]{10,200}")


class Rebuild:
    """Fills `new` with the documents of `old`.

    `settle`, then `verify`, then keep writers away and `fill` a last time.

    Args:
        renewer: Gives documents their new form, and shares the report.
        progress: Told after every few documents.
    """

    def __init__(
        self,
        old: ChunkStore,
        new: ChunkStore,
        *,
        renewer: Renewer,
        report: RebuildReport,
        progress: Progress | None = None,
    ) -> None:
        self._old = old
        self._new = new
        self._renewer = renewer
        self._report = report
        self._progress = progress
        self._stored: dict[str, _Stored] = {}
        self._sample = _Sample()

    async def settle(self) -> None:
        """Fill until there is nothing left to do, or others write as fast as this reads."""
        for _ in range(_PASSES):
            if not await self.fill():
                return

    async def fill(self) -> int:
        """Bring over what is new or has changed since the last time, and remove what is gone.

        Returns how many documents that were.
        """
        present: set[str] = set()

        def is_new(document: Document) -> bool:
            present.add(document.document_id)
            stored = self._stored.get(document.document_id)
            return stored is None or stored.state != _state(document)

        total = (await self._old.census()).total.documents
        done = 0
        async with aclosing(self._old.everything(is_new)) as versions:
            async for window in _windows(versions):
                await self._bring(window)
                done += len(window)
                if self._progress:
                    self._progress(len(self._stored), total, window[-1][0].title)
        gone = self._stored.keys() - present
        for document_id in gone:
            await self._forget(document_id)
        return done + len(gone)

    async def verify(self, dense: DenseEncoder, sparse: SparseEncoder, changes: Changes) -> None:
        """Count, and look for sentences of some documents.

        A search has succeeded when the document, or another with the same sentence, is among
        the first ten passages. What the old index does not find either is not held against the
        new one; it is asked where the model is the same, by vectors alone if terms are not.

        Raises PermanentError when the new index is not as good as the old one.
        """
        self._count(await self._new.census())
        picked = self._sample.picked
        vectors = await dense.encode([sentence for _, sentence in picked])
        missed = 0
        for (document, sentence), vector in zip(picked, vectors, strict=True):
            scope = Scope(document.tenant)
            terms = sparse.encode_query(sentence, await self._new.languages(scope))
            query = HybridQuery(vector, terms, limit=_LOOKED_AT)
            if await _finds(self._new, query, document, sentence):
                self._report.found += 1
                continue
            known = query if not changes.terms else replace(query, weights=(1.0, 0.0))
            missed += changes.vectors or await _finds(self._old, known, document, sentence)
        self._report.searches = len(picked)
        if missed > max(1, _MISSED * len(picked)):
            raise PermanentError(
                f"the new index misses {missed} of {len(picked)} documents that it should find",
                hint="the old one stays in use; check the embedding model",
            )

    def _count(self, census: Census) -> None:
        documents: defaultdict[str, int] = defaultdict(int)
        chunks: defaultdict[str, int] = defaultdict(int)
        for stored in self._stored.values():
            documents[stored.tenant] += 1
            chunks[stored.tenant] += stored.chunks
        written = {tenant: Counts(documents[tenant], chunks[tenant]) for tenant in documents}
        if census.tenants != written:
            raise PermanentError(
                "the new index does not hold what was written to it",
                hint="the old one stays in use; try again",
            )

    async def _bring(self, window: Sequence[Version]) -> None:
        for old, (document, chunks) in zip(
            [document for document, _ in window], await self._renewer.renew(window), strict=True
        ):
            self._sample.forget(document.document_id)
            await self._new.replace(document, chunks)
            before = self._stored.get(document.document_id)
            stored = _Stored(_state(old), document.tenant, len(chunks))
            self._stored[document.document_id] = stored
            self._sample.offer(document, chunks)
            self._report.documents = len(self._stored)
            self._report.chunks += stored.chunks - (before.chunks if before else 0)

    async def _forget(self, document_id: str) -> None:
        self._sample.forget(document_id)
        stored = self._stored.pop(document_id)
        await self._new.delete(document_id, Scope(stored.tenant))
        self._report.documents = len(self._stored)
        self._report.chunks -= stored.chunks


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is in the new index: the old document's state, and what became of it."""

    state: bytes
    tenant: str
    chunks: int


@dataclass(slots=True)
class _Sample:
    """Sentences of documents, picked evenly while these go by (Vitter's algorithm R)."""

    picked: list[tuple[Document, str]] = field(default_factory=list)
    seen: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311

    def offer(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        sentence = _sentence(chunks[len(chunks) // 2].chunk.text)
        if not sentence:
            return
        self.seen += 1
        place = len(self.picked)
        if place >= _SAMPLE:
            place = self.dice.randrange(self.seen)
        if place < _SAMPLE:
            self.picked[place : place + 1] = [(document, sentence)]

    def forget(self, document_id: str) -> None:
        self.picked = [one for one in self.picked if one[0].document_id != document_id]


def _sentence(text: str) -> str:
    """The piece of a text that says most."""
    pieces = [piece.strip() for piece in _PIECE.findall(text)]
    return max(pieces, key=lambda piece: sum(map(str.isalpha, piece)), default="")


async def _finds(store: ChunkStore, query: HybridQuery, document: Document, sentence: str) -> bool:
    found = await store.search(query, Scope(document.tenant))
    return any(p.document_id == document.document_id or sentence in p.text for p in found)


async def _windows(versions: AsyncIterator[Version]) -> AsyncIterator[list[Version]]:
    window: list[Version] = []
    held = 0
    async for version in versions:
        window.append(version)
        held += len(version[1])
        if held >= _WINDOW:
            yield window
            window, held = [], 0
    if window:
        yield window


def _state(document: Document) -> bytes:
    return hashlib.sha256(document.model_dump_json().encode()).digest()[:16]
