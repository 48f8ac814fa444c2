"""Marks are numbered as a reader meets them, and each leads to exact words."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from graphs.citations import CitationBook, compose
from graphs.context import Checked, Quote
from tests.unit.graphs.making import PREFACE, evidence

SOURCES = evidence("Leave is 25 days. It is paid.", "Cake is free.", "Ünï 年假 ok.")


def _quote(source: int, start: int, end: int) -> Quote:
    item = SOURCES[source]
    return Quote(item, item.start + start, item.start + end)


quotes = st.builds(
    lambda source, a, b: _quote(source, *sorted((a, b))),
    st.integers(0, 2), st.integers(0, 12), st.integers(0, 12),
)  # fmt: skip


@given(st.lists(st.lists(quotes, max_size=3), max_size=6))
def test_every_mark_has_one_proof_and_every_proof_its_words(drafted: list[list[Quote]]) -> None:
    text, book = compose([Checked(f"S{n}.", q, True) for n, q in enumerate(drafted)])
    marks = [citation.mark for citation in book.citations]
    assert marks == list(range(1, len(marks) + 1))
    for citation in book.citations:
        whole = next(s.passage for s in SOURCES if s.passage.document_id == citation.document_id)
        shown = whole.text[citation.start - whole.start : citation.end - whole.start]
        assert citation.quote == shown != ""
        assert f"[{citation.mark}]" in text
    places = [(c.document_id, c.start, c.end) for c in book.citations]
    assert len(set(places)) == len(places)
    for sentence, given_quotes in zip(book.sentences, drafted, strict=True):
        assert bool(sentence.citations) == any(quote.text for quote in given_quotes)


def test_marks_follow_the_reader_and_a_proof_used_again_keeps_its_mark() -> None:
    cake, leave = _quote(1, 0, 13), _quote(0, 0, 17)
    text, book = compose(
        [Checked("B.", [cake], True), Checked("A.", [leave, cake], None), Checked("C.", [], True)]
    )
    assert text == "B. [1] A. [1][2] C."
    assert [c.quote for c in book.citations] == ["Cake is free.", "Leave is 25 days."]
    assert [s.supported for s in book.sentences] == [True, None, True]


def test_words_that_do_not_stand_there_get_no_mark() -> None:
    item = SOURCES[0]
    forged = replace(item, text=item.text.replace("25", "52"))
    moved = replace(item, start=item.start - len(PREFACE))
    for false in (forged, moved):
        book = CitationBook()
        assert book.add(Checked("S.", [Quote(false, false.start, false.start + 17)], True)) == "S."
        assert book.citations == []
