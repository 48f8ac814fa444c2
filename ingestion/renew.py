"""A stored document in the form of today's settings: read, cut and encoded anew as needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from app.core.exchange import Failure, RebuildReport
from app.core.ports import SparseEncoder
from app.core.types import MEMBER, Document, EncodedChunk, Page, ParsedDocument, Scalar
from ingestion.chunk import Chunker
from ingestion.context import Contexts
from ingestion.describe import described
from ingestion.encode import Encoder
from ingestion.language import detect
from ingestion.prepare import Prepared, Source
from ingestion.run import Parsers
from ingestion.sources import hashes

Version = tuple[Document, list[EncodedChunk]]


@dataclass(frozen=True, slots=True)
class Changes:
    """What of an index no longer fits: its texts, how they are cut, their vectors or terms."""

    texts: bool
    chunks: bool
    vectors: bool
    terms: bool

    @classmethod
    def between(cls, made: Mapping[str, Scalar], ours: Mapping[str, Scalar]) -> Changes:
        """What differs between two fingerprints.

        Another model has another tokenizer, by which chunks are sized.
        """

        def differ(*keys: str) -> bool:
            return any(made.get(key) != ours.get(key) for key in keys)

        model = differ("embedding", "dimensions")
        return cls(differ("parser"), model or differ("chunker", "context"), model, differ("bm25"))


class Renewer:
    """Brings documents up to date.

    A text that was read by another parser is read again where its file is still there and has
    not changed. Otherwise the canonical text is what the chunks say, joined. What does not
    need to change is kept as it is, vectors above all.

    Args:
        kind: The MIME type that a source's name tells.
        contexts: Puts a model's words in front of each chunk, if any do.
        report: Where it is counted what was done.
    """

    def __init__(
        self,
        changes: Changes,
        *,
        chunker: Chunker,
        sparse: SparseEncoder,
        encoder: Encoder,
        parsers: Parsers,
        kind: Callable[[str], str],
        contexts: Contexts | None,
        report: RebuildReport,
    ) -> None:
        self._changes = changes
        self._chunker = chunker
        self._sparse = sparse
        self._encoder = encoder
        self._parsers = parsers
        self._kind = kind
        self._contexts = contexts
        self._report = report
        self._container = ""
        self._members: dict[tuple[str, str], Prepared] = {}

    async def renew(self, versions: Sequence[Version]) -> list[Version]:
        """The documents in today's form, in the same order, with the same ids."""
        prepared = [await self._prepared(*version) for version in versions]
        new = [one for one in prepared if one]
        encoded, computed = await self._encoder.encode(new) if new else ([], 0)
        self._report.embedded += computed
        chunks = iter(encoded)
        return [
            (_updated(document, one), next(chunks))
            if one
            else await self._with_terms(document, old)
            for (document, old), one in zip(versions, prepared, strict=True)
        ]

    async def _prepared(self, document: Document, chunks: list[EncodedChunk]) -> Prepared | None:
        """A document that needs new vectors; None for one whose chunks stay."""
        if self._changes.texts:
            if parsed := await self._parsed(document):
                self._report.parsed += 1
                return await self._described(document, parsed)
            self._report.kept += 1
        if not self._changes.chunks:
            return None
        cut = await asyncio.to_thread(self._cut, document, chunks)
        return await self._described(document, cut)

    async def _described(self, document: Document, prepared: Prepared) -> Prepared:
        ready = await described(replace(prepared, language=document.language or prepared.language))
        return await self._contexts.add(ready) if self._contexts else ready

    def _cut(self, document: Document, chunks: Sequence[EncodedChunk]) -> Prepared:
        parsed = ParsedDocument(
            source=document.source,
            title=document.title,
            text="".join(encoded.chunk.text for encoded in chunks),
            pages=_pages(chunks),
            mime_type=self._kind(document.source),
        )
        cut = self._chunker.cut(parsed)
        return Prepared(
            source=document.source,
            content_hash=document.content_hash,
            title=document.title,
            pages=document.pages,
            language=document.language or None,
            flags=document.flags,
            chunks=cut,
            texts=self._chunker.embedding_texts(document, cut),
        )

    async def _with_terms(self, document: Document, chunks: list[EncodedChunk]) -> Version:
        """The same chunks and vectors, with new terms if these are counted otherwise now."""
        if not self._changes.terms:
            return document, chunks
        text = "".join(encoded.chunk.text for encoded in chunks)
        language = document.language or await asyncio.to_thread(detect, text)

        def count() -> list[EncodedChunk]:
            plain = [encoded.chunk for encoded in chunks]
            read = self._chunker.embedding_texts(document, plain)
            texts = [f"{c.context}\n{text}" for c, text in zip(plain, read, strict=True)]
            terms = self._sparse.encode_documents(texts, language)
            return [replace(e, sparse=s) for e, s in zip(chunks, terms, strict=True)]

        return document.model_copy(update={"language": language}), await asyncio.to_thread(count)

    # Reading files again

    async def _parsed(self, document: Document) -> Prepared | None:
        """The document out of its file; None when that is gone, changed or unreadable."""
        for source in document.sources or [document.source]:
            if found := await self._parsed_at(source, document):
                return found
        return None

    async def _parsed_at(self, source: str, document: Document) -> Prepared | None:
        file = source.partition(MEMBER)[0]
        if file == source:
            (digest,) = await asyncio.to_thread(hashes, [Path(file)])
            if digest != document.content_hash:
                return None
            return (await self._read(file, document.title)).get((source, document.content_hash))
        if self._container != file:  # documents come by source: members after one another
            self._members = await self._read(file, "") if await _is_file(file) else {}
            self._container = file
        return self._members.get((source, document.content_hash))

    async def _read(self, file: str, title: str) -> dict[tuple[str, str], Prepared]:
        found: dict[tuple[str, str], Prepared] = {}
        async with aclosing(self._parsers.documents(Source(file, Path(file), title))) as outcomes:
            async for outcome in outcomes:
                if not isinstance(outcome, Failure):
                    found[outcome.source, outcome.content_hash] = outcome
        return found


def _updated(document: Document, prepared: Prepared) -> Document:
    return document.model_copy(
        update={
            "title": prepared.title,
            "chunks": len(prepared.chunks),
            "pages": prepared.pages,
            "language": prepared.language or "",
            "flags": list(dict.fromkeys([*document.flags, *prepared.flags])),
        }
    )


def _pages(chunks: Sequence[EncodedChunk]) -> list[Page]:
    """A chunk lies within one page, so the pages are runs of chunks."""
    runs = groupby((encoded.chunk for encoded in chunks), key=lambda chunk: chunk.page)
    spans = [(number, [*run]) for number, run in runs]
    return [Page(number, run[0].start, run[-1].end) for number, run in spans if number is not None]


async def _is_file(file: str) -> bool:
    return await asyncio.to_thread(Path(file).is_file)
