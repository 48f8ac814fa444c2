"""Is every sentence proved, and is every proof true to the letter?"""

from __future__ import annotations

from app.core.types import Status
from eval.metrics.score import Asked, Measure, Measures, share


def measure(asked: Asked) -> Measures:
    """How many citations quote exactly, and how many sentences carry one.

    `citation_exactness` looks at every citation, also those of an abstention. An answer
    without citations has nothing that could be inexact, so the next two look at every
    answer that was given: one without sentences counts as one sentence without proof.
    `verified_answers` is the share of those whose checks could all run.
    """
    found: dict[str, Measure] = {}
    answer, given = asked.answer, asked.given
    if answer and answer.citations:
        pairs = zip(answer.citations, asked.canonical, strict=True)
        exact = sum(citation.quote == text for citation, text in pairs)
        found["citation_exactness"] = share(exact, len(answer.citations))
    if given:
        marks = {citation.mark for citation in given.citations}
        cited = sum(bool(marks.intersection(s.citations)) for s in given.sentences)
        found["cited_sentences"] = share(cited, max(len(given.sentences), 1))
        found["cited_answers"] = Measure(float(bool(given.citations)))
        found["verified_answers"] = Measure(float(given.status is Status.ANSWERED))
    return found
