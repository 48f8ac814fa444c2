"""The extractive reader: a fact in its own few words, anything else in whole sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from hypothesis import assume, given
from hypothesis import strategies as st

from app.adapters.onnx_dense import BundledEncoder
from app.adapters.ranker import CalibratedRanker
from app.adapters.reader import BundledReader
from app.adapters.sentence_scorer import SentenceScorer
from app.core.run import Run
from app.core.types import Passage, Scores
from graphs.context import DraftSentence, Evidence, Quote
from graphs.skills.quote import ExtractiveReader, place_shown

Parts = tuple[CalibratedRanker, BundledReader, SentenceScorer]
PLANT = "The plant in Lund was opened in 1987. It employs 240 people. The canteen is on floor two."
PUMP = (
    "To replace the pump head, close both valves first. Then loosen the four screws crosswise. "
    "Fit the new head and tighten the screws to 4.5 Nm."
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts() -> AsyncIterator[Parts]:
    reader, encoder = BundledReader(threads=2), BundledEncoder()
    yield CalibratedRanker.load(reader), reader, SentenceScorer.load(encoder)
    await reader.close()
    await encoder.close()


async def written(
    parts: Parts,
    question: str,
    texts: Sequence[str],
    *,
    threshold: float = 0.0,
    sure: float = 0.0,
    clear: float = 0.0,
    margin: float = 3.0,
    scores: Sequence[float] = (),
    reranked: bool = True,
) -> list[DraftSentence]:
    """What is written of some texts, with these final scores in place of the ranker's."""
    ranker, reader, scorer = parts
    passages = [
        Passage(
            document_id=str(n), title="Handbook", source="handbook.md", page=None, heading="",
            start=100, end=100 + len(text), text=text, score=0.5,
            scores=Scores(dense=0.5, bm25=5.0, fused=0.8),
        )
        for n, text in enumerate(texts)
    ]  # fmt: skip
    judged = await ranker.judge(question, passages)
    judged[: len(scores)] = [
        passage.model_copy(update={"score": score})
        for passage, score in zip(judged, scores, strict=False)
    ]
    if not reranked:
        unread = Scores(dense=0.5, bm25=5.0, fused=0.8)
        judged = [passage.model_copy(update={"scores": unread}) for passage in judged]
    evidence = [Evidence(n, p, p.start, p.text) for n, p in enumerate(judged, start=1)]
    writer = ExtractiveReader(
        ranker, reader, scorer, threshold=threshold, sure=sure, clear=clear, most=2, margin=margin
    )
    return [s async for s in writer.write(question, evidence, "", Run(deadline_ms=60_000))]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_fact_is_answered_in_a_few_words_with_its_sentence_as_proof(parts: Parts) -> None:
    (sentence,) = await written(parts, "When was the plant in Lund opened?", [PUMP, PLANT])
    (quote,) = sentence.quotes

    assert "1987" in sentence.text and len(sentence.text.split()) <= 6
    assert quote.text == "The plant in Lund was opened in 1987."
    assert PLANT[quote.start - 100 : quote.end - 100] == quote.text


@pytest.mark.asyncio(loop_scope="module")
async def test_how_to_do_something_is_answered_in_whole_sentences(parts: Parts) -> None:
    sentences = await written(parts, "How do I replace the pump head?", [PLANT, PUMP])

    assert sentences
    assert all(s.text == " ".join(s.quotes[0].text.split()) for s in sentences)


@pytest.mark.asyncio(loop_scope="module")
async def test_who_is_not_sure_of_the_place_quotes_the_sentence(parts: Parts) -> None:
    sentences = await written(parts, "When was the plant in Lund opened?", [PLANT], sure=2.0)

    assert sentences[0].text == "The plant in Lund was opened in 1987."


