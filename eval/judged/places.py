"""Where in one text the answer may stand, as the service's extractive reader weighs it."""

from __future__ import annotations

from app.core.ports import Reader, SentenceScorer
from app.core.text import sentence_spans
from app.core.types import Place
from graphs.skills.answer_shape import answer_shape
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
    """The likeliest place and the probability of all that overlap it; None where there is none."""
    found = await places_in(body, question, reader, scorer, context)
    shares = probabilities(
        [
            Likelihoods(
                place.confidence,
                score,
                shape=answer_shape(question, body[place.start : place.end]),
            )
            for place, score in found
        ]
    )
    ranked = sorted(zip(shares, found, strict=True), key=lambda pair: -pair[0])
    if not ranked:
        return None
    best = ranked[0][1][0]
    around = (p for p, (place, _) in ranked if place.start < best.end and best.start < place.end)
    return best, sum(around)
