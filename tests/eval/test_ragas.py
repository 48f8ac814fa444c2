"""Ragas' own code, in its own process, over real HTTP against a judge by script."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import load_settings
from app.core.types import Passage
from eval.gates import judge
from eval.metrics.score import Asked, aggregate
from eval.ragas_process import RagasScores, ragas_scores, sample
from eval.ragas_wire import JudgedMetric, PlainMetric
from eval.suite import Bound, Judge, Ragas
from tests.eval.samples import abstention, answer, citation, passage, question
from tests.support.scripted_openai import Behaviour, Malformed, Received, Reply, ScriptedOpenAI
from tests.support.scripted_openai import Status as HttpStatus

KEY = "sk-very-secret"
ALL = Ragas(
    metrics=[PlainMetric.STRING_PRESENCE, PlainMetric.STRING_SIMILARITY,
             PlainMetric.SEMANTIC_SIMILARITY, PlainMetric.EXACT_MATCH, PlainMetric.BLEU],
    judge=Judge(model="judge-2026-01-01", metrics=list(JudgedMetric)),
)  # fmt: skip


def case(identifier: str, said: str = "Leave is 25 days a year. [1]", **parts: Any) -> Asked:
    """A question whose id travels in its text, so that the judge can tell it by."""
    passages: Sequence[Passage] = [
        passage("leave.md", text=f"{identifier}: Leave is 25 days a year."),
        passage("travel.md", text=f"{identifier}: Trains are booked early."),
    ]
    made = answer(f"{identifier}: {said}", citations=[citation(1)], sentences=[[1]])
    return Asked(question(identifier, **parts), made, passages)


def judging(received: Received) -> Behaviour | None:
    """Says what each of Ragas' prompts asks for; the case decides how well."""
    first = received.body["messages"][1]["content"]  # further ones complain of a bad reply
    asked_for = first.split("Now perform the same")[-1]
    if "bad-json" in asked_for:
        return Malformed()
    if "no-key" in asked_for:
        return HttpStatus(401)
    return Reply(_verdict(received.system, asked_for))


def _verdict(schema: str, asked_for: str) -> dict[str, Any]:
    if "StatementGeneratorOutput" in schema:
        empty = "no-claims" in asked_for
        return {"statements": [] if empty else ["Leave is 25 days.", "Leave is paid."]}
    if "NLIStatementOutput" in schema:
        pairs = [("Leave is 25 days.", 1), ("Leave is paid.", 0)]
        return {"statements": [{"statement": s, "reason": "-", "verdict": v} for s, v in pairs]}
    if "AnswerRelevanceOutput" in schema:
        return {"question": "What about good?", "noncommittal": 0}
    if "ContextPrecisionOutput" in schema:
        useful = 2 if "no-claims" in asked_for else int("Leave" in asked_for.split('"answer"')[0])
        return {"reason": "-", "verdict": useful}
    assert "ContextRecallOutput" in schema
    found = [{"statement": "s", "reason": "-", "attributed": a} for a in (1, 1, 0, 1)]
    return {"classifications": found}


def scored(cases: Sequence[Asked], wanted: Ragas, **environment: str) -> RagasScores:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return asyncio.run(ragas_scores(wanted, cases, load_settings()))


@pytest.fixture(scope="module")
def server() -> Any:
    with ScriptedOpenAI() as running:
        running.always(judging)
        yield running


