"""What int8 costs: the final ranking by the reader as it comes along and by the same in fp32.

    python -m eval.training.check_reader CHECKPOINT DATA_FOLDER CACHE_FOLDER [QUESTIONS]

Prints nDCG@10 of both on the judged sets, in points, over the same candidates.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.adapters.own_models import OwnReader
from app.adapters.ranker import CalibratedRanker
from app.adapters.reader import BundledReader
from app.core.settings import RerankingSettings
from app.core.types import Passage
from app.service import Footnote
from eval.judged.index import SCOPE, open_filled
from eval.judged.measures import Judge, Place, interval
from eval.judged.sets import JudgedSet, Question, read
from eval.training.candidates import DEPTH, JUDGED
from eval.training.export_reader import exact, read_checkpoint
from graphs.context import Query
from graphs.nodes.retrieve import search
from graphs.skills.ranking import rank

QUESTIONS = 40


def main() -> None:
    """Measure set by set, then the mean difference."""
    checkpoint, data, cache = map(Path, sys.argv[1:4])
    most = int(sys.argv[4]) if sys.argv[4:] else QUESTIONS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "fp32.onnx")
        file.write_bytes(exact(read_checkpoint(checkpoint)))
        differences = []
        for name in JUDGED:
            points = asyncio.run(_points(read(data, name).sample(most), cache, file))
            differences.append(points[0] - points[1])
            sys.stdout.write(f"{name}: int8 {points[0].mean():.2f}, fp32 {points[1].mean():.2f}\n")
            sys.stdout.flush()
    found = interval(differences, list(JUDGED))
    sys.stdout.write(f"int8 over fp32: {found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]\n")


async def _points(one: JudgedSet, cache: Path, fp32: Path) -> np.ndarray:
    """nDCG@10 times 100, shape (2, questions)."""
    readers = BundledReader(), BundledReader(OwnReader(fp32, "fp32"))
    rankers = [CalibratedRanker.load(reader) for reader in readers]
    async with open_filled([one], cache) as (footnote, judge):
        rows = [
            [ndcg(judge, asked, passages) for passages in await ranked(footnote, asked, rankers)]
            for asked in one.questions
        ]
    for reader in readers:
        await reader.close()
    return 100 * np.array(rows).T


async def ranked(
    footnote: Footnote, asked: Question, rankers: Sequence[CalibratedRanker]
) -> list[list[Passage]]:
    """The same candidates in the order of each ranker."""
    text, settings = asked.text, RerankingSettings()
    found = await search(Query(text, text), footnote.base, SCOPE, most=DEPTH)
    return [await rank(text, found, reranker=one, settings=settings) for one in rankers]


def ndcg(judge: Judge, asked: Question, passages: Sequence[Passage]) -> float:
    """nDCG@10 of passages, best first."""
    return judge.ndcg(asked, [Place(p.source, p.start, p.end) for p in passages])


if __name__ == "__main__":
    main()
