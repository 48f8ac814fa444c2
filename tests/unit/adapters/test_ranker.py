"""The final score: a probability that the better evidence never lowers by accident."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from app.adapters.answered import ABOUT, SAID
from app.adapters.ranker import VOICES, WEIGHTS, CalibratedRanker, shown
from app.adapters.reader import BundledReader
from app.core.types import Passage, Scores, Seen

ASKED = "How many days of annual leave do employees get?"
ANSWER = "Full-time employees get 25 days of paid annual leave a year."
UNSEEN = Seen()
OTHERS = [
    "Flights are booked through the travel desk.",
    "The canteen opens at noon.",
    "Tighten the four head screws crosswise to 4.5 Nm.",
]


def passages(texts: Sequence[str], *, fused: float = 0.5) -> list[Passage]:
    return [
        Passage(
            document_id=str(n), title="Handbook", source="handbook.md", page=None, heading="Rules",
            start=0, end=len(text), text=text, score=fused, scores=Scores(dense=0.3, fused=fused),
        )
        for n, text in enumerate(texts)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def ranker() -> CalibratedRanker:
    return CalibratedRanker.load(BundledReader(threads=2))


async def test_the_passage_that_answers_comes_first(ranker: CalibratedRanker) -> None:
    judged = await ranker.judge(ASKED, passages([*OTHERS, ANSWER]))

    assert max(judged, key=lambda p: p.score).text == ANSWER
    assert all(0 <= p.score <= 1 and 0 <= (p.scores.rerank or 0) <= 1 for p in judged)


async def test_every_voice_is_told(ranker: CalibratedRanker) -> None:
    (judged,) = await ranker.judge(ASKED, passages([ANSWER]))

    assert tuple(judged.voices) == VOICES
    assert "voices" not in judged.model_dump(), "the contract's passage has no such field"


async def test_a_question_without_its_passage_is_less_answered(ranker: CalibratedRanker) -> None:
    with_it = await ranker.judge(ASKED, passages([*OTHERS, ANSWER]))
    without = await ranker.judge(ASKED, passages(OTHERS))

    assert ranker.answered(with_it, UNSEEN) > ranker.answered(without, UNSEEN)
    assert ranker.answered([], UNSEEN) == 0


async def test_a_second_look_that_sees_no_answer_is_heard_and_one_that_never_was_says_nothing(
    ranker: CalibratedRanker,
) -> None:
    judged = await ranker.judge(ASKED, passages([*OTHERS, ANSWER]))

    doubted, unsaid, sure = (ranker.answered(judged, Seen(again=a)) for a in (-5.0, None, 5.0))

    assert doubted < unsaid < sure


async def test_what_cannot_come_among_the_best_is_not_read(ranker: CalibratedRanker) -> None:
    fused = [0.99, 0.98, 0.9, 0.9, 0.9, 0.9, 0.9, *[0.02] * 9]
    texts = [ANSWER, ANSWER + " All of them.", *OTHERS, *(f"Rule {n}." for n in range(11))]
    found = [
        p.model_copy(update={"scores": Scores(dense=0.3, fused=share)})
        for p, share in zip(passages(texts), fused, strict=True)
    ]
    settled = CalibratedRanker.load(BundledReader(threads=2), settled=2)

    all_read, some_read = await ranker.judge(ASKED, found), await settled.judge(ASKED, found)

    assert all(p.scores.rerank is not None for p in all_read)
    unread = {p.document_id for p in some_read if p.scores.rerank is None}
    assert unread >= {str(n) for n in range(7, 16)}
    best, without = (sorted(judged, key=lambda p: -p.score) for judged in (some_read, all_read))
    assert [p.text for p in best[:2]] == [p.text for p in without[:2]]
    assert tuple(some_read[-1].voices) == VOICES
    assert 0 <= settled.answered(some_read, UNSEEN) <= 1


async def test_a_promising_passage_far_down_the_list_is_still_read() -> None:
    settled = CalibratedRanker.load(BundledReader(threads=2), settled=2)
    found = passages([*OTHERS * 3, ANSWER])  # all alike to the searches: any may be the best

    judged = await settled.judge(ASKED, found)

    assert judged[-1].scores.rerank is not None
    assert max(judged, key=lambda p: p.score) == judged[-1]


@pytest.mark.parametrize("settled", [1, 4, 100])
async def test_reading_less_reads_something_of_every_list(settled: int) -> None:
    some = CalibratedRanker.load(BundledReader(threads=2), settled=settled)

    for count in range(1, 9):
        judged = await some.judge(ASKED, passages((OTHERS * 3)[:count]))
        assert any(p.scores.rerank is not None for p in judged)
        assert some.answered(judged, UNSEEN) < 0.5


@pytest.mark.parametrize("texts", [[""], ["", ""], ["x"], ["🙂"] * 3])
@pytest.mark.parametrize("question", ["?", "", "東京"])
async def test_odd_passages_get_a_score_too(
    ranker: CalibratedRanker, question: str, texts: list[str]
) -> None:
    judged = await ranker.judge(question, passages(texts, fused=0.0))

    assert all(0 <= p.score <= 1 for p in judged)
    assert 0 <= ranker.answered(judged, UNSEEN) <= 1


async def test_another_cross_encoder_takes_the_readers_place(ranker: CalibratedRanker) -> None:
    class Longest:
        name = "longest"

        async def score(self, question: str, texts: Sequence[str]) -> list[float]:
            return [len(text) / 1000 for text in texts]

        async def close(self) -> None:
            return None

    other = CalibratedRanker.load(BundledReader(threads=1), Longest())
    found = passages(["short", "a longer one " * 9])
    short, long = await other.judge("which?", found)

    assert other.name == "longest"
    assert (long.scores.rerank or 0) > (short.scores.rerank or 0)


async def test_another_cross_encoder_is_heard_in_languages_that_the_reader_did_not_learn() -> None:
    german = [
        "Die Kantine öffnet mittags um zwölf Uhr und schließt nachmittags um vierzehn Uhr.",
        "Vollzeitbeschäftigte erhalten jährlich fünfundzwanzig bezahlte Urlaubstage.",
    ]

    class Polyglot:
        name = "polyglot"

        async def score(self, question: str, texts: Sequence[str]) -> list[float]:
            return [0.9 if "Urlaubstage" in text else 0.1 for text in texts]

        async def close(self) -> None: ...

    found = [p.model_copy(update={"title": "", "heading": ""}) for p in passages(german)]
    ranker = CalibratedRanker.load(BundledReader(threads=1), Polyglot())
    wrong, right = await ranker.judge("Wie viel Urlaub gibt es?", found)

    assert right.voices["relevance"] > wrong.voices["relevance"]
    assert right.voices["answerable"] == wrong.voices["answerable"] == 0


def test_the_weights_are_those_of_the_voices() -> None:
    record = json.loads(WEIGHTS.read_text())

    assert tuple(record["passage"]["features"]) == VOICES
    assert tuple(record["question"]["about"]["features"]) == ABOUT
    assert tuple(record["question"]["said"]["features"]) == SAID


def test_the_reader_sees_title_and_headings() -> None:
    (passage,) = passages([ANSWER])

    assert shown(passage) == f"Handbook > Rules\n{ANSWER}"