@pytest.fixture(scope="module")
def found(server: ScriptedOpenAI) -> RagasScores:
    """One process for all cases: starting it takes seconds."""
    cases = [
        case("good"),
        case("bad-json"),
        case("no-key"),
        case("no-claims", said="Leave is 24 days."),
        Asked(question("refused"), abstention(), case("refused").passages),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        return asyncio.run(ragas_scores(ALL, cases, load_settings()))


def value(found: RagasScores, identifier: str, metric: str) -> float | None:
    return found.measures[identifier][f"ragas.{metric}"].value


def test_ragas_imports_with_our_pins() -> None:
    code = "import ragas.metrics.collections, ragas.llms; print(ragas.__version__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "0.4.3"), done.stderr[-500:]


def test_judged_metrics_of_a_good_answer(found: RagasScores) -> None:
    assert value(found, "good", "faithfulness") == 0.5
    assert value(found, "good", "answer_relevancy") == pytest.approx(1, abs=1e-3)
    assert value(found, "good", "context_precision") == pytest.approx(1)
    assert value(found, "good", "context_recall") == 0.75


def test_metrics_without_a_judge(found: RagasScores) -> None:
    assert value(found, "good", "string_presence") == 1
    assert value(found, "no-claims", "string_presence") == 0
    assert value(found, "good", "exact_match") == 0
    similar = value(found, "good", "non_llm_string_similarity")
    assert similar == pytest.approx(24 / 30)  # 6 characters put before 24
    assert 0.8 < (value(found, "good", "semantic_similarity") or 0) <= 1


@pytest.mark.parametrize(
    ("case_id", "metric"),
    [
        ("bad-json", "faithfulness"),  # a reply that is no JSON, four times
        ("bad-json", "context_recall"),
        ("no-key", "context_precision"),  # HTTP 401
        ("no-claims", "faithfulness"),  # no statements: NaN
        ("no-claims", "context_precision"),  # a verdict of 2 where 0 or 1 was asked for
    ],
)
def test_what_the_judge_cannot_say_is_undetermined(
    found: RagasScores, case_id: str, metric: str
) -> None:
    assert value(found, case_id, metric) is None
    score = aggregate(found.measures.values())[f"ragas.{metric}"]
    assert score.undetermined
    assert not judge("m", Bound(min=0, max_undetermined=0.1), score).held


def test_reasons_are_told_and_the_key_is_not(found: RagasScores, server: ScriptedOpenAI) -> None:
    notes = "\n".join(found.notes)
    assert "HTTP 401" in notes
    assert "NaN" in notes
    assert "out of range" in notes
    assert KEY not in notes
    assert {r.headers["authorization"] for r in server.requests} == {f"Bearer {KEY}"}


def test_an_abstention_claims_nothing(found: RagasScores) -> None:
    assert "ragas.faithfulness" not in found.measures["refused"]
    assert value(found, "refused", "context_recall") == 0.75
    assert value(found, "refused", "string_presence") == 0


def test_the_judge_is_the_pinned_one(found: RagasScores, server: ScriptedOpenAI) -> None:
    assert {r.body["model"] for r in server.requests} == {"judge-2026-01-01"}
    assert {r.body["max_tokens"] for r in server.requests} == {4096}
    assert found.versions["judge"] == "judge-2026-01-01"
    assert found.versions["ragas"] == "0.4.3"


def test_a_metric_whose_package_is_missing_is_named(found: RagasScores) -> None:
    score = found.absent["ragas.bleu_score"]
    assert score.value is None
    assert score.note == "the package sacrebleu is missing"


def test_without_a_key_judged_metrics_have_no_value_and_no_gate_holds() -> None:
    wanted = Ragas(judge=Judge(model="judge", metrics=[JudgedMetric.FAITHFULNESS]))
    absent = scored([case("good")], wanted).absent
    score = absent["ragas.faithfulness"]
    assert (score.value, score.count, score.undetermined) == (None, 1, 1)
    assert judge("m", Bound(min=0), score).why.startswith("no judge model is configured")


def broken_ragas(folder: Path) -> Mapping[str, str]:
    (folder / "ragas").mkdir()
    text = f"raise ImportError('no ragas today, {KEY}')"
    (folder / "ragas" / "__init__.py").write_text(text, "utf-8")
    return {"PYTHONPATH": str(folder), "OPENAI_API_KEY": KEY}


def test_a_ragas_that_does_not_import_fails_its_gates(tmp_path: Path) -> None:
    wanted = Ragas(metrics=[PlainMetric.EXACT_MATCH])
    absent = scored([case("good")], wanted, **broken_ragas(tmp_path)).absent
    gate = judge("ragas.exact_match", Bound(min=0), absent["ragas.exact_match"])
    assert not gate.held
    assert "no ragas today" in gate.why
    assert KEY not in gate.why


def test_a_ragas_that_hangs_is_stopped() -> None:
    wanted = Ragas(metrics=[PlainMetric.EXACT_MATCH], timeout_s=0.05)
    absent = scored([case("good")], wanted).absent
    assert "took longer than 0.05 s" in absent["ragas.exact_match"].note


def test_quotes_from_elsewhere_are_context_too() -> None:
    made = answer(citations=[citation(1, "25 days"), citation(2, "found later")])
    seen = sample(Asked(question(), made, [passage("leave.md", text="Leave is 25 days.")]))
    assert (seen.contexts, seen.quotes) == (["Leave is 25 days."], ["found later"])
    assert seen.response == "Leave is 25 days."
    assert json.loads(seen.model_dump_json())["given"] is True
