"""An answer given before is given again at once, and never once it may be wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.core.types import Scope, Status
from app.service import Footnote
from tests.graph.chat import Chat
from tests.graph.library import FAR_QUESTION, LEAVE, LEAVE_QUESTION, Library, hear
from tests.support.scripted_openai import ScriptedOpenAI
from tests.support.scripted_openai import Status as Failing

pytestmark = pytest.mark.asyncio(loop_scope="module")
FROM_CACHE = ["everything: answered from the cache"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def footnote(
    tmp_path_factory: pytest.TempPathFactory, server: ScriptedOpenAI, library: Library
) -> AsyncIterator[Footnote]:
    """A service with a cache, whose documents come and go; `library` must be made before."""
    folder = tmp_path_factory.mktemp("cached")
    async with Library(folder, folder / "data").open(server) as service:
        yield service


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A shelf of the test's own."""
    return str(request.node.name)


async def _put(footnote: Footnote, folder: Path, tenant: str, text: str) -> str:
    (folder / "leave.md").write_text(f"# Leave\n\n{text}\n")
    await footnote.ingest([folder / "leave.md"], tenant=tenant, tags={"of": tenant})
    return (await footnote.store.documents(Scope(tenant)))[0].document_id


async def test_the_second_asker_pays_nothing_and_is_told_so(
    footnote: Footnote, server: ScriptedOpenAI, tenant: str, tmp_path: Path
) -> None:
    chat = Chat(server, generate=f"{LEAVE} [#25 days]")
    await _put(footnote, tmp_path, tenant, LEAVE)
    first = await hear(footnote, LEAVE_QUESTION, tenant=tenant)
    second = await hear(footnote, f"  {LEAVE_QUESTION.upper()}\n", tenant=tenant)
    assert chat.prompts == ["generate"]
    assert second.answer.answer == first.answer.answer
    assert second.answer.citations == first.answer.citations
    assert second.answer.skipped == FROM_CACHE
    assert second.answer.usage.llm_calls == 0 and second.answer.usage.cost_usd == 0
    assert second.answer.prompt_versions == first.answer.prompt_versions
    assert second.answer.answer_id != first.answer.answer_id
    assert second.answer.conversation_id != first.answer.conversation_id
    assert second.nodes == ["guard", "recall", "finish"]
    messages = await footnote.conversation(second.answer.conversation_id, tenant)
    assert messages[-1].content == first.answer.answer


async def test_a_replaced_document_answers_anew(
    footnote: Footnote, server: ScriptedOpenAI, tenant: str, tmp_path: Path
) -> None:
    Chat(server, generate=["Leave is 25 days [1].", "Leave is 30 days [1]."])
    await _put(footnote, tmp_path, tenant, "Leave is 25 days.")
    await hear(footnote, LEAVE_QUESTION, tenant=tenant)
    await _put(footnote, tmp_path, tenant, "Leave is 30 days.")
    heard = await hear(footnote, LEAVE_QUESTION, tenant=tenant)
    assert heard.answer.answer == "Leave is 30 days. [1]" and heard.answer.skipped == []


async def test_a_deleted_document_is_not_cited_from_memory(
    footnote: Footnote, server: ScriptedOpenAI, tenant: str, tmp_path: Path
) -> None:
    Chat(server, generate="Leave is 25 days [1].")
    document = await _put(footnote, tmp_path, tenant, "Leave is 25 days.")
    await hear(footnote, LEAVE_QUESTION, tenant=tenant)
    await footnote.store.delete(document, Scope(tenant))
    heard = await hear(footnote, LEAVE_QUESTION, tenant=tenant)
    assert heard.answer.status is Status.ABSTAINED and heard.answer.citations == []


async def test_what_one_tenant_was_told_no_other_hears(
    footnote: Footnote, server: ScriptedOpenAI, tenant: str, tmp_path: Path
) -> None:
    Chat(server, generate="Leave is 25 days [1].")
    await _put(footnote, tmp_path, tenant, "Leave is 25 days.")
    await hear(footnote, LEAVE_QUESTION, tenant=tenant)
    other = await hear(footnote, LEAVE_QUESTION, tenant=f"not {tenant}")
    assert other.answer.status is Status.ABSTAINED
    narrowed = await hear(footnote, LEAVE_QUESTION, tenant=tenant, filters={"of": "nobody"})
    assert narrowed.answer.status is Status.ABSTAINED
    same = await hear(footnote, LEAVE_QUESTION, tenant=tenant)
    assert same.answer.skipped == FROM_CACHE


async def test_a_follow_up_is_never_taken_for_the_same_question(
    footnote: Footnote, server: ScriptedOpenAI, tenant: str, tmp_path: Path
) -> None:
    chat = Chat(server, condense=LEAVE_QUESTION, generate="Leave is 25 days [1].")
    await _put(footnote, tmp_path, tenant, "Leave is 25 days.")
    first = await hear(footnote, LEAVE_QUESTION, tenant=tenant)
    again = await hear(
        footnote, LEAVE_QUESTION, tenant=tenant, conversation=first.answer.conversation_id
    )
    assert again.answer.skipped == []
    assert chat.prompts == ["generate", "condense", "generate"]


async def test_only_what_was_proved_and_complete_is_remembered(
    footnote: Footnote, server: ScriptedOpenAI, tenant: str, tmp_path: Path
) -> None:
    await _put(footnote, tmp_path, tenant, "Leave is 25 days.")
    for lines in (
        {"generate": "NO ANSWER"},
        {"generate": Failing(500)},
        {"generate": "Staff enjoy 25 days off [1].", "verify": Failing(500)},
    ):
        for _ in range(2):
            Chat(server, **lines)
            heard = await hear(footnote, FAR_QUESTION, tenant=tenant)
            assert heard.answer.skipped != FROM_CACHE


async def test_a_traced_question_shows_its_real_steps(
    footnote: Footnote, server: ScriptedOpenAI, tenant: str, tmp_path: Path
) -> None:
    Chat(server, generate="Leave is 25 days [1].")
    await _put(footnote, tmp_path, tenant, "Leave is 25 days.")
    await hear(footnote, LEAVE_QUESTION, tenant=tenant)
    heard = await hear(footnote, LEAVE_QUESTION, tenant=tenant, trace=True)
    assert "retrieve" in heard.nodes


async def test_an_entry_that_cannot_be_read_costs_time_not_the_answer(
    footnote: Footnote,
    server: ScriptedOpenAI,
    tenant: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def other_version(self: object, key: str) -> str:
        return '{"answer": "of another version"}'

    Chat(server, generate="Leave is 25 days [1].")
    await _put(footnote, tmp_path, tenant, "Leave is 25 days.")
    monkeypatch.setattr("app.adapters.answer_cache.MemoryAnswerCache.get", other_version)
    heard = await hear(footnote, LEAVE_QUESTION, tenant=tenant)
    assert heard.answer.answer == "Leave is 25 days. [1]"
