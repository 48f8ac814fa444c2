"""Haystack's hybrid pipeline over its in-memory store."""

from __future__ import annotations

import os
from typing import Any

from eval.bench.child import Unavailable
from eval.bench.material.peer import DEPTH, Passages, Search, compare


def measure(**arguments: Any) -> dict[str, Any]:
    """See `compare`."""
    os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
    return compare(_build, **arguments)


def _build(passages: Passages) -> Search:
    try:
        from haystack import Document, Pipeline, component
        from haystack.components.joiners import DocumentJoiner
        from haystack.components.retrievers.in_memory import (
            InMemoryBM25Retriever,
            InMemoryEmbeddingRetriever,
        )
        from haystack.document_stores.in_memory import InMemoryDocumentStore
    except ImportError as error:
        raise Unavailable(f"{error.name} is missing: install the extra `bench`") from error

    @component
    class Bundled:
        """The bundled model."""

        @component.output_types(embedding=list[float])  # type: ignore[untyped-decorator]
        def run(self, text: str) -> dict[str, list[float]]:
            """The vector of a question."""
            return {"embedding": passages.embed_question(text)}

    store = InMemoryDocumentStore(embedding_similarity_function="cosine", return_embedding=False)
    rows = enumerate(zip(passages.texts, passages.vectors, strict=True))
    store.write_documents(
        [
            Document(id=str(number), content=text, embedding=vector)
            for number, (text, vector) in rows
        ]
    )
    pipeline = Pipeline()
    pipeline.add_component("embedder", Bundled())
    pipeline.add_component("dense", InMemoryEmbeddingRetriever(store, top_k=DEPTH))
    pipeline.add_component("bm25", InMemoryBM25Retriever(store, top_k=DEPTH))
    pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
    pipeline.connect("embedder.embedding", "dense.query_embedding")
    pipeline.connect("dense", "joiner")
    pipeline.connect("bm25", "joiner")

    def search(question: str) -> list[int]:
        asked = {"embedder": {"text": question}, "bm25": {"query": question}}
        return [int(found.id) for found in pipeline.run(asked)["joiner"]["documents"]]

    return search
