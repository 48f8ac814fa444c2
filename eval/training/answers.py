"""Where answers may stand, and questions made from statements by rule.

Nobody marked the answers in real search questions: what is of the kind that is asked for is
taken for possibly right. And a name, a date, a number or a phrase that is taken out of a
sentence makes a question whose answer's place is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.core.text import STOP_WORDS, Span, sentence_spans, words
from graphs.skills.answer_shape import KINDS, asked_kind


def typed_answers(question: str, body: str) -> Iterator[Span]:
    """Places in a text whose words are of the kind that is asked for, not the question's own."""
    kind = asked_kind(question)
    if kind is None:
        return
    known = set(words(question))
    for match in KINDS[kind].finditer(body):
        if not set(words(match.group())) - STOP_WORDS <= known:
            yield Span(match.start(), match.end())


_SHORTEST = 4  # characters: small numbers recur by chance


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the text that answers it, and the places of the answer in it."""

    question: str
    body: str
    spans: tuple[Span, ...]


def statement(body: str, rng: np.random.Generator) -> Asked | None:
    """A statement with a name, date or number taken out, asked for by a question word.

    After Lewis et al. (2019), "Unsupervised question answering by cloze translation", in its
    simplest form: the question word stands where the answer stood, or first.
    """
    sentence = _sentence(body, rng)
    answers = [] if sentence is None else list(_typed(body[sentence.start : sentence.end]))
    if sentence is None or not answers:
        return None
    kind, answer = answers[int(rng.integers(len(answers)))]
    question = _without(body, sentence, answer, kind, rng)
    start = sentence.start + answer.start
    return Asked(question, body, (Span(start, start + answer.end - answer.start),))


def recurring(body: str, rng: np.random.Generator) -> Asked | None:
    """A sentence with what the rest of the text says too taken out, and the text without it.

    Recurring span selection (Ram et al., 2021, "Few-shot question answering by pretraining span
    selection"), asked as a question: the words around the answer are not those of the sentence.
    """
    sentence = _sentence(body, rng)
    if sentence is None:
        return None
    text, rest = body[sentence.start : sentence.end], body[: sentence.start] + body[sentence.end :]
    found = [
        (kind, answer, places)
        for kind, answer in _telling(text)
        if answer.end - answer.start >= _SHORTEST and (places := _again(text, answer, rest))
    ]
    if not found:
        return None
    kind, answer, places = found[int(rng.integers(len(found)))]
    return Asked(_without(body, sentence, answer, kind, rng), rest, tuple(places))


def _sentence(body: str, rng: np.random.Generator) -> Span | None:
    spans = [
        s for s in sentence_spans(body) if 8 <= len(body[s.start : s.end].split()) <= 35
    ]  # fmt: skip
    return spans[int(rng.integers(len(spans)))] if spans else None


def _typed(text: str) -> Iterator[tuple[str, Span]]:
    for kind, pattern in KINDS.items():
        for match in pattern.finditer(text):
            said = words(match.group())
            if said and said[0] not in STOP_WORDS:
                yield kind, Span(match.start(), match.end())


def _telling(text: str) -> Iterator[tuple[str, Span]]:
    """Names, dates, numbers, and phrases of two to four words."""
    yield from _typed(text)
    tokens = list(re.finditer(r"[^\W_]+(?:[-'’][^\W_]+)*", text))
    for size in (2, 3, 4):
        for first in range(len(tokens) - size + 1):
            start, end = tokens[first].start(), tokens[first + size - 1].end()
            edges = {tokens[first].group().lower(), tokens[first + size - 1].group().lower()}
            if not edges & STOP_WORDS and not re.search(r"[.,;:()]", text[start:end]):
                yield "thing", Span(start, end)


def _again(text: str, answer: Span, rest: str) -> list[Span]:
    """Where the rest of a text says the same words."""
    wanted = re.escape(text[answer.start : answer.end])
    found = re.finditer(rf"(?<!\w){wanted}(?!\w)", rest, re.IGNORECASE)
    return [Span(match.start(), match.end()) for match in found]


def _without(body: str, sentence: Span, answer: Span, kind: str, rng: np.random.Generator) -> str:
    text = body[sentence.start : sentence.end]
    return _asked(kind, text[: answer.start], text[answer.end :], rng)


def _asked(kind: str, before: str, after: str, rng: np.random.Generator) -> str:
    word = {
        "when": ["when", "in what year", "what year"],
        "number": ["how many", "how much", "what number of"],
        "name": ["who", "what", "which", "where"],
        "thing": ["what", "which", "what kind of"],
    }[kind]
    chosen = str(rng.choice(word))
    before = re.sub(r"\b(in|on|at|since|by|from|until)\s*$", "", before.strip())
    after = after.strip(" .,;:")
    if not before:
        asked = f"{chosen} {after}"
    elif rng.random() < 0.5:
        asked = f"{chosen} {before} {after}"
    else:
        asked = f"{before} {chosen} {after}"
    # Questions are short: keep the words nearest to the gap.
    kept = asked.split()
    if len(kept) > 16:
        gap = kept.index(chosen.split()[0]) if chosen.split()[0] in kept else 0
        start = max(0, gap - 8) if not asked.startswith(chosen) else 0
        kept = kept[start : start + 16]
    kept = [w for w in kept if rng.random() > 0.12 or w in chosen.split()]
    return " ".join(kept) + "?"
