"""Pairs to learn from: an answer that is marked must stand where the mark says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.training.pairs import (
    Collection,
    Passage,
    asked_type,
    english,
    plain_heading,
    typed_answers,
)

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

    assert asked_type(question) == kind
    assert found == answers


@given(st.text(max_size=80), st.text(max_size=300))
def test_marks_lie_within_the_text(question: str, text: str) -> None:
    for span in typed_answers(f"who {question}", text):
        assert 0 <= span.start < span.end <= len(text)


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
    pytest.importorskip("torch")
    from eval.training.pairs import Pair
    from eval.training.train_reader import look_alikes

    shown = Passage("squad2", "squad2/1", "Meridian", TEXT)
    pairs = [
        Pair("paragraph", "Who founded Meridian in 1987?", 0, shown),
        Pair("paragraph", "When was Lund left by Astrid?", 0, shown),
    ]
    made = list(look_alikes(pairs, np.random.default_rng(0)))

    assert made
    assert all(not p.answerable and not p.spans for p in made)
    assert not {p.question for p in made} & {p.question for p in pairs}