@pytest.mark.asyncio(loop_scope="module")
async def test_of_a_table_the_row_is_shown_that_its_header_speaks_for(parts: Parts) -> None:
    table = (
        "| Completed years of service | Annual leave |\n| --- | --- |\n| 0 to 4 years | 26 days |\n"
        "| 5 to 9 years | 27 days |\n| 10 to 19 years | 29 days |\n| 20 and more | 31 days |\n"
    )
    question = "How many days of annual leave does an employee with twelve years of service get?"

    sentences = await written(parts, question, [table, PLANT], sure=2.0)

    assert sentences[0].text == "10 to 19 years | 29 days"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_sentence_does_not_hide_the_answer_of_the_one_that_leans_on_it(
    parts: Parts,
) -> None:
    text = (
        "The telemetry module TM4 reports flow and pressure to the portal. It costs EUR 320 and "
        "comes with a SIM card for ten years. Readings are kept for three years."
    )
    question = (
        "What is the price of the telemetry module TM4 "
        "that reports flow and pressure to the portal?"
    )

    sentences = await written(parts, question, [text], sure=2.0)

    assert "EUR 320" in sentences[0].text


@pytest.mark.asyncio(loop_scope="module")
async def test_a_passage_far_behind_the_best_is_not_quoted_and_a_near_one_is(parts: Parts) -> None:
    question, texts = "How many people work at the plant in Lund?", [PUMP, PLANT]

    near = await written(parts, question, texts, scores=[0.9, 0.6])
    far = await written(parts, question, texts, scores=[0.9, 0.01])
    of_fusion = await written(parts, question, texts, scores=[0.9, 0.01], reranked=False)

    assert "240 people" in near[0].quotes[0].text
    assert {q.evidence.text for sentence in far for q in sentence.quotes} == {PUMP}
    assert PLANT in {q.evidence.text for sentence in of_fusion for q in sentence.quotes}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_sentence_beside_the_point_is_not_shown_only_to_fill_up(parts: Parts) -> None:
    question = "When was the plant in Lund opened?"

    near = await written(parts, question, [PUMP, PLANT], sure=2.0)
    filled = await written(parts, question, [PUMP, PLANT], sure=2.0, margin=99.0)

    assert [sentence.text for sentence in near] == ["The plant in Lund was opened in 1987."]
    assert [sentence.text for sentence in filled[:1]] == [sentence.text for sentence in near]
    assert len(filled) == 2


@pytest.mark.asyncio(loop_scope="module")
async def test_the_words_that_answer_are_highlighted_in_their_sentence(parts: Parts) -> None:
    question = "When was the plant in Lund opened?"
    clear = await written(parts, question, [PUMP, PLANT], sure=2.0)
    unclear = await written(parts, question, [PUMP, PLANT], sure=2.0, clear=2.0)
    open_ = await written(parts, "How do I replace the pump head?", [PLANT, PUMP], sure=2.0)

    place = clear[0].highlight
    assert place and "1987" in clear[0].text[place.start : place.end]
    assert clear[0].text == "The plant in Lund was opened in 1987."
    assert not any(sentence.highlight for sentence in (*clear[1:], *unclear, *open_))


@pytest.mark.asyncio(loop_scope="module")
async def test_evidence_that_does_not_answer_is_not_quoted(parts: Parts) -> None:
    assert await written(parts, "Who won the cup in 1998?", [PLANT, PUMP], threshold=1.0) == []
    assert await written(parts, "Who won the cup in 1998?", []) == []


@given(st.text("a1 |\n🎉", max_size=12), st.text("a1 |\n🎉", min_size=1), st.text("a1 |\n🎉"))
def test_what_is_highlighted_of_a_row_or_of_several_lines_is_what_answers(
    before: str, words: str, after: str
) -> None:
    assume(words.strip("| \n") == words)
    whole = before + words + after
    passage = Passage(
        document_id="d", title="", source="", page=None, heading="", start=0, end=len(whole),
        text=whole, score=0.0, scores=Scores(),
    )  # fmt: skip
    evidence = Evidence(1, passage, 0, whole)
    answer = Quote(evidence, len(before), len(before) + len(words))

    place = place_shown(Quote(evidence, 0, len(whole)), answer)

    shown = " ".join(whole.strip("| ").split())
    assert place
    assert shown[place.start : place.end] == " ".join(words.split())
