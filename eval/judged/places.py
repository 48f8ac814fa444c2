"""Where in one text the answer may stand, as the service's extractive reader weighs it."""

from __future__ import annotations

from app.core.ports import Reader, SentenceScorer
from app.core.text import sentence_spans
from app.core.types import Place
from graphs.skills.places import Likelihoods, probabilities


async def places_in(
    body: str, question: str, reader: Reader, scorer: SentenceScorer, context: str = ""
) -> list[tuple[Place, float]]:
    """The places that the reader finds, in whole sentences, and what is said of their sentence."""
    (reading,) = await reader.read(question, [body])
    sentences = sentence_spans(body)
    texts = [body[sentence.start : sentence.end] for sentence in sentences]
    scores = await scorer.score_sentences(question, texts, [context] * len(texts))
    return [
        (place, score)
        for place in reading.places
        for sentence, score in zip(sentences, scores, strict=True)
        if sentence.start <= place.start and place.end <= sentence.end
    ]


async def best_place(
    body: str, question: str, reader: Reader, scorer: SentenceScorer, context: str = ""
) -> tuple[Place, float] | None:
    """The likeliest place and its probability among all; None where there is none."""
    found = await places_in(body, question, reader, scorer, context)
    sure = probabilities([Likelihoods(place.confidence, score) for place, score in found])
    ranked = sorted(zip(sure, found, strict=True), key=lambda pair: -pair[0])
    return (ranked[0][1][0], ranked[0][0]) if ranked else None
