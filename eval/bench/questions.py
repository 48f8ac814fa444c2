"""Whole questions: how long an answer takes alone, and how many a second with many clients."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from eval.bench.child import measure, say
from eval.bench.result import Bar, Outcome, Row
from eval.bench.sizes import Judged

_CLIENTS = 16
_ROUNDS = 2
_P50_MS, _A_SECOND = 250.0, 6.0
_PUBLISHED = 3.5
_SETS = ("docs_rag", "clapnq", "xquad", "squad2", "cranfield")
"""Some 4,700 chunks on many subjects, and questions as people ask them of all but the last."""


def run(judged: Judged) -> Outcome:
    """Ask a service in one process, first alone, then with all clients at once."""
    missing = [name for name in _SETS if not (judged.data / name).is_dir()]
    if missing:
        sets = ", ".join(missing)
        return Outcome(
            "questions", notes=[f"no {sets} in {judged.data}: name their folder with --data"]
        )
    say(f"questions: {judged.answers} alone, {judged.answers} by {_CLIENTS} clients")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(
            "questions_footnote",
            data=str(judged.data.absolute()),
            cache=str((judged.cache or Path(folder)).absolute()),
            sets=_SETS,
            answers=judged.answers,
            clients=_CLIENTS,
            rounds=_ROUNDS,
        )
    alone = min(float(np.median(ms)) for ms in found["alone_ms"])
    rate = max(found["a_second"])
    busy = min(float(np.percentile(ms, 95)) for ms in found["busy_ms"])
    return Outcome(
        "questions",
        ours=f"Footnote: `ask` without a chat model, {found['chunks']:,} chunks, one process",
        other=f"a published figure for hybrid search with ms-marco-MiniLM-L6 over 30: {_PUBLISHED} "
        "questions a second",
        rows=[
            Row("answer alone, p50", "ms", alone),
            Row(f"answers, {_CLIENTS} clients", "per s", rate, _PUBLISHED, more_is_better=True),
            Row("CPU time of an answer", "ms", 1e3 * min(found["cpu_s"])),
            Row(f"an answer's time, {_CLIENTS} clients, p95", "ms", busy),
        ],
        bars=[
            Bar("questions, alone, p50 ms", alone, _P50_MS),
            Bar(f"questions a second, {_CLIENTS} clients", rate, _A_SECOND, at_least=True),
        ],
        notes=[
            f"{judged.answers} questions of {', '.join(_SETS[:-1])} a round, no question twice; "
            f"the best of {_ROUNDS} rounds; {found['answered']:.0%} were answered, the others "
            "refused for want of evidence",
            f"steps by mean ms alone: {found['steps']}",
        ],
    )
