"""Pairs to learn from: an answer that is marked must stand where the mark says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.training.answers import recurring, statement, typed_answers
from eval.training.look_alikes import swapped
from eval.training.pairs import (
    Collection,
    Pair,
    Passage,
    english,
    plain_heading,
)
from graphs.skills.answer_shape import asked_kind

TEXT = "Astrid Lindqvist founded Meridian in Lund in May 1987 with 12 people and 3 boats."


@pytest.mark.parametrize(
    ("question", "kind", "answers"),
    [
        ("when was meridian founded", "when", {"May 1987"}),
        ("how many people did it have", "number", {"1987", "12 people", "3"}),
        ("who founded Meridian", "name", {"Astrid Lindqvist", "Lund"}),
        ("explain the founding", None, set()),
    ],
)
def test_possible_answers_are_of_the_kind_that_is_asked_for(
    question: str, kind: str | None, answers: set[str]
) -> None:
    found = {TEXT[span.start : span.end] for span in typed_answers(question, TEXT)}

    assert asked_kind(question) == kind
    assert found == answers


@given(st.text(max_size=80), st.text(max_size=300))
def test_marks_lie_within_the_text(question: str, text: str) -> None:
    for span in typed_answers(f"who {question}", text):
        assert 0 <= span.start < span.end <= len(text)


STORY = (
    "Astrid Lindqvist founded Meridian in the town of Lund in the spring of 1987. "
    "Two years later Astrid Lindqvist sold half of it to her brother and moved to Lund."
)


@given(st.integers(0, 1000))
def test_what_is_asked_of_a_sentence_that_was_taken_out_stands_in_the_rest(seed: int) -> None:
    asked = recurring(STORY, np.random.default_rng(seed))

    assert asked
    assert len(asked.body) < len(STORY)
    assert {asked.body[s.start : s.end] for s in asked.spans} <= {"Astrid Lindqvist", "Lund"}


@given(st.integers(0, 1000), st.text(max_size=300))
def test_a_statement_asks_for_its_own_words(seed: int, text: str) -> None:
    for body in (STORY, text):
        if asked := statement(body, np.random.default_rng(seed)):
            (span,) = asked.spans
            assert 0 <= span.start < span.end <= len(asked.body)
            assert asked.question.endswith("?")


def test_headings_are_learned_without_their_links() -> None:
    heading = '[Programming FAQ](#id2)[¶](#faq "Permalink") > Is there a debugger?'

    assert plain_heading("Programming FAQ", heading) == "Programming FAQ > Is there a debugger?"
    assert plain_heading("Leave", "") == "Leave"


def test_texts_in_other_scripts_are_not_learned_from() -> None:
    assert english(TEXT)
    assert not english("доступ специалиста к данным")


def test_a_pair_shows_its_whole_passage_unless_told_otherwise() -> None:
    found = Collection()
    place = found.add(Passage("s", "s/1", "Title", TEXT))
    found.ask("search", "who?", place)

    assert found.pairs[0].shown is found.passages[place]


def test_look_alikes_are_other_questions_without_an_answer() -> None:
    shown = Passage("squad2", "squad2/1", "Meridian", TEXT)
    pairs = [
        Pair("paragraph", "Who founded Meridian in 1987?", 0, shown),
        Pair("paragraph", "When was Lund left by Astrid?", 0, shown),
    ]
    made = list(swapped(pairs, np.random.default_rng(0)))

    assert made
    assert all(not p.answerable and not p.spans for p in made)
    assert not {p.question for p in made} & {p.question for p in pairs}
