"""Runs `eval.ragas_scores` and brings its verdicts back among our own measures."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from app.core.settings import Settings
from eval.metrics.answers import without_marks
from eval.metrics.score import Asked, Measure, Score
from eval.ragas_wire import Job, JudgedMetric, JudgeModel, PlainMetric, Result, Sample
from eval.suite import Ragas

PREFIX = "ragas."
_ROOT = Path(__file__).parent.parent


@dataclass(slots=True)
class RagasScores:
    """What Ragas said.

    Args:
        measures: Id of the question → metric → measure.
        absent: Metrics without any value, and why.
        notes: What a reader has to know.
        versions: Ragas' version, and the models it used.
    """

    measures: dict[str, dict[str, Measure]] = field(default_factory=dict)
    absent: dict[str, Score] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)


async def ragas_scores(wanted: Ragas, asked: Sequence[Asked], settings: Settings) -> RagasScores:
    """Ragas' scores of answerable questions. Never raises for what Ragas does: a metric
    without a value does not hold its gate."""
    found = RagasScores()
    samples = [sample(a) for a in asked if a.question.answerable and a.answer]
    judged = list(wanted.judge.metrics) if wanted.judge else []
    if judged and not settings.has_chat_model:
        _give_up(found, judged, len(samples), "no judge model is configured (OPENAI_API_KEY)")
        judged = []
    plain = list(wanted.metrics)
    if not samples or not (plain or judged):
        return found
    job = Job(plain=plain, judged=judged, judge=_judge(wanted), samples=samples)
    try:
        result = await _run(job, settings, wanted.timeout_s)
    except _ProcessFailed as error:
        _give_up(found, [*plain, *judged], len(samples), f"Ragas failed: {error}")
        return found
    _take(found, result)
    for name, why in result.skipped.items():
        _give_up(found, [name], len(samples), why)
    found.versions = {"ragas": result.ragas, "ragas embedding": result.embedding}
    if judged and wanted.judge:
        found.versions["judge"] = wanted.judge.model
    return found


def sample(asked: Asked) -> Sample:
    """A question as Ragas sees it."""
    contexts = [passage.text for passage in asked.passages]
    citations = asked.given.citations if asked.given else []
    return Sample(
        id=asked.question.id,
        question=asked.question.question,
        response=without_marks(asked.answer.answer) if asked.answer else "",
        given=asked.given is not None,
        reference=asked.question.answer,
        expected=asked.question.expected,
        contexts=contexts,
        quotes=[c.quote for c in citations if not any(c.quote in text for text in contexts)],
    )


class _ProcessFailed(Exception):
    pass


async def _run(job: Job, settings: Settings, timeout_s: float) -> Result:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # a folder `eval` in the working directory is not ours
        "-m",
        "eval.ragas_scores",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(settings),
    )
    try:
        async with asyncio.timeout(timeout_s):
            output, errors = await process.communicate(job.model_dump_json().encode())
    except TimeoutError as error:
        raise _ProcessFailed(f"it took longer than {timeout_s:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = errors.decode(errors="replace").strip().splitlines() or ["no message"]
        raise _ProcessFailed(f"exit status {process.returncode}, {_public(lines[-1], settings)}")
    try:
        return Result.model_validate_json(output)
    except ValidationError as error:
        raise _ProcessFailed("its output cannot be read") from error


def _environment(settings: Settings) -> dict[str, str]:
    """Ours, with the judge's address and key as the settings have them."""
    hidden = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment |= {"PYTHONPATH": os.pathsep.join(paths), "RAGAS_DO_NOT_TRACK": "true"}
    if settings.openai_api_key:
        environment["OPENAI_API_KEY"] = settings.openai_api_key.get_secret_value()
    if settings.openai_base_url:
        environment["OPENAI_BASE_URL"] = settings.openai_base_url
    return environment


def _public(line: str, settings: Settings) -> str:
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    return (line.replace(key, "**********") if key else line)[:300]


def _judge(wanted: Ragas) -> JudgeModel | None:
    judge = wanted.judge
    if judge is None:
        return None
    return JudgeModel(
        model=judge.model,
        max_output_tokens=judge.max_output_tokens,
        concurrency=judge.concurrency,
        timeout_s=judge.timeout_s,
    )


def _give_up(
    found: RagasScores,
    names: Iterable[PlainMetric | JudgedMetric | str],
    count: int,
    why: str,
) -> None:
    names = list(names)
    for name in names:
        found.absent[PREFIX + name] = Score(value=None, count=count, undetermined=count, note=why)
    found.notes.append(f"not measured: {', '.join(names)}: {why}")


def _take(found: RagasScores, result: Result) -> None:
    for name, verdicts in result.scores.items():
        reasons: dict[str, int] = {}
        for identifier, verdict in verdicts.items():
            measures = found.measures.setdefault(identifier, {})
            measures[PREFIX + name] = Measure(verdict.value)
            if verdict.value is None:
                reasons[verdict.why] = reasons.get(verdict.why, 0) + 1
        found.notes += [f"undetermined: {name}: {_times(n)} {why}" for why, n in reasons.items()]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
