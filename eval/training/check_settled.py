"""What it costs to stop reading once the best are settled, and what that saves.

    python -m eval.training.check_settled DATA_FOLDER CACHE_FOLDER [QUESTIONS]

Prints, for several values of `reranking.settled` over the same candidates of the judged sets, how
many passages are read, how often the best one and the best three are those of reading all, and
what the ranking loses by it: nDCG@10, in points. Then what the reader says of those that may be
left unread: the means and the quantile that `UNREAD` and `HOPED` in `ranker.py` are of.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters.ranker import FIRST_READ, CalibratedRanker
from app.adapters.reader import BundledReader
from app.core.settings import RerankingSettings
from app.core.types import Passage
from eval.judged.index import open_filled
from eval.judged.measures import interval
from eval.judged.sets import JudgedSet, read
from eval.training.candidates import JUDGED
from eval.training.check_reader import ndcg, ranked

QUESTIONS = 80
TRIED = (0, 1, 2, 3, 4, 5, 6)
"""Values of `reranking.settled`; the first one reads all."""
_FEW = 3
_DEPTH, _HOPED = RerankingSettings().depth, 0.9
Floats = NDArray[np.float64]


def main() -> None:
    """Measure set by set, then what each value gives on average."""
    data, cache = map(Path, sys.argv[1:3])
    most = int(sys.argv[3]) if sys.argv[3:] else QUESTIONS
    sets = [read(data, name).sample(most) for name in JUDGED]
    measured = [asyncio.run(_measure(one, cache)) for one in sets]
    found = [rows for rows, _ in measured]
    for place, settled in enumerate(TRIED):
        read_, first, three, _ = np.concatenate(found)[:, place].mean(axis=0)
        differences = [100 * (rows[:, place, 3] - rows[:, 0, 3]) for rows in found]
        mean = interval(differences, list(JUDGED))
        worst = min((d.mean(), name) for d, name in zip(differences, JUDGED, strict=True))
        sys.stdout.write(
            f"settled {settled}: {read_:.1f} read, best alike {first:.3f}, best three {three:.3f}, "
            f"nDCG@10 {mean.mean:+.2f} [{mean.low:+.2f}, {mean.high:+.2f}], "
            f"worst {worst[1]} {worst[0]:+.2f}\n"
        )
    late = np.concatenate([said for _, said in measured])
    relevance, answerable = late.mean(axis=0)
    sys.stdout.write(
        f"candidates {FIRST_READ + 1} to {_DEPTH}: relevance {relevance:.2f} on average, "
        f"{np.quantile(late[:, 0], _HOPED):.2f} at {_HOPED:.0%}; answerable {answerable:.2f}\n"
    )


async def _measure(one: JudgedSet, cache: Path) -> tuple[Floats, Floats]:
    """What stopping costs and saves, and what is said of the later candidates.

    Returns:
        Passages read, best alike, best three, nDCG@10: shape (questions, values tried, 4);
        relevance and answerable, log-odds: shape (candidates, 2).
    """
    reader = BundledReader()
    rankers = [CalibratedRanker.load(reader, settled=settled) for settled in TRIED]
    rows: list[list[list[float]]] = []
    late: list[tuple[float, float]] = []
    async with open_filled([one], cache) as (footnote, judge):
        for asked in one.questions:
            lists = await ranked(footnote, asked, rankers)
            rows.append([[*_likeness(lists[0], some), ndcg(judge, asked, some)] for some in lists])
            fused = sorted(lists[0], key=lambda p: -(p.scores.fused or 0.0))
            unsure = rankers[0].promising(fused)[FIRST_READ:_DEPTH]
            said = await rankers[0].read(asked.text, unsure)
            late += [(reading.relevance, reading.answerable) for reading in said]
    await reader.close()
    return np.array(rows), np.array(late)


def _likeness(every: Sequence[Passage], some: Sequence[Passage]) -> tuple[float, float, float]:
    """How many passages were read, and the shares of the best and of the best three in common."""
    read_ = sum(passage.scores.rerank is not None for passage in some)
    return float(read_), _alike(every, some, 1), _alike(every, some, _FEW)


def _alike(one: Sequence[Passage], other: Sequence[Passage], most: int) -> float:
    best = [{(p.document_id, p.start) for p in passages[:most]} for passages in (one, other)]
    return len(best[0] & best[1]) / max(len(best[0]), 1)


if __name__ == "__main__":
    main()
