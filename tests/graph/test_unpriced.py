"""A budget that cannot be watched, and models that do not say what they used."""

from __future__ import annotations

import pytest

from app.core.types import Status
from app.service import Footnote
from tests.graph.chat import Chat, supported
from tests.graph.library import LEAVE, LEAVE_QUESTION, hear
from tests.support.scripted_openai import ScriptedOpenAI

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_without_prices_the_cost_is_unknown_not_zero(
    writer: Footnote, server: ScriptedOpenAI
) -> None:
    Chat(server, generate=f"{LEAVE} [#25 days]")
    answer = (await hear(writer, LEAVE_QUESTION)).answer
    assert answer.usage.cost_usd is None and answer.usage.input_tokens == 100


async def test_without_prices_a_budget_stops_at_the_first_call_it_cannot_count(
    writer: Footnote, server: ScriptedOpenAI
) -> None:
    chat = Chat(server, generate="Staff have 25 days [#25 days].", verify=supported)
    answer = (await hear(writer, LEAVE_QUESTION, max_cost_usd=1.0)).answer
    assert answer.status is Status.UNVERIFIED
    assert answer.skipped == ["verify: a budget is set, but the model's prices are not"]
    assert chat.prompts == ["generate"]
