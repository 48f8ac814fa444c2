"""What is seen in the evidence, and what a second look says of whether it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from app.adapters.onnx_dense import BundledEncoder
from app.adapters.reader import BundledReader
from app.adapters.sentence_scorer import SentenceScorer
from app.core.types import Passage, Scores, Seen
from graphs.context import Evidence
from graphs.skills.sight import Sight, look

Parts = tuple[BundledReader, SentenceScorer]
PLANT = "The plant in Lund was opened in 1987. It employs 240 people. The canteen is on floor two."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts() -> AsyncIterator[Parts]:
    reader, encoder = BundledReader(threads=2), BundledEncoder()
    yield reader, SentenceScorer.load(encoder)
    await reader.close()
    await encoder.close()


async def seen(parts: Parts, question: str, texts: Sequence[str] = (PLANT,)) -> Sight:
    evidence = [
        Evidence(
            number,
            Passage(
                document_id=str(number), title="Handbook", source="handbook.md", page=None,
                heading="", start=0, end=len(text), text=text, score=0.5, scores=Scores(),
            ),
            0,
            text,
        )
        for number, text in enumerate(texts, 1)
    ]  # fmt: skip
    return await look(question, evidence, *parts)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_question_that_only_seems_to_be_answered_is_doubted(parts: Parts) -> None:
    answered = await seen(parts, "When was the plant in Lund opened?")
    alike = await seen(parts, "When was the plant in Graz closed?")

    assert answered.seen.again is not None and alike.seen.again is not None
    assert answered.seen.again > alike.seen.again + 1
    assert sum(place.probability for place in answered.places) == pytest.approx(1)


@pytest.mark.asyncio(loop_scope="module")
async def test_of_what_no_sentence_is_about_the_best_sentence_says_so(parts: Parts) -> None:
    about, beside = [
        (await seen(parts, question)).seen
        for question in ("When was the plant in Lund opened?", "Who feeds the whales in winter?")
    ]

    assert about.sentence is not None and about.sentence_lead is not None
    assert beside.sentence is not None and beside.sentence_lead is not None
    assert about.sentence > beside.sentence + 1
    assert about.sentence_lead > 0


@pytest.mark.asyncio(loop_scope="module")
async def test_of_how_to_do_something_single_sentences_are_not_asked(parts: Parts) -> None:
    assert (await seen(parts, "How do I get to the canteen?")).seen.again is None


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("texts", [(), ("",), ("...",), ("工場は1987年に開設。",)])
async def test_where_nothing_can_be_read_nothing_is_said(
    parts: Parts, texts: Sequence[str]
) -> None:
    sight = await seen(parts, "When was the plant in Lund opened?", texts)

    assert sight.seen == Seen() and not sight.places
    assert len(sight.scores) == len(sight.units)
