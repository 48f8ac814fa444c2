"""What the terminal shows of an answer."""

from __future__ import annotations

from app.cli.ask import answering
from app.core.text import Span
from app.core.types import Sentence


def sentence(text: str, place: tuple[int, int] | None) -> Sentence:
    return Sentence(text=text, citations=[1], supported=True, highlight=place)


def test_of_words_that_are_said_twice_those_that_answer_are_bold() -> None:
    text = "In 2010 the fee was 10 euros."
    quote = "In 2010 the\n    fee was 10 euros."

    place = answering(sentence(text, (20, 22)), quote)

    assert place == Span(quote.index("10 e"), quote.index("10 e") + 2)


def test_nothing_is_bold_where_nothing_is_known_to_answer() -> None:
    assert answering(sentence("The fee was 10 euros.", None), "The fee was 10 euros.") is None
    assert answering(sentence("The fee was 10 euros.", (4, 11)), "The fee\n  was 10 euros.") is None
