"""Questions, answers and passages made by hand."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.types import Answer, Citation, Passage, Scores, Sentence, Status
from eval.datasets import Question
from eval.metrics.score import Asked


def question(
    identifier: str = "q1",
    *,
    answerable: bool = True,
    documents: Sequence[str] = ("leave.md",),
    expected: Sequence[str] = ("25 days",),
    answer: str = "Leave is 25 days a year.",
    kind: str = "fact",
) -> Question:
    """A question; one that cannot be answered has none of the rest."""
    return Question(
        id=identifier,
        question=f"What about {identifier}?",
        answerable=answerable,
        documents=list(documents) if answerable else [],
        expected=list(expected) if answerable else [],
        answer=answer if answerable else "",
        kind=kind,
    )


def passage(name: str, *, rerank: float | None = None, text: str = "text") -> Passage:
    """A passage of a file; its place and scores do not matter but for `rerank`."""
    return Passage(
        document_id=name,
        title=name,
        source=f"/somewhere/{name}",
        page=None,
        heading="",
        start=0,
        end=len(text),
        text=text,
        score=rerank or 0.0,
        scores=Scores(rerank=rerank),
    )


def citation(mark: int, quote: str = "Leave is 25 days.") -> Citation:
    return Citation(
        mark=mark,
        document_id="d",
        title="Leave",
        source="/somewhere/leave.md",
        page=None,
        heading="",
        start=0,
        end=len(quote),
        quote=quote,
    )


def answer(
    text: str = "Leave is 25 days. [1]",
    *,
    status: Status = Status.ANSWERED,
    citations: Sequence[Citation] = (),
    sentences: Sequence[Sequence[int]] = (),
    timings_ms: dict[str, float] | None = None,
) -> Answer:
    """An answer; `sentences` gives the marks of each sentence."""
    return Answer(
        answer_id="a",
        conversation_id="c",
        status=status,
        answer=text,
        citations=list(citations),
        sentences=[
            Sentence(text=f"Sentence {n}.", citations=list(marks), supported=True)
            for n, marks in enumerate(sentences)
        ],
        timings_ms=timings_ms or {},
    )


def abstention() -> Answer:
    return answer("The documents do not answer this question.", status=Status.ABSTAINED)


def asked(identifier: str = "q1", **parts: object) -> Asked:
    """An answerable question with whatever came of it."""
    return Asked(question(identifier), **parts)  # type: ignore[arg-type]


def refusable(identifier: str = "q9", **parts: object) -> Asked:
    """A question that the documents do not answer, with whatever came of it."""
    return Asked(question(identifier, answerable=False), **parts)  # type: ignore[arg-type]
