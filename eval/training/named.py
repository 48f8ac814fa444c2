"""Where real search questions may be answered: names of the kind asked for, in the best sentence.

Nobody marked their answers. Names, dates and numbers that a parser finds are of a kind, and so
is what a question word asks for; among the sentences of the paragraph that have such names, the
one that the scorer of sentences likes best is taken for the one that answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from app.core.ports import SentenceScorer
from app.core.text import STOP_WORDS, Span, sentence_spans, words

_PLACES = ("GPE", "LOC", "FAC")
_AMOUNTS = ("QUANTITY", "MONEY", "PERCENT", "CARDINAL")
_ASKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"when|(what|which) (year|date|day|month|century|time)", ("DATE", "TIME")),
    (r"how many", ("CARDINAL", "QUANTITY")),
    (r"how (much|far|tall|high|big|large|heavy|deep|fast|wide)", _AMOUNTS),
    (r"how (long|old|often)", ("DATE", "TIME", "QUANTITY", "CARDINAL")),
    (r"who(se|m)?", ("PERSON", "ORG", "NORP")),
    (r"where|(what|which) (city|country|state|place|county|river|island)", _PLACES),
    (r"(what|which) (company|team|band|organization|group|university)", ("ORG",)),
    (r"(what|which)", ("PERSON", "ORG", "WORK_OF_ART", "PRODUCT", "EVENT", *_PLACES)),
)
BEST = 2
"""The answer's sentence is among so many of the best, or the question is left alone."""
MOST = 3
"""More names of the kind in the sentence say too little."""


def labels_asked(question: str) -> tuple[str, ...]:
    """The kinds of names that would answer; none when it cannot be told."""
    low = question.lower()
    return next((labels for asks, labels in _ASKS if re.search(rf"\b(?:{asks})\b", low)), ())


async def named_answers(
    question: str, doc: Any, title: str, scorer: SentenceScorer
) -> Sequence[Span]:
    """Places in a parsed text that may answer, one of which is likely right; often none."""
    labels, known = labels_asked(question), set(words(question))
    named = [
        Span(e.start_char, e.end_char)
        for e in doc.ents
        if e.label_ in labels and not set(words(e.text)) - STOP_WORDS <= known
    ]
    sentences = sentence_spans(doc.text)
    if not named or not sentences:
        return []
    texts = [doc.text[s.start : s.end] for s in sentences]
    scores = await scorer.score_sentences(question, texts, [title] * len(texts))
    for place in sorted(range(len(texts)), key=lambda i: -scores[i])[:BEST]:
        sentence = sentences[place]
        within = [n for n in named if sentence.start <= n.start and n.end <= sentence.end]
        if within:
            return within if len(within) <= MOST else []
    return []
