"""LlamaIndex's QueryFusionRetriever over its own vector store and bm25s."""

from __future__ import annotations

from typing import Any

from eval.bench.child import Unavailable
from eval.bench.material.peer import DEPTH, Passages, Search, compare

_NUMBER = "number"


def measure(**arguments: Any) -> dict[str, Any]:
    """See `compare`."""
    return compare(_build, **arguments)


def _build(passages: Passages) -> Search:
    try:
        from llama_index.core import Settings, VectorStoreIndex
        from llama_index.core.base.embeddings.base import BaseEmbedding
        from llama_index.core.llms import MockLLM
        from llama_index.core.retrievers import QueryFusionRetriever
        from llama_index.core.schema import TextNode
        from llama_index.retrievers.bm25 import BM25Retriever
    except ImportError as error:
        raise Unavailable(f"{error.name} is missing: install the extra `bench`") from error

    class Bundled(BaseEmbedding):  # type: ignore[misc]
        """The bundled model."""

        def _get_query_embedding(self, query: str) -> list[float]:
            return passages.embed_question(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

        def _get_text_embedding(self, text: str) -> list[float]:
            return passages.embed([text])[0]

    Settings.llm, Settings.embed_model = MockLLM(), Bundled()  # one question makes one query
    # By their number the fusion tells passages of the same words apart: it would count their
    # ranks together, and put them first.
    nodes = [
        TextNode(
            id_=str(number),
            text=text,
            embedding=vector,
            metadata={_NUMBER: number},
            excluded_embed_metadata_keys=[_NUMBER],
            excluded_llm_metadata_keys=[_NUMBER],
        )
        for number, (text, vector) in enumerate(zip(passages.texts, passages.vectors, strict=True))
    ]
    dense = VectorStoreIndex(nodes, embed_model=Settings.embed_model).as_retriever(
        similarity_top_k=DEPTH
    )
    bm25 = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=DEPTH, verbose=False)
    both = QueryFusionRetriever(
        [dense, bm25],
        similarity_top_k=DEPTH,
        num_queries=1,
        mode="reciprocal_rerank",
        use_async=False,
    )
    return lambda question: [int(found.node.node_id) for found in both.retrieve(question)]
