"""LangChain's EnsembleRetriever over rank_bm25 and qdrant-client's local mode."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

from langchain_core.embeddings import Embeddings

from eval.bench.child import Unavailable
from eval.bench.material.peer import DEPTH, Passages, Search, compare

_NUMBER = "number"
_WORD = re.compile(r"\w+")
_RERANKED = 16  # as many as Footnote does by default


class Bundled(Embeddings):
    """The bundled model."""

    def __init__(self, passages: Passages) -> None:
        self._passages = passages

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Vectors of passages."""
        return self._passages.embed(texts)

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return self._passages.embed_question(text)


def measure(*, words: bool = False, cross_encoder: str = "", **arguments: Any) -> dict[str, Any]:
    """See `compare`.

    Args:
        words: Give BM25 lower-case words; as it comes it splits at blanks and keeps case and
            punctuation.
        cross_encoder: Name or folder of a model with which sentence-transformers reranks.
    """
    warnings.filterwarnings("ignore")  # local mode warns of its slowness: that is measured
    return compare(partial(_build, words, cross_encoder), **arguments)


def _build(words: bool, cross_encoder: str, passages: Passages) -> Search:
    try:
        from langchain_classic.retrievers import EnsembleRetriever
        from langchain_community.retrievers import BM25Retriever
        from langchain_qdrant import QdrantVectorStore
        from qdrant_client import QdrantClient, models
    except ImportError as error:
        raise Unavailable(f"{error.name} is missing: install the extra `bench`") from error

    client = QdrantClient(":memory:")
    size = len(passages.vectors[0])
    client.create_collection(
        "bench", vectors_config=models.VectorParams(size=size, distance=models.Distance.COSINE)
    )
    store = QdrantVectorStore(
        client=client,
        collection_name="bench",
        embedding=Bundled(passages),
        validate_collection_config=False,
    )
    # By their number the ensemble tells passages of the same words apart: it would count their
    # ranks together, and put them first.
    numbers = [{_NUMBER: number} for number in range(len(passages.texts))]
    store.add_texts(passages.texts, numbers, batch_size=1000)
    cut: dict[str, Any] = {"preprocess_func": _words} if words else {}
    bm25 = BM25Retriever.from_texts(passages.texts, numbers, k=DEPTH, **cut)
    dense = store.as_retriever(search_kwargs={"k": DEPTH})
    both = EnsembleRetriever(retrievers=[dense, bm25], weights=[0.5, 0.5], id_key=_NUMBER)
    return _reranked(both, cross_encoder) if cross_encoder else _plain(both)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _plain(retriever: Any) -> Search:
    return lambda question: _numbers(retriever.invoke(question))


def _reranked(retriever: Any, cross_encoder: str) -> Search:
    """The first few in the cross-encoder's order, as LangChain's CrossEncoderReranker does it."""
    try:
        from sentence_transformers import CrossEncoder
    except ImportError as error:
        raise Unavailable(f"{error.name} is missing: install the extra `torch`") from error
    model = CrossEncoder(cross_encoder, device="cpu")

    def search(question: str) -> Sequence[int]:
        found = retriever.invoke(question)
        head = found[:_RERANKED]
        scores = model.predict([(question, document.page_content) for document in head])
        order = sorted(range(len(head)), key=lambda place: -scores[place])
        return _numbers([head[place] for place in order] + found[_RERANKED:])

    return search


def _numbers(documents: Sequence[Any]) -> list[int]:
    return [document.metadata[_NUMBER] for document in documents]
