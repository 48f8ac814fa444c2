"""An OpenAI client asks and gets the whole answer at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from app.core.types import Message
from tests.api.chatting import CHAT, body
from tests.api.scripted import ANSWER, Scripted, Wait

USER = {"role": "user", "content": "How many days?"}


async def test_the_official_client_reads_answer_usage_and_extras(client: AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(
        model="footnote", messages=[{"role": "user", "content": "How many days?"}]
    )
    assert reply.id.startswith("chatcmpl-")
    assert reply.object == "chat.completion"
    assert reply.choices[0].message.content == ANSWER.answer
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (120, 30)
    assert reply.usage.total_tokens == 150
    assert reply.model_extra is not None
    assert reply.model_extra["footnote"] == ANSWER.model_dump(mode="json")


async def test_the_blocking_official_client_works_too(http: httpx.AsyncClient) -> None:
    def ask() -> str | None:
        with openai.OpenAI(base_url=f"{http.base_url}/v1", api_key="none") as client:
            reply = client.chat.completions.create(
                model="footnote", messages=[{"role": "user", "content": "How many days?"}]
            )
            return reply.choices[0].message.content

    assert await asyncio.to_thread(ask) == ANSWER.answer


async def test_terms_of_the_question_reach_the_service(
    client: AsyncOpenAI, scripted: Scripted
) -> None:
    await client.chat.completions.create(
        model="footnote",
        messages=[{"role": "user", "content": "How many days?"}],
        extra_body={
            "footnote": {
                "conversation_id": "c-1",
                "filters": {"team": ["hr", "legal"]},
                "deadline_ms": 900,
                "max_cost_usd": 0.5,
                "trace": True,
            }
        },
    )
    [ask] = scripted.asked
    assert ask.question == "How many days?"
    assert ask.scope.tenant == "default"
    assert ask.scope.filters == {"team": ["hr", "legal"]}
    assert (ask.conversation_id, ask.deadline_ms) == ("c-1", 900)
    assert (ask.max_cost_usd, ask.trace) == (0.5, True)
    assert ask.history is None, "the server keeps this conversation's messages"


async def test_the_clients_earlier_messages_are_the_history(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Who gets "}] * 2},
        {"role": "assistant", "content": "Everyone."},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "developer", "content": "Be kind."},
        USER,
    ]
    response = await http.post(CHAT, json={"model": "footnote", "messages": messages})
    assert response.status_code == 200
    assert scripted.asked[0].history == [
        Message(role="user", content="Who gets Who gets "),
        Message(role="assistant", content="Everyone."),
    ]


async def test_settings_of_other_models_do_no_harm(http: httpx.AsyncClient) -> None:
    harmless: dict[str, Any] = {
        "temperature": 0.2,
        "max_tokens": 5,
        "n": 1,
        "user": "u",
        "tools": [],
        "tool_choice": "auto",
        "response_format": {"type": "text"},
        "stream": None,
        "stream_options": None,
        "seed": 1,
        "footnote": None,
    }
    assert (await http.post(CHAT, json=body(**harmless))).status_code == 200


@pytest.mark.parametrize(
    ("request_body", "param"),
    [
        ({"model": "footnote", "messages": []}, "messages"),
        ({"model": "footnote"}, "messages"),
        ({"messages": [USER]}, "model"),
        ({"model": "footnote", "messages": [{**USER, "role": "pirate"}]}, "messages.0.role"),
        (body(n=2), "n"),
        (body(tool_choice="required"), "tool_choice"),
        (body(response_format={"type": "json_object"}), "response_format.type"),
        (body(footnote={"dead_line": 5}), "footnote.dead_line"),
        (body(footnote={"deadline_ms": 0}), "footnote.deadline_ms"),
        ([], None),
    ],
)
async def test_a_request_that_cannot_be_kept_is_refused_by_name(
    http: httpx.AsyncClient, request_body: object, param: str | None
) -> None:
    response = await http.post(CHAT, json=request_body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert error["message"]


@pytest.mark.parametrize(
    "messages",
    [
        [USER, {"role": "assistant", "content": "Hello."}],
        [{"role": "user", "content": "  \n"}],
        [{"role": "user", "content": []}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
        [{"role": "user", "content": "\ud800"}],
        [{"role": "user", "content": "a\0b"}],
    ],
    ids=["not the user's", "blank", "no parts", "image", "broken unicode", "NUL"],
)
async def test_a_last_message_that_is_no_question_is_refused(
    http: httpx.AsyncClient, scripted: Scripted, messages: list[object]
) -> None:
    content = json.dumps({"model": "footnote", "messages": messages})
    response = await http.post(CHAT, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["message"]
    assert scripted.asked == []


async def test_broken_json_is_a_400_in_openai_shape(http: httpx.AsyncClient) -> None:
    response = await http.post(
        CHAT, content=b'{"model": ', headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "The body is not JSON."


async def test_a_body_without_its_content_type_says_what_to_send(http: httpx.AsyncClient) -> None:
    response = await http.post(CHAT, content=b'{"model": "footnote"}')
    assert response.status_code == 400
    assert "Content-Type: application/json" in response.json()["error"]["message"]


async def test_an_unknown_model_is_named_as_openai_names_it(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await client.chat.completions.create(
            model="gpt-9", messages=[{"role": "user", "content": "Hi?"}]
        )
    assert caught.value.code == "model_not_found"


async def test_models_lists_what_may_be_named(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["footnote"]
    assert (await client.models.retrieve("footnote")).id == "footnote"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("org/other")


async def test_a_client_that_leaves_stops_the_work(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    scripted.script = [Wait()]
    with pytest.raises(httpx.ReadTimeout):
        await http.post(CHAT, json=body(), timeout=0.3)
    async with asyncio.timeout(5):
        await scripted.cancelled.wait()
