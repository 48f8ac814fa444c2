"""Checked sentences to the text that readers see, with its marks and proofs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.core.types import Citation, Sentence
from graphs.context import Checked, Quote


class CitationBook:
    """Numbers quotes in the order in which a reader meets them."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, int, int], int] = {}
        self.citations: list[Citation] = []
        self.sentences: list[Sentence] = []

    def add(self, checked: Checked) -> str:
        """Take a sentence in; returns it with its marks."""
        marks = sorted({self._mark(quote) for quote in proved(checked.quotes)})
        place = checked.highlight
        self.sentences.append(
            Sentence(
                text=checked.text,
                citations=marks,
                supported=checked.supported,
                highlight=(place.start, place.end) if place else None,
            )
        )
        return " ".join([checked.text, "".join(f"[{mark}]" for mark in marks)]).strip()

    def _mark(self, quote: Quote) -> int:
        passage = quote.evidence.passage
        place = (passage.document_id, quote.start, quote.end)
        if place not in self._marks:
            self._marks[place] = len(self._marks) + 1
            self.citations.append(
                Citation(
                    mark=self._marks[place],
                    document_id=passage.document_id,
                    title=passage.title,
                    source=passage.source,
                    page=passage.page,
                    heading=passage.heading,
                    start=quote.start,
                    end=quote.end,
                    quote=quote.text,
                )
            )
        return self._marks[place]


def proved(quotes: Iterable[Quote]) -> list[Quote]:
    """The quotes whose words stand at their place in the stored passage."""
    return [q for q in quotes if q.text and _stored(q) == q.text]


def compose(checked: Sequence[Checked]) -> tuple[str, CitationBook]:
    """The whole text of an answer and its book."""
    book = CitationBook()
    return " ".join(book.add(sentence) for sentence in checked), book


def _stored(quote: Quote) -> str:
    passage = quote.evidence.passage
    return passage.text[quote.start - passage.start : quote.end - passage.start]
