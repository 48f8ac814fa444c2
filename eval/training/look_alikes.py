"""Questions that a text only seems to answer: others, with a name or a word changed.

What people write to mislead a reader swaps entities, turns words round and denies, as Rajpurkar
et al. (2018), "Know what you don't know", counted in SQuAD 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from eval.training.pairs import Pair
from eval.training.syntax import Made
from graphs.skills.answer_shape import KINDS

_BESIDE, _NEGATED = 0.7, 0.2
"""How often another name is of the same text; how often a question without a name is denied."""
_HELPER = re.compile(r"\b(was|were|is|are|did|does|do|can|has|had|have) ")
_OPPOSITES = {
    a: b
    for one, other in (
        ("first", "last"), ("largest", "smallest"), ("most", "least"), ("before", "after"),
        ("increase", "decrease"), ("north", "south"), ("east", "west"), ("early", "late"),
        ("oldest", "youngest"), ("highest", "lowest"), ("best", "worst"), ("old", "new"),
        ("more", "fewer"), ("begin", "end"), ("began", "ended"), ("won", "lost"), ("win", "lose"),
        ("high", "low"), ("male", "female"), ("major", "minor"), ("same", "different"),
        ("inside", "outside"), ("above", "below"), ("always", "never"), ("strong", "weak"),
    )
    for a, b in ((one, other), (other, one))
}  # fmt: skip


def unanswerable(
    made: Made, doc: Any, names: Mapping[str, Sequence[str]], rng: np.random.Generator
) -> Made | None:
    """The question with a name, date or number of another, or with a word's opposite.

    Args:
        doc: The parsed text that the question was made from.
        names: What other texts say, by label.
    """
    low = made.question.lower()
    own = [e for e in doc.ents if e.text.lower() in low and len(e.text) > 2]
    turned = [w for w in re.findall(r"\w+", low) if w in _OPPOSITES]
    if turned and (not own or rng.random() < 0.5):
        word = turned[int(rng.integers(len(turned)))]
        asked = re.sub(rf"\b{word}\b", _OPPOSITES[word], low, count=1)
    elif own:
        taken = own[int(rng.integers(len(own)))]
        beside = [
            e.text for e in doc.ents if e.label_ == taken.label_ and e.text.lower() not in low
        ]
        others = beside if beside and rng.random() < _BESIDE else names.get(taken.label_, ())
        answer = doc.text[made.answer.start : made.answer.end].lower()
        others = [o for o in others if o.lower() not in low and o.lower() not in answer]
        if not others:
            return None
        asked = low.replace(taken.text.lower(), str(rng.choice(others)), 1)
    elif rng.random() < _NEGATED and (match := _HELPER.search(low)):
        asked = f"{low[: match.end()]}not {low[match.end() :]}"
    else:
        return None
    return replace(made, question=asked, answerable=False)


def swapped(pairs: Sequence[Pair], rng: np.random.Generator) -> Iterator[Pair]:
    """Questions that a swapped name, date or number makes unanswerable."""
    known = {
        kind: sorted({m.group() for p in pairs for m in pattern.finditer(p.question[1:])})
        for kind, pattern in KINDS.items()
    }
    for pair in pairs:
        said = [
            (kind, match)
            for kind, pattern in KINDS.items()
            for match in pattern.finditer(pair.question, 1)
        ]
        if pair.answerable and said:
            kind, match = said[int(rng.integers(len(said)))]
            other = str(rng.choice(known[kind]))
            if other.lower() not in pair.question.lower():
                asked = pair.question[: match.start()] + other + pair.question[match.end() :]
                yield replace(pair, question=asked, spans=(), answerable=False, negatives=())
