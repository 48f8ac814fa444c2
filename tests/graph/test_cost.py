"""What a conversation leaves on disk. How long it takes is for `make bench` to say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.adapters.memory import SqliteMemory
from app.core.exchange import Ask, Step
from app.core.types import Message, Scope
from app.service import Footnote
from eval.bench.material.doubles import still_footnote
from eval.bench.material.sqlite_size import file_bytes, stored_bytes

QUESTION = "I still had five days of holiday left at the end of last year: how long may I use them?"
SENTENCES = 6  # of an answer, some 75 characters each
MOST_BYTES_A_TURN = 4096
_SENDS = "__pregel_tasks"  # LangGraph's list of searches to start, empty after a turn


async def test_a_conversation_grows_by_no_more_than_4_kb_a_turn(tmp_path: Path) -> None:
    file, turns = tmp_path / "conversations.sqlite", 20
    async with SqliteMemory.open(file) as memory:
        footnote = still_footnote(memory, sentences=SENTENCES)
        before = file_bytes(file), stored_bytes(file)
        for n in range(turns):
            await _ask(footnote, f"{n}. {QUESTION}")
        after = file_bytes(file), stored_bytes(file)
    for grown in (after[0] - before[0], after[1] - before[1]):
        assert turns * len(QUESTION) < grown <= turns * MOST_BYTES_A_TURN


async def test_a_checkpoint_holds_the_messages_and_nothing_else(tmp_path: Path) -> None:
    async with SqliteMemory.open(tmp_path / "conversations.sqlite") as memory:
        footnote = still_footnote(memory, sentences=SENTENCES)
        answers = [await _ask(footnote, f"{n}. {QUESTION}") for n in range(2)]
        kept = await _decoded(memory)

    assert len(kept) == 1, "earlier checkpoints are dropped"
    assert kept[0].keys() == {"messages"}
    messages = [Message(**message) for message in kept[0]["messages"]]
    assert [m.role for m in messages] == ["user", "assistant"] * 2
    assert [m.content for m in messages[1::2]] == answers
    assert json.loads(json.dumps(kept[0])) == kept[0], "plain JSON"


async def test_a_reader_who_leaves_in_the_middle_leaves_no_passages_on_disk(
    tmp_path: Path,
) -> None:
    async with SqliteMemory.open(tmp_path / "conversations.sqlite") as memory:
        footnote = still_footnote(memory, sentences=SENTENCES)
        stream = footnote.stream(Ask(QUESTION, Scope(), "the-conversation"))
        async for event in stream:
            if isinstance(event, Step) and event.node == "retrieve":
                break
        await stream.aclose()
        for state in await _decoded(memory):
            assert not state.get("messages")


async def _ask(footnote: Footnote, question: str) -> str:
    answer = await footnote.ask(Ask(question, Scope(), "the-conversation"))
    assert len(answer.citations) == SENTENCES
    return answer.answer


async def _decoded(memory: SqliteMemory) -> list[dict[str, Any]]:
    """The state in each row that is left; there must be no pending writes."""
    saver = memory.checkpointer
    assert not await saver.conn.execute_fetchall("SELECT * FROM writes")
    rows = await saver.conn.execute_fetchall("SELECT type, checkpoint FROM checkpoints")
    states = [saver.serde.loads_typed((kind, blob))["channel_values"] for kind, blob in rows]
    return [
        {key: value for key, value in state.items() if key != _SENDS or value} for state in states
    ]
