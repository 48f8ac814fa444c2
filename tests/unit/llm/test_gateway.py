"""Every model call is checked against deadline and budget first, and put on the bill."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel

from app.core.errors import ConfigError, PermanentError, TransientError
from app.core.run import Run
from app.core.types import Completion, Usage
from app.llm.gateway import PromptGateway
from prompts import PromptRegistry

CALL = Usage(llm_calls=0, input_tokens=10, output_tokens=5, cost_usd=0.25)
PROMPTS = PromptRegistry.load()


class Reply(BaseModel):
    queries: list[str]


@dataclass
class FakeModel:
    pieces: Sequence[str] = ("one ", "two")
    pause_s: float = 0.0
    usage: Usage = CALL
    asked: list[tuple[Sequence[Mapping[str, str]], bool]] = field(default_factory=list)
    closed: int = 0
    name: str = "fake"

    async def complete(self, messages: Sequence[Mapping[str, str]], *, json: bool) -> Completion:
        self.asked.append((messages, json))
        await asyncio.sleep(self.pause_s)
        return Completion("".join(self.pieces), self.usage)

    async def stream(
        self, messages: Sequence[Mapping[str, str]]
    ) -> AsyncGenerator[Completion, None]:
        self.asked.append((messages, False))
        try:
            for piece in self.pieces:
                await asyncio.sleep(self.pause_s)
                yield Completion(piece)
            yield Completion("", self.usage)
        finally:
            self.closed += 1

    async def close(self) -> None:
        self.closed += 1


def _gateway(model: FakeModel, timeout_s: float = 5.0) -> PromptGateway:
    return PromptGateway(model, PROMPTS, timeout_s=timeout_s)


def _run(deadline_ms: int = 60_000, max_cost_usd: float | None = None) -> Run:
    return Run(deadline_ms=deadline_ms, max_cost_usd=max_cost_usd)


async def test_a_reply_is_stripped_billed_and_its_prompts_version_noted() -> None:
    model, run = FakeModel(("  Leave is granted.\n",)), _run()
    assert (
        await _gateway(model).text("hyde", run, question="How much leave?") == "Leave is granted."
    )
    assert run.usage == Usage(llm_calls=1, input_tokens=10, output_tokens=5, cost_usd=0.25)
    assert run.prompt_versions == {"hyde": PROMPTS.active["hyde"]}
    [(messages, asks_json)] = model.asked
    assert [m["role"] for m in messages] == ["system", "user"] and not asks_json
    assert "How much leave?" in messages[1]["content"]


@pytest.mark.parametrize(
    "wrapped",
    [
        "{}",
        " \n{}\n ",
        "```json\n{}\n```",
        "```\n{}\n```",
        "```json {} ```",
        "Here is the JSON you asked for:\n\n{}\n\nI hope it helps.",
    ],
)
async def test_json_in_a_fence_or_a_preface_is_understood(wrapped: str) -> None:
    reply = json.dumps({"queries": ["a {b} ```c```"], "note": {}})
    model = FakeModel((wrapped.replace("{}", reply),))
    found = await _gateway(model).structured("rewrite", Reply, _run(), question="?", tried=[])
    assert found.queries == ["a {b} ```c```"]
    assert model.asked[0][1] is True


@pytest.mark.parametrize(
    "reply", ["", "no", '{"queries": ["half', "[]", "{}", '{"queries": "one"}', "null", "}{"]
)
async def test_anything_else_is_an_error_that_is_still_billed(reply: str) -> None:
    run = _run()
    with pytest.raises(PermanentError, match="not the JSON asked for"):
        await _gateway(FakeModel((reply,))).structured(
            "rewrite", Reply, run, question="?", tried=[]
        )
    assert run.usage.llm_calls == 1 and run.usage.cost_usd == 0.25


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"deadline_ms": 60_000, "max_cost_usd": 0.0}, "the budget is spent"),
        ({"deadline_ms": 1, "started": 0.0}, "the deadline is too near"),
    ],
)
async def test_what_no_longer_fits_is_refused_before_it_costs(
    terms: dict[str, Any], why: str
) -> None:
    model, run = FakeModel(), Run(**terms)
    gateway = _gateway(model)
    for call in (
        gateway.text("hyde", run, question="?"),
        gateway.structured("rewrite", Reply, run, question="?", tried=[]),
        anext(gateway.stream("generate", run, question="?", passages=[], feedback="")),
    ):
        with pytest.raises(TransientError, match=why):
            await call
    assert model.asked == [] and run.usage.llm_calls == 0 and run.prompt_versions == {}


async def test_the_call_that_exceeds_the_budget_is_the_last() -> None:
    gateway, run = _gateway(FakeModel()), _run(max_cost_usd=0.2)
    await gateway.text("hyde", run, question="?")
    with pytest.raises(TransientError, match="the budget is spent"):
        await gateway.text("hyde", run, question="?")


async def test_unknown_prices_cannot_be_held_against_a_budget() -> None:
    free = CALL.model_copy(update={"cost_usd": None})
    gateway, run = _gateway(FakeModel(usage=free)), _run(max_cost_usd=9.0)
    await gateway.text("hyde", run, question="?")
    with pytest.raises(TransientError, match="the model's prices are not"):
        await gateway.text("hyde", run, question="?")
    assert run.usage.cost_usd is None and run.usage.input_tokens == 10


@pytest.mark.parametrize(("deadline_ms", "timeout_s"), [(150, 5.0), (60_000, 0.15)])
async def test_a_slow_model_is_left_at_the_deadline_or_the_timeout(
    deadline_ms: int, timeout_s: float
) -> None:
    model = FakeModel(pause_s=5.0)
    gateway, started = _gateway(model, timeout_s), time.monotonic()
    with pytest.raises(TransientError, match="took too long"):
        await gateway.text("hyde", _run(deadline_ms), question="?")
    with pytest.raises(TransientError, match=r"took too long|deadline"):
        stream = gateway.stream("generate", _run(150), question="?", passages=[], feedback="")
        await anext(stream)
    assert time.monotonic() - started < 4


async def test_a_stream_may_take_longer_than_the_timeout_if_it_keeps_coming() -> None:
    model = FakeModel(tuple("abcdef"), pause_s=0.06)
    run = _run()
    stream = _gateway(model, 0.2).stream("generate", run, question="?", passages=[], feedback="")
    assert "".join([piece.text async for piece in stream]) == "abcdef"
    assert run.usage == Usage(llm_calls=1, input_tokens=10, output_tokens=5, cost_usd=0.25)


async def test_leaving_a_stream_closes_the_models() -> None:
    model = FakeModel()
    stream = _gateway(model).stream("generate", _run(), question="?", passages=[], feedback="")
    await anext(stream)
    await stream.aclose()
    assert model.closed == 1


async def test_a_variable_forgotten_by_us_is_found_before_the_model_is_asked() -> None:
    model, run = FakeModel(), _run()
    with pytest.raises(ConfigError):
        await _gateway(model).text("hyde", run)
    assert model.asked == [] and run.usage.llm_calls == 0


async def test_closing_the_gateway_closes_the_model() -> None:
    model = FakeModel()
    await _gateway(model).close()
    assert model.closed == 1
