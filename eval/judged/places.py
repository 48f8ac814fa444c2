"""Where the answer may stand, and whether it does, as the service's extractive reader sees it."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.ports import Reader, SentenceScorer
from app.core.text import Span, sentence_spans
from app.core.types import Passage, Place, Seen
from graphs.context import Evidence
from graphs.skills.answer_shape import answer_shape
from graphs.skills.places import Likelihoods
from graphs.skills.second_look import Candidate, Sentence, look_again, shares_of
from graphs.skills.sight import look


async def candidates_in(
    body: str, question: str, reader: Reader, scorer: SentenceScorer, context: str = ""
) -> list[tuple[Place, Candidate]]:
    """The places that the reader finds, in whole sentences, and what is said for each."""
    (reading,) = await reader.read(question, [body])
    spans = sentence_spans(body)
    sentences = [Sentence.of(body, spans, number) for number in range(len(spans))]
    texts = [sentence.alone for sentence in sentences]
    scores = await scorer.score_sentences(question, texts, [context] * len(texts))
    found = []
    for place in reading.places:
        shape = answer_shape(question, body[place.start : place.end])
        for span, sentence, score in zip(spans, sentences, scores, strict=True):
            if span.start <= place.start and place.end <= span.end:
                words = Span(place.start - span.start, place.end - span.start)
                said = Likelihoods(place.confidence, score, shape=shape)
                found.append((place, Candidate(sentence, words, said)))
    return found


async def best_place(
    body: str, question: str, reader: Reader, scorer: SentenceScorer, context: str = ""
) -> tuple[Place, float] | None:
    """The likeliest place and the probability of all that overlap it; None where there is none."""
    found = await candidates_in(body, question, reader, scorer, context)
    shares = shares_of(await look_again(question, [one for _, one in found], reader))
    ranked = sorted(zip(shares, found, strict=True), key=lambda pair: -pair[0])
    if not ranked:
        return None
    best = ranked[0][1][0]
    around = (p for p, (place, _) in ranked if place.start < best.end and best.start < place.end)
    return best, sum(around)


async def seen_in(
    passages: Sequence[Passage], question: str, reader: Reader, scorer: SentenceScorer
) -> Seen:
    """What the sentences of judged passages say, if they all fit; see `Ranker.answered`."""
    evidence = [Evidence(n, p, p.start, p.text) for n, p in enumerate(passages, start=1)]
    return (await look(question, evidence, reader, scorer)).seen
