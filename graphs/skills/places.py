"""How likely each place is the answer's: the reader's word, its sentence's, its passage's, its own.

The reader is good at which words of a sentence answer, and worse at which sentence does; that
the scorer of sentences knows better. What the words themselves look like says the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from graphs.skills.answer_shape import SIGNS

_READER, _SENTENCE, _PASSAGE = 0.37, 1.06, 0.43
"""How much a log-probability and log-odds count; `eval/training/fit_places.py` prints the first
two, the third was not fitted."""
_SHAPE = dict(zip(SIGNS, (-1.33, 0.26, 0.72, 0.08, -1.27, 0.10, -0.82), strict=True))
"""How much each sign of the words' shape counts; printed by the same."""
# The best of seven that were tried on the sample handbook and 60 questions of the same articles.
_OF_PASSAGE, _OF_PLACE, _HARDLY = 0.5, 0.3, 1e-3
_LITTLE = 1e-4


class Likelihoods(NamedTuple):
    """What is said for a place: each in [0, 1], and its `answer_shape`, which may be left out."""

    reader: float
    sentence: float
    passage: float = 0.5
    shape: tuple[float, ...] = ()


def probabilities(places: Sequence[Likelihoods]) -> list[float]:
    """The probability of each place among all."""
    weights = [
        _READER * math.log(max(place.reader, _LITTLE))
        + _SENTENCE * log_odds(place.sentence)
        + _PASSAGE * log_odds(place.passage)
        + sum(weight * sign for weight, sign in zip(_SHAPE.values(), place.shape, strict=False))
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


def log_odds(share: float) -> float:
    """Of a probability, kept within what four digits tell."""
    bounded = min(max(share, _LITTLE), 1 - _LITTLE)
    return math.log(bounded / (1 - bounded))
