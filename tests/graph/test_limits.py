"""A question's deadline and budget hold, and what they cost is named step by step."""

from __future__ import annotations

import time

import pytest

from app.core.types import Message, Status
from app.service import Footnote
from tests.graph.chat import Chat, supported
from tests.graph.library import LEAVE, LEAVE_QUESTION, NOTHING_DOES, hear
from tests.support.scripted_openai import Hang, Reply, ScriptedOpenAI

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {
    "answer": NOTHING_DOES,
    "chat": {"input_usd_per_million": 1000.0, "output_usd_per_million": 5000.0},
}
CALL_USD = 0.1 + 0.1  # 100 tokens in, 20 out
BEFORE = [Message(role="user", content="Tell me of leave.")]
QUOTED = f"{LEAVE[:-1]} [#25 days]."


def _willing(server: ScriptedOpenAI) -> Chat:
    return Chat(
        server,
        condense=LEAVE_QUESTION,
        rewrite={"queries": ["paid leave days"]},
        hyde="Leave is granted.",
        decompose={"questions": ["Which days are free?"]},
        generate=f"{QUOTED} Staff have 25 days [#25 days].",
        verify=supported,
    )


async def test_every_call_is_on_the_bill(writer: Footnote, server: ScriptedOpenAI) -> None:
    chat = _willing(server)
    answer = (await hear(writer, "How many days?", history=BEFORE)).answer
    usage = answer.usage
    assert usage.llm_calls == len(chat.prompts) == 6
    assert (usage.input_tokens, usage.output_tokens) == (600, 120)
    assert usage.cost_usd == pytest.approx(6 * CALL_USD)
    assert answer.prompt_versions == dict.fromkeys(sorted(chat.prompts), "1.0.0")
    assert answer.skipped == []


@pytest.mark.parametrize(
    ("calls", "skipped"),
    [
        (0, ["condense: the budget is spent; done by rule", "rewrite: the budget is spent",
             "generate: the budget is spent; quoted instead"]),
        (1, ["rewrite: the budget is spent", "generate: the budget is spent; quoted instead"]),
        (2, ["rewrite: the budget is spent", "generate: the budget is spent; quoted instead"]),
        (3, ["decompose: the budget is spent", "generate: the budget is spent; quoted instead"]),
        (4, ["generate: the budget is spent; quoted instead"]),
        (5, ["verify: the budget is spent"]),
        (6, []),
    ],
)  # fmt: skip
async def test_a_spent_budget_buys_no_further_call_and_each_is_named(
    writer: Footnote, server: ScriptedOpenAI, calls: int, skipped: list[str]
) -> None:
    chat = _willing(server)
    budget = calls * CALL_USD - 0.05 if calls else 0.0
    answer = (await hear(writer, "How many days?", history=BEFORE, max_cost_usd=budget)).answer
    assert len(chat.prompts) == calls
    assert answer.skipped == skipped
    ended = {5: Status.UNVERIFIED, 6: Status.ANSWERED}
    assert answer.status is ended.get(calls, Status.ABSTAINED)


async def test_a_deadline_too_near_skips_every_call_by_name(
    writer: Footnote, server: ScriptedOpenAI
) -> None:
    chat = _willing(server)
    answer = (await hear(writer, "How many days?", history=BEFORE, deadline_ms=1)).answer
    assert chat.prompts == []
    assert answer.skipped == [
        "condense: the deadline is too near; done by rule",
        "rewrite: the deadline is too near",
        "generate: the deadline is too near; quoted instead",
    ]


async def test_a_slow_model_ends_at_the_deadline(writer: Footnote, server: ScriptedOpenAI) -> None:
    Chat(server, condense=Hang(30))
    started = time.monotonic()
    answer = (await hear(writer, "How many days?", history=BEFORE, deadline_ms=700)).answer
    assert 0.6 < time.monotonic() - started < 10
    assert answer.skipped[0] == "condense: the chat model took too long; done by rule"
    assert answer.usage.llm_calls == 1  # it was asked, and may be paid for


async def test_a_deadline_in_the_middle_of_a_reply_keeps_what_was_proved(
    writer: Footnote, server: ScriptedOpenAI
) -> None:
    slow = Reply(f"{QUOTED} " + "Word " * 200, pause_s=0.03)
    Chat(server, rewrite={"queries": ["paid leave"]}, hyde="", decompose={"questions": ["Free?"]},
         generate=slow)  # fmt: skip
    answer = (await hear(writer, LEAVE_QUESTION, deadline_ms=2500)).answer
    assert answer.status is Status.UNVERIFIED
    assert [s.text for s in answer.sentences] == [LEAVE]
    assert answer.skipped[-1] == "generate: the chat model took too long after 1 sentence"
