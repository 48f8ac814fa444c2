"""How likely each place is the answer's: the reader's word, its sentence's, its passage's, its own.

The reader is good at which words of a sentence answer, and worse at which sentence does; that
the scorer of sentences knows better, and so does the reader itself when it sees little else (see
`second_look.py`). What the words themselves look like says the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from app.core.odds import log_odds
from graphs.skills.answer_shape import SIGNS

AT_FIRST = ("reader", "sentence", *SIGNS)
AGAIN = ("reader", "sentence", "again", "answerable", "relevance", *SIGNS)
"""What counts for a place that was read once, and for one that was read again."""
_AT_FIRST = (0.41, 1.15, -1.41, 0.33, 0.82, 0.17, -1.42, 0.11, -0.85)
_AGAIN = (0.18, 0.40, 0.27, 0.16, 0.22, -0.98, -0.07, 0.25, 0.01, -0.84, 0.10, -0.41)
"""How much a log-probability, log-odds and each sign of the words' shape count;
`eval/training/fit_places.py` prints both."""
_PASSAGE, _PASSAGE_AGAIN = 0.43, 0.15
"""Likewise what is said of the passage, which was not fitted: as much of `sentence` both times."""
# The best of seven that were tried on the sample handbook and 60 questions of the same articles.
_OF_PASSAGE, _OF_PLACE, _HARDLY = 0.5, 0.3, 1e-3
_HARDLY_ANY = 1e-9


class Again(NamedTuple):
    """What the reader said when it read a place's sentence again, as a mean of its readings.

    Args:
        place: The logarithm of the place's probability.
        answerable: Log-odds that what was read answers; likewise `relevance`.
    """

    place: float
    answerable: float
    relevance: float


class Likelihoods(NamedTuple):
    """What is said for a place: each in [0, 1], and its `answer_shape`, which may be left out."""

    reader: float
    sentence: float
    passage: float = 0.5
    shape: tuple[float, ...] = (0.0,) * len(SIGNS)
    again: Again | None = None


def signs_of(place: Likelihoods) -> tuple[float, ...]:
    """One number for each name in AT_FIRST, or AGAIN."""
    said = math.log(max(place.reader, _HARDLY_ANY)), log_odds(place.sentence)
    return (*said, *(place.again or ()), *place.shape)


def probabilities(places: Sequence[Likelihoods]) -> list[float]:
    """The probability of each place among all, all of which were read again, or none.

    Raises ValueError where only some were: those weigh otherwise.
    """
    again = all(place.again for place in places)
    each, passage = (_AGAIN, _PASSAGE_AGAIN) if again else (_AT_FIRST, _PASSAGE)
    weights = [
        sum(weight * sign for weight, sign in zip(each, signs_of(place), strict=True))
        + passage * log_odds(place.passage)
        for place in places
    ]
    most = max(weights, default=0.0)
    powers = [math.exp(weight - most) for weight in weights]
    return [power / sum(powers) for power in powers]


def sentence_weight(sentence: float, passage: float, place: float) -> float:
    """How much a sentence is worth showing, in log-odds.

    Args:
        sentence: What its scorer says of it, in [0, 1]; likewise `passage` of the passage.
        place: The probability that the answer stands in it.
    """
    likely = math.log(max(place, _HARDLY))
    return log_odds(sentence) + _OF_PASSAGE * log_odds(passage) + _OF_PLACE * likely
