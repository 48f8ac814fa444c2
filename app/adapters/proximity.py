"""How closely passages hold a question's words: in order, near each other, in one window.

BM25 counts words wherever they stand, and a vector says nothing of single words. The first two
features are those of the sequential dependence model (Metzler & Croft, 2005, "A Markov random
field model for term dependencies"), the third is the best window's share of the question.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SIGNS = ("order", "near", "window")
_NEXT, _NEAR, _WINDOW = 2, 8, 30  # words apart
Places = Mapping[str, Sequence[int]]


def proximity(asked: Sequence[str], passages: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """One row of SIGNS for each passage, each in [0, 1].

    Words weigh by how few of the passages hold them, as in BM25: one that none of them holds
    weighs most.

    Args:
        asked: The question's stems that tell something, in order.
        passages: Each passage's stems, all of them, in order.
    """
    wanted = dict.fromkeys(asked)
    places = [_places(wanted, stems) for stems in passages]
    held = Counter(word for found in places for word in found)
    rarity = {
        word: math.log(1 + (len(passages) - held[word] + 0.5) / (held[word] + 0.5))
        for word in wanted
    }
    pairs = {(a, b): rarity[a] + rarity[b] for a, b in pairwise(asked) if a != b}
    rows = [
        (*_of_pairs(pairs, found), _share(_best_window(found, rarity), sum(rarity.values())))
        for found in places
    ]
    return np.array(rows, dtype=np.float64).reshape(len(passages), len(SIGNS))


def _places(wanted: Mapping[str, None], stems: Sequence[str]) -> Places:
    found: dict[str, list[int]] = {}
    for place, stem in enumerate(stems):
        if stem in wanted:
            found.setdefault(stem, []).append(place)
    return found


def _of_pairs(pairs: Mapping[tuple[str, str], float], found: Places) -> tuple[float, float]:
    """Shares of neighbouring words that stand in their order, and that stand near."""
    order = near = 0.0
    for (a, b), weight in pairs.items():
        if a in found and b in found:
            apart = [later - earlier for earlier in found[a] for later in found[b]]
            order += weight * any(0 < distance <= _NEXT for distance in apart)
            near += weight * any(abs(distance) <= _NEAR for distance in apart)
    whole = sum(pairs.values())
    return _share(order, whole), _share(near, whole)


def _best_window(found: Places, rarity: Mapping[str, float]) -> float:
    """The most that the words of one window weigh, each word once."""
    events = sorted((place, word) for word, places in found.items() for place in places)
    inside: Counter[str] = Counter()
    first, weight, best = 0, 0.0, 0.0
    for place, word in events:
        weight += 0.0 if inside[word] else rarity[word]
        inside[word] += 1
        while place - events[first][0] > _WINDOW:
            gone = events[first][1]
            inside[gone] -= 1
            weight -= 0.0 if inside[gone] else rarity[gone]
            first += 1
        best = max(best, weight)
    return best


def _share(part: float, whole: float) -> float:
    return min(part / whole, 1.0) if whole else 0.0
