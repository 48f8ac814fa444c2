"""Are the right documents found, and how high? Binary relevance, distinct documents.

Several passages of one document count once, at the best one's rank.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import PurePath

from app.core.types import Passage
from eval.metrics.score import Asked, Measure, Measures

DEPTH = 10
HIT_DEPTH = 5


def measure(asked: Asked) -> Measures:
    """Of an answerable question: hit, recall, reciprocal rank and nDCG."""
    gold = set(asked.question.documents)
    if not gold:
        return {}
    ranked = ranking(asked.passages)
    return {
        f"hit@{HIT_DEPTH}": Measure(hit(ranked, gold, HIT_DEPTH)),
        f"recall@{DEPTH}": Measure(recall(ranked, gold, DEPTH)),
        f"mrr@{DEPTH}": Measure(reciprocal_rank(ranked, gold, DEPTH)),
        f"ndcg@{DEPTH}": Measure(ndcg(ranked, gold, DEPTH)),
    }


def ranking(passages: Sequence[Passage]) -> list[str]:
    """File names in order of their best passage, each once."""
    return list(dict.fromkeys(PurePath(passage.source).name for passage in passages))


def hit(ranked: Sequence[str], gold: Collection[str], depth: int) -> float:
    """1 when any right document is among the first."""
    return float(any(name in gold for name in ranked[:depth]))


def recall(ranked: Sequence[str], gold: Collection[str], depth: int) -> float:
    """Share of the right documents that is among the first."""
    return sum(name in gold for name in ranked[:depth]) / len(gold)


def reciprocal_rank(ranked: Sequence[str], gold: Collection[str], depth: int) -> float:
    """1 / rank of the first right document, 0 when it is not among the first."""
    ranks = (rank for rank, name in enumerate(ranked[:depth], start=1) if name in gold)
    return 1 / next(ranks, math.inf)


def ndcg(ranked: Sequence[str], gold: Collection[str], depth: int) -> float:
    """Discounted gain as a share of the ideal order's (Järvelin & Kekäläinen, 2002)."""
    found = sum(_gain(r) for r, name in enumerate(ranked[:depth], start=1) if name in gold)
    return found / sum(_gain(r) for r in range(1, min(len(gold), depth) + 1))


def _gain(rank: int) -> float:
    return 1 / math.log2(rank + 1)
