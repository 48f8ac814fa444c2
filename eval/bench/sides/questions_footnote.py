"""Questions through the service, as a door asks them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

from app.core.exchange import Ask
from app.core.types import Answer, Status
from app.service import Footnote
from eval.judged.index import SCOPE, open_filled
from eval.judged.sets import JudgedSet, read

_WARM_UP = 5
_SHOWN = 6  # steps


def measure(
    *, data: str, cache: str, sets: Sequence[str], answers: int, clients: int, rounds: int
) -> dict[str, Any]:
    """By round: milliseconds of each answer, alone and with all clients at once, answers a
    second, and CPU seconds of an answer; the share that was answered, and the longest steps.

    Args:
        data: Folder of the judged sets.
        cache: Folder of remembered vectors.
        sets: What is in the index; all but the last are asked about.
        answers: Questions of each kind and round.
        clients: Who ask at once.
        rounds: Repetitions, with other questions.
    """
    return asyncio.run(_measure(Path(data), Path(cache), sets, answers, clients, rounds))


async def _measure(
    data: Path, cache: Path, sets: Sequence[str], answers: int, clients: int, rounds: int
) -> dict[str, Any]:
    filled = [read(data, name) for name in sets]
    questions = _mixed(filled[:-1], _WARM_UP + 2 * answers * rounds)
    found: dict[str, Any] = {"alone_ms": [], "busy_ms": [], "a_second": [], "cpu_s": []}
    given: list[Answer] = []
    async with open_filled(filled, cache) as (footnote, _):
        found["chunks"] = (await footnote.store.info()).chunks
        await _client(footnote, islice(questions, _WARM_UP), [])
        for _ in range(rounds):
            found["alone_ms"].append(await _client(footnote, islice(questions, answers), given))
        steps = _steps(given)
        for _ in range(rounds):
            waiting = islice(questions, answers)
            started, worked = time.perf_counter(), time.process_time()
            ms = await asyncio.gather(*(_client(footnote, waiting, given) for _ in range(clients)))
            found["a_second"].append(answers / (time.perf_counter() - started))
            found["cpu_s"].append((time.process_time() - worked) / answers)
            found["busy_ms"].append(list(chain.from_iterable(ms)))
    answered = sum(answer.status is not Status.ABSTAINED for answer in given)
    return found | {"answered": answered / len(given), "steps": steps}


async def _client(footnote: Footnote, questions: Iterator[str], given: list[Answer]) -> list[float]:
    """Ask one question after the other, each in a new conversation, until none is left."""
    ms = []
    for question in questions:
        started = time.perf_counter()
        given.append(await footnote.ask(Ask(question, SCOPE)))
        ms.append((time.perf_counter() - started) * 1e3)
    return ms


def _mixed(sets: Sequence[JudgedSet], count: int) -> Iterator[str]:
    """Questions of all sets in turn, each once. Raises ValueError when there are too few."""
    asked = ([question.text for question in one.sample(count).questions] for one in sets)
    mixed = [text for texts in zip_longest(*asked) for text in texts if text]
    distinct = list(dict.fromkeys(mixed))[:count]
    if len(distinct) < count:
        raise ValueError(f"{count} questions are wanted, there are {len(distinct)}")
    return iter(distinct)


def _steps(given: Sequence[Answer]) -> str:
    total: Counter[str] = Counter()
    for answer in given:
        total.update(answer.timings_ms)
    return ", ".join(f"{name} {ms / len(given):.1f}" for name, ms in total.most_common(_SHOWN))
