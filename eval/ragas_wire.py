"""What goes to the Ragas process and what comes back: JSON of these."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class PlainMetric(StrEnum):
    """Metrics of Ragas that need no judge; `bleu_score` and `chrf_score` need sacrebleu,
    `rouge_score` needs rouge-score, neither of which the evaluation extra brings."""

    EXACT_MATCH = "exact_match"
    STRING_PRESENCE = "string_presence"
    STRING_SIMILARITY = "non_llm_string_similarity"
    SEMANTIC_SIMILARITY = "semantic_similarity"
    BLEU = "bleu_score"
    CHRF = "chrf_score"
    ROUGE = "rouge_score"


class JudgedMetric(StrEnum):
    """Metrics of Ragas that a chat model judges."""

    FAITHFULNESS = "faithfulness"
    ANSWER_RELEVANCY = "answer_relevancy"
    CONTEXT_PRECISION = "context_precision"
    CONTEXT_RECALL = "context_recall"


COSINES = (PlainMetric.SEMANTIC_SIMILARITY, JudgedMetric.ANSWER_RELEVANCY)
"""Metrics that embed texts; their values may be below 0."""

OF_CLAIMS = (JudgedMetric.FAITHFULNESS, JudgedMetric.ANSWER_RELEVANCY)
"""Metrics of what an answer claims: an abstention claims nothing."""


class Wire(BaseModel):
    """A frozen message."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sample(Wire):
    """An answerable question and what came of it.

    Args:
        response: The answer without its marks, or the abstention.
        given: Whether the response claims to answer.
        contexts: Retrieved passages, best first.
        quotes: What the answer cites beyond them.
    """

    id: str
    question: str
    response: str
    given: bool
    reference: str
    expected: list[str]
    contexts: list[str]
    quotes: list[str] = []


class JudgeModel(Wire):
    """The judge. Its key and address come from the environment, never from here."""

    model: str
    max_output_tokens: int
    concurrency: int
    timeout_s: float


class Job(Wire):
    """Everything the process needs."""

    plain: list[PlainMetric] = []
    judged: list[JudgedMetric] = []
    judge: JudgeModel | None = None
    samples: list[Sample]


class Verdict(Wire):
    """A metric's value for a sample, or None and why."""

    value: float | None
    why: str = ""


class Result(Wire):
    """What the process found.

    Args:
        scores: Metric → id of the sample → verdict.
        skipped: Metric → why it could not be made ready at all.
        embedding: The model that semantic metrics embedded with.
    """

    ragas: str
    embedding: str = ""
    scores: dict[str, dict[str, Verdict]] = {}
    skipped: dict[str, str] = {}
