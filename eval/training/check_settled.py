"""What it costs to stop reading once the best are settled, and what that saves.

    python -m eval.training.check_settled DATA_FOLDER CACHE_FOLDER [QUESTIONS]

Prints, for several values of `reranking.settled` over the same candidates of the judged sets, how
many passages are read, how often the best one and the best three are those of reading all, and
what the ranking loses by it: nDCG@10, in points.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters.ranker import CalibratedRanker
from app.adapters.reader import BundledReader
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
Floats = NDArray[np.float64]


def main() -> None:
    """Measure set by set, then what each value gives on average."""
    data, cache = map(Path, sys.argv[1:3])
    most = int(sys.argv[3]) if sys.argv[3:] else QUESTIONS
    sets = [read(data, name).sample(most) for name in JUDGED]
    found = [asyncio.run(_measure(one, cache)) for one in sets]
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


async def _measure(one: JudgedSet, cache: Path) -> Floats:
    """Shape (questions, values tried, 4): passages read, best alike, best three, nDCG@10."""
    reader = BundledReader()
    rankers = [CalibratedRanker.load(reader, settled=settled) for settled in TRIED]
    rows = []
    async with open_filled([one], cache) as (footnote, judge):
        for asked in one.questions:
            lists = await ranked(footnote, asked, rankers)
            rows.append([[*_likeness(lists[0], some), ndcg(judge, asked, some)] for some in lists])
    await reader.close()
    return np.array(rows)


def _likeness(every: Sequence[Passage], some: Sequence[Passage]) -> tuple[float, float, float]:
    """How many passages were read, and the shares of the best and of the best three in common."""
    read_ = sum(passage.scores.rerank is not None for passage in some)
    return float(read_), _alike(every, some, 1), _alike(every, some, _FEW)


def _alike(one: Sequence[Passage], other: Sequence[Passage], most: int) -> float:
    best = [{(p.document_id, p.start) for p in passages[:most]} for passages in (one, other)]
    return len(best[0] & best[1]) / max(len(best[0]), 1)


if __name__ == "__main__":
    main()
