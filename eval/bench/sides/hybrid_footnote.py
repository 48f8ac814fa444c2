"""Hybrid search through Footnote's embedded store, as the service calls it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.adapters import payload
from app.adapters.bm25 import Bm25Encoder
from app.adapters.onnx_dense import BundledEncoder
from app.adapters.qdrant_edge import EdgeStore
from app.core.types import Chunk, Document, EncodedChunk, HybridQuery, Scope
from eval.bench.child import say
from eval.bench.material.corpus import DIMENSIONS, WORDS_OF_CHUNK, Corpus, make_corpus, number_of
from eval.bench.material.handbook import questions

_OF_DOCUMENT = 100  # chunks
_TENANT = "default"


def measure(*, chunks: int, queries: int, warm_up: int, top: int) -> dict[str, Any]:
    """Build seconds, milliseconds of each search and the numbers of the texts it found, and
    milliseconds of each search with the encoding of a question like those that people ask."""
    corpus = make_corpus(chunks, warm_up + queries)
    return asyncio.run(_measure(corpus, warm_up, top))


async def _measure(corpus: Corpus, warm_up: int, top: int) -> dict[str, Any]:
    bm25 = Bm25Encoder(avg_len=WORDS_OF_CHUNK + 1)
    dense = BundledEncoder()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        store = await EdgeStore.open(Path(folder), dimensions=DIMENSIONS, fingerprint={})
        for document, encoded in _documents(corpus, bm25):
            await store.replace(document, encoded)
        await store.optimize()
        build_s = time.perf_counter() - started
        say(f"  footnote: built in {build_s:.1f} s")

        took, found, whole = [], [], []
        asked = questions(len(corpus.queries))
        for text, vector, question in zip(corpus.queries, corpus.query_vectors, asked, strict=True):
            began = time.perf_counter()
            await dense.encode([question])  # its vector would be near none of the corpus
            terms = bm25.encode_query(text)
            started = time.perf_counter()
            passages = await store.search(
                HybridQuery(vector, terms, limit=top, depth=top), Scope(_TENANT)
            )
            ended = time.perf_counter()
            took.append((ended - started) * 1e3)
            whole.append((ended - began) * 1e3)
            found.append([number_of(passage.text) for passage in passages])
        await store.close()
    await dense.close()
    return {
        "build_s": build_s,
        "ms": took[warm_up:],
        "encoded_ms": whole[warm_up:],
        "found": found[warm_up:],
    }


def _documents(corpus: Corpus, bm25: Bm25Encoder) -> Iterator[tuple[Document, list[EncodedChunk]]]:
    for first in range(0, len(corpus.texts), _OF_DOCUMENT):
        texts = corpus.texts[first : first + _OF_DOCUMENT]
        source = f"synthetic-{first // _OF_DOCUMENT}.txt"
        document = Document(
            document_id=payload.document_id(_TENANT, source),
            title=source,
            source=source,
            content_hash=source,
            chunks=len(texts),
            pages=1,
            tenant=_TENANT,
            ingested_at=datetime.now(UTC).isoformat(),
        )
        encoded, start = [], 0
        for n, (text, terms) in enumerate(zip(texts, bm25.encode_documents(texts), strict=True)):
            chunk = Chunk(n, text, start, start + len(text), page=1)
            encoded.append(EncodedChunk(chunk, corpus.vectors[first + n], terms))
            start = chunk.end
        yield document, encoded
