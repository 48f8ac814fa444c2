"""Hybrid search as LangChain's own parts give it: EnsembleRetriever over rank_bm25 and
qdrant-client's local mode."""

from __future__ import annotations

import time
import warnings
from typing import Any

from langchain_core.embeddings import Embeddings

from eval.bench.child import Unavailable, say
from eval.bench.material.corpus import DIMENSIONS, Corpus, make_corpus, number_of


class Given(Embeddings):
    """Hands out the corpus's vectors: encoding is not what is measured."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._queries = dict(zip(corpus.queries, corpus.query_vectors.tolist(), strict=True))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Vectors of texts of the corpus."""
        return [self._corpus.vectors[number_of(text)].tolist() for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question of the corpus."""
        found: list[float] = self._queries[text]
        return found


def measure(*, chunks: int, queries: int, warm_up: int, top: int) -> dict[str, Any]:
    """Build seconds, milliseconds of each search and the numbers of the texts it found."""
    corpus = make_corpus(chunks, warm_up + queries)
    warnings.filterwarnings("ignore")  # local mode warns of its slowness: that is measured
    started = time.perf_counter()
    retriever = _build(corpus, top)
    build_s = time.perf_counter() - started
    say(f"  langchain: built in {build_s:.1f} s")
    took, found = [], []
    for text in corpus.queries:
        started = time.perf_counter()
        documents = retriever.invoke(text)
        took.append((time.perf_counter() - started) * 1e3)
        found.append([number_of(document.page_content) for document in documents])
    return {"build_s": build_s, "ms": took[warm_up:], "found": found[warm_up:]}


def _build(corpus: Corpus, top: int) -> Any:
    try:
        from langchain_classic.retrievers import EnsembleRetriever
        from langchain_community.retrievers import BM25Retriever
        from langchain_qdrant import QdrantVectorStore
        from qdrant_client import QdrantClient, models
    except ImportError as error:
        raise Unavailable(f"{error.name} is missing: install the extra `bench`") from error

    client = QdrantClient(":memory:")
    client.create_collection(
        "bench",
        vectors_config=models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE),
    )
    store = QdrantVectorStore(
        client=client,
        collection_name="bench",
        embedding=Given(corpus),
        validate_collection_config=False,
    )
    store.add_texts(corpus.texts, batch_size=1000)
    dense = store.as_retriever(search_kwargs={"k": top})
    bm25 = BM25Retriever.from_texts(corpus.texts, k=top)
    return EnsembleRetriever(retrievers=[dense, bm25], weights=[0.5, 0.5])
