"""Ragas' metrics as functions of a sample. Only `eval.ragas_scores` imports this."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any

from ragas import __version__ as VERSION
from ragas.embeddings.base import BaseRagasEmbedding
from ragas.metrics import collections

from app.adapters.onnx_dense import BundledEncoder
from eval.ragas_wire import COSINES, Job, JudgedMetric, PlainMetric, Sample

__all__ = ["VERSION", "Scorer", "Workshop"]

Scorer = Callable[[Sample], Awaitable[float]]


class Workshop:
    """Makes metrics; they share one judge and one embedding model."""

    def __init__(self, job: Job) -> None:
        self._job = job
        wanted = any(name in COSINES for name in (*job.plain, *job.judged))
        self.embedding_name = self._embedding.name if wanted else ""

    def scorer(self, name: PlainMetric | JudgedMetric) -> Scorer:
        """A function of a sample. Raises ImportError for want of a package."""
        return self._plain(name) if isinstance(name, PlainMetric) else self._judged(name)

    def _plain(self, name: PlainMetric) -> Scorer:
        match name:
            case PlainMetric.STRING_PRESENCE:
                return _any_string(collections.StringPresence())
            case PlainMetric.BLEU | PlainMetric.CHRF:
                import sacrebleu  # type: ignore[import-not-found,unused-ignore] # noqa: F401
            case PlainMetric.ROUGE:
                import rouge_score  # type: ignore[import-not-found,unused-ignore] # noqa: F401
            case PlainMetric.SEMANTIC_SIMILARITY:
                metric = collections.SemanticSimilarity(embeddings=self._embedding)
                return _against_reference(metric)
        make: Mapping[PlainMetric, Callable[[], Any]] = {
            PlainMetric.EXACT_MATCH: collections.ExactMatch,
            PlainMetric.STRING_SIMILARITY: collections.NonLLMStringSimilarity,
            PlainMetric.BLEU: collections.BleuScore,
            PlainMetric.CHRF: collections.CHRFScore,
            PlainMetric.ROUGE: collections.RougeScore,
        }
        return _against_reference(make[name]())

    def _judged(self, name: JudgedMetric) -> Scorer:
        metric: Any
        match name:
            case JudgedMetric.FAITHFULNESS:
                metric = collections.Faithfulness(llm=self._judge)
            case JudgedMetric.ANSWER_RELEVANCY:
                metric = collections.AnswerRelevancy(llm=self._judge, embeddings=self._embedding)
            case JudgedMetric.CONTEXT_PRECISION:
                metric = collections.ContextPrecision(llm=self._judge)
            case JudgedMetric.CONTEXT_RECALL:
                metric = collections.ContextRecall(llm=self._judge)

        async def judged(sample: Sample) -> float:
            return float((await metric.ascore(**_arguments(name, sample))).value)

        return judged

    @cached_property
    def _judge(self) -> Any:
        """Ragas' own client; key and address come from the environment."""
        from openai import AsyncOpenAI
        from ragas.llms import llm_factory

        judge = self._job.judge
        if judge is None:
            raise ValueError("a judged metric needs a judge")
        key = os.environ.get("OPENAI_API_KEY") or "-"  # servers without one want the header too
        client = AsyncOpenAI(api_key=key, timeout=judge.timeout_s)
        return llm_factory(judge.model, client=client, max_tokens=judge.max_output_tokens)

    @cached_property
    def _embedding(self) -> LocalEmbedding:
        return LocalEmbedding()


class LocalEmbedding(BaseRagasEmbedding):  # type: ignore[misc]
    """The bundled model behind Ragas' interface: nothing leaves the machine.

    Ragas calls it from inside a running loop and wants the vector at once, so the encoder
    lives on a loop of its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._encoder = BundledEncoder()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._encoder.name

    def embed_text(self, text: str, **_: Any) -> list[float]:
        """The vector of a text."""
        work = asyncio.run_coroutine_threadsafe(self._encoder.encode([text]), self._loop)
        return [float(x) for x in work.result()[0]]

    async def aembed_text(self, text: str, **_: Any) -> list[float]:
        """The vector of a text."""
        return await asyncio.to_thread(self.embed_text, text)


def _against_reference(metric: Any) -> Scorer:
    async def against_reference(sample: Sample) -> float:
        result = await metric.ascore(reference=sample.reference, response=sample.response)
        return float(result.value)

    return against_reference


def _any_string(metric: Any) -> Scorer:
    """Ragas looks for one string, minding its case; any of the accepted ones will do."""

    async def any_string(sample: Sample) -> float:
        results = [
            await metric.ascore(reference=candidate, response=sample.response)
            for candidate in sample.expected
        ]
        return max(float(result.value) for result in results)

    return any_string


def _arguments(name: JudgedMetric, sample: Sample) -> dict[str, Any]:
    """What a metric wants to know."""
    question, contexts = {"user_input": sample.question}, sample.contexts
    match name:
        case JudgedMetric.FAITHFULNESS:
            # Rewriting may have found what the first search did not: quotes are context too.
            contexts = [*contexts, *sample.quotes]
            return {**question, "response": sample.response, "retrieved_contexts": contexts}
        case JudgedMetric.ANSWER_RELEVANCY:
            return {**question, "response": sample.response}
        case JudgedMetric.CONTEXT_PRECISION | JudgedMetric.CONTEXT_RECALL:
            return {**question, "reference": sample.reference, "retrieved_contexts": contexts}
