"""Ragas, in a process of its own because it patches event loops.

    python -m eval.ragas_scores < job.json > result.json

Both are JSON of `eval.ragas_wire`. A check that fails to run never counts as passed: every
failure, NaN and value outside the metric's range is a verdict without a value.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import sys
from typing import TYPE_CHECKING

from eval.ragas_wire import (
    COSINES,
    OF_CLAIMS,
    Job,
    JudgedMetric,
    PlainMetric,
    Result,
    Sample,
    Verdict,
)

if TYPE_CHECKING:
    from eval.ragas_metrics import Scorer

_ROUNDING = 1e-6


def main() -> None:
    """Read a job from stdin, write its result to stdout."""
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # read when Ragas is first used
    job = Job.model_validate_json(sys.stdin.read())
    with contextlib.redirect_stdout(sys.stderr):  # libraries print; stdout is the result's
        result = asyncio.run(score(job))
    sys.stdout.write(result.model_dump_json())


async def score(job: Job) -> Result:
    """Every metric of the job over every sample that it applies to."""
    from eval.ragas_metrics import VERSION, Workshop

    workshop = Workshop(job)
    limit = asyncio.Semaphore(job.judge.concurrency if job.judge else 1)
    scores: dict[str, dict[str, Verdict]] = {}
    skipped: dict[str, str] = {}
    names: list[PlainMetric | JudgedMetric] = [*job.plain, *job.judged]
    for name in names:
        try:
            scorer = workshop.scorer(name)
        except ImportError as error:
            skipped[name] = f"the package {error.name} is missing"
            continue
        samples = [s for s in job.samples if s.given or name not in OF_CLAIMS]
        lowest = -1.0 if name in COSINES else 0.0
        verdicts = await asyncio.gather(*(_verdict(scorer, s, lowest, limit) for s in samples))
        scores[name] = {s.id: v for s, v in zip(samples, verdicts, strict=True)}
    return Result(ragas=VERSION, embedding=workshop.embedding_name, scores=scores, skipped=skipped)


async def _verdict(
    scorer: Scorer, sample: Sample, lowest: float, limit: asyncio.Semaphore
) -> Verdict:
    async with limit:
        try:
            value = await scorer(sample)
        except Exception as error:  # noqa: BLE001 - whatever broke, there is no value
            return Verdict(value=None, why=_kind(error))
    if math.isnan(value):
        return Verdict(value=None, why="Ragas gave NaN")
    # Ragas adds up what the judge says: a 2 where 0 or 1 was asked for would count double.
    if not lowest - _ROUNDING <= value <= 1 + _ROUNDING:
        return Verdict(value=None, why=f"Ragas gave {value:g}, which is out of range")
    return Verdict(value=min(max(value, lowest), 1.0))


def _kind(error: BaseException) -> str:
    """The error's kind, without its text: that may repeat documents, or a key."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    names = dict.fromkeys([type(error).__name__, type(root).__name__])
    status = getattr(root, "status_code", None)
    return " from ".join(names) + (f", HTTP {status}" if status else "")


if __name__ == "__main__":
    main()
