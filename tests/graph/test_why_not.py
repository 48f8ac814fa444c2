"""A planted cause for each stage of retrieval, and `why-not` names it, with its numbers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from app.adapters import payload
from app.core.exchange import Stage, WhyNot
from app.core.ports import ChunkStore
from app.core.settings import load_settings
from app.core.types import Passage, Scope, Scores, Seen
from app.service import Footnote
from app.wiring import open_footnote
from graphs.skills.filters import RuleFilters
from tests.graph.library import Library

pytestmark = pytest.mark.asyncio(loop_scope="module")
QUESTION = "How many days of paid leave do full-time employees get?"
LEAVE = "Full-time employees get 25 days of paid leave a year, and part-time employees fewer."
TEXTS = {
    "leave": LEAVE,
    "copy": LEAVE.replace("paid leave", "leave"),
    "alike": "Employees of the rival get days of paid leave too, yet fewer.",
    "travel": "Flights are booked through the travel desk.",
    "canteen": "The canteen in Lisbon opens at noon.",
    "long": " ".join(
        f"Paragraph {n} of the long report is about leave of {n} days and what it costs."
        for n in range(4)
    ),
}
CHUNKS: Mapping[str, Any] = {"ingestion": {"chunk_tokens": 48, "min_chunk_tokens": 0}}
ALONE: Mapping[str, Any] = {"near_copies": 1.0, "merge_neighbours": False}


class Prefers:
    """A ranker to whom texts with a word answer, and no others."""

    name = "prefers"

    def __init__(self, word: str) -> None:
        self._word = word

    def promising(self, passages: Sequence[Passage]) -> list[Passage]:
        """As they come."""
        return list(passages)

    async def judge(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
        said = [float(self._word in passage.text) for passage in passages]
        return [
            p.model_copy(update={"score": s, "scores": p.scores.model_copy(update={"rerank": s})})
            for p, s in zip(passages, said, strict=True)
        ]

    def answered(self, passages: Sequence[Passage], seen: Seen) -> float:
        return max((passage.score for passage in passages), default=0.0)

    async def close(self) -> None:
        return None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def footnote(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Footnote]:
    folder = tmp_path_factory.mktemp("why-not")
    library = Library(folder / "documents", folder / "data")
    await asyncio.to_thread(library.folder.mkdir)
    for name, text in TEXTS.items():
        file = library.folder / f"{name}.md"
        await asyncio.to_thread(file.write_text, f"# About {name}\n\n{text}\n")
    async with open_footnote(load_settings(data_dir=library.data_dir, **CHUNKS)) as footnote:
        await footnote.ingest([library.folder], tenant="default", tags={"kind": "new"})
        await plant(footnote.store)
    async with library.open(**CHUNKS) as footnote:
        yield footnote


async def plant(store: ChunkStore) -> None:
    """Make one document old, and give another tenant a copy of it."""
    async with aclosing(store.everything(lambda d: d.title == "About leave")) as found:
        [(leave, chunks)] = [version async for version in found]
    old = {"tags": {"kind": "old", "date": "2001-05"}}
    theirs = {"tenant": "rival", "document_id": payload.document_id("rival", leave.source)}
    for change in (old, theirs):
        await store.replace(leave.model_copy(update=change), chunks)


def tuned(footnote: Footnote, **sections: Mapping[str, Any]) -> Footnote:
    """The same service with other settings, which are checked as always."""
    changed = {
        name: type(section).model_validate({**section.model_dump(), **sections.get(name, {})})
        for name in ("retrieval", "reranking", "answer")
        if (section := getattr(footnote.base, name))
    }
    return replace(footnote, base=replace(footnote.base, **changed))


def preferring(footnote: Footnote, word: str) -> Footnote:
    return replace(footnote, base=replace(footnote.base, reranker=Prefers(word)))


async def document_id(footnote: Footnote, name: str, tenant: str = "default") -> str:
    found = await footnote.store.documents(Scope(tenant))
    return next(d.document_id for d in found if d.source.endswith(f"{name}.md"))


async def told(
    footnote: Footnote, name: str, *, filters: Mapping[str, str] | None = None
) -> WhyNot:
    found = await footnote.why_not(
        QUESTION, await document_id(footnote, name), Scope(filters=filters or {})
    )
    assert found.title == f"About {name}"
    assert bool(found.evidence) == (found.lost_at is None)
    return found


def stage(found: WhyNot, name: str) -> Stage:
    return next(stage for stage in found.stages if stage.stage == name)


async def test_what_is_in_the_evidence_is_not_lost(footnote: Footnote) -> None:
    found = await told(footnote, "leave")
    assert (found.lost_at, found.evidence) == (None, [1])
    assert "passage 1" in found.reason
    assert [s.stage for s in found.stages] == [
        "index", "dense", "bm25", "fusion", "rerank", "choice", "budget",
    ]  # fmt: skip
    assert all(s.kept is not False for s in found.stages)
    assert stage(found, "dense").rank == stage(found, "fusion").rank == 1


async def test_a_document_that_is_not_there_is_not_indexed(footnote: Footnote) -> None:
    found = await footnote.why_not(QUESTION, "nothing", Scope())
    assert (found.lost_at, found.title) == ("index", None)


async def test_nobody_learns_that_another_tenant_has_a_document(footnote: Footnote) -> None:
    theirs = await document_id(footnote, "leave", "rival")
    found = await footnote.why_not(QUESTION, theirs, Scope())
    absent = await footnote.why_not(QUESTION, "nothing", Scope())
    assert found == absent.model_copy(update={"document_id": theirs})
    assert (await footnote.why_not(QUESTION, theirs, Scope("rival"))).evidence == [1]


async def test_the_filter_that_keeps_it_out_is_named(footnote: Footnote) -> None:
    filters = {"title": "About travel", "kind": "old"}
    found = await told(footnote, "travel", filters=filters)
    assert found.lost_at == "filter"
    assert "kind=old" in found.reason
    through = await told(footnote, "leave", filters={"kind": "old"})
    assert (through.lost_at, stage(through, "filter").kept) == (None, True)


async def test_what_the_question_itself_keeps_out_is_told_so(footnote: Footnote) -> None:
    skills = replace(footnote.base.skills, filters=RuleFilters())
    reading = replace(footnote, base=replace(footnote.base, skills=skills))
    leave = await document_id(footnote, "leave")

    new = await reading.why_not(f"{QUESTION} What was said since 2010?", leave, Scope())
    assert new.lost_at == "filter" and "from 2010-01-01" in new.reason
    old = await reading.why_not(f"{QUESTION} What was said in 2001?", leave, Scope())
    assert old.evidence == [1] and "from 2001-01-01" in stage(old, "filter").why
    never = await reading.why_not(f"{QUESTION} What was said in 1999?", leave, Scope())
    assert never.evidence == [1] and "searched without" in stage(never, "filter").why


async def test_what_neither_search_finds_is_looked_for_further_down(footnote: Footnote) -> None:
    shallow = tuned(footnote, retrieval={"depth": 1, "k": 1}, reranking={"depth": 1})
    found = await told(shallow, "canteen")
    assert found.lost_at == "search"
    dense, bm25 = stage(found, "dense"), stage(found, "bm25")
    assert dense.kept is False and dense.rank and dense.rank > 1 and dense.score is not None
    assert (bm25.kept, bm25.rank, bm25.why) == (False, None, "it shares no word with the question")
    assert f"number {dense.rank}" in found.reason


async def test_a_search_that_is_turned_off_is_said_to_be(footnote: Footnote) -> None:
    words_only = tuned(footnote, retrieval={"dense_weight": 0.0})
    found = await told(words_only, "canteen")
    assert found.lost_at == "search"
    assert stage(found, "dense").why == "turned off"


async def test_what_the_fusion_puts_too_low_is_lost_there(footnote: Footnote) -> None:
    plain = replace(footnote, base=replace(footnote.base, reranker=None))
    narrow = tuned(plain, retrieval={"k": 1}, reranking={"depth": 1})
    found = await told(narrow, "alike")
    assert found.lost_at == "fusion"
    fusion = stage(found, "fusion")
    assert fusion.cut == 1 and fusion.rank and fusion.rank > 1
    assert fusion.scores and fusion.scores.dense and fusion.scores.bm25
    assert stage(found, "dense").kept and stage(found, "bm25").kept


async def test_what_is_not_promising_enough_to_be_reranked_is_told_so(footnote: Footnote) -> None:
    narrow = tuned(footnote, retrieval={"k": 1}, reranking={"depth": 1})
    found = await told(narrow, "alike")
    assert found.lost_at == "fusion"
    assert stage(found, "fusion").kept
    assert "the 1 most promising are reranked" in found.reason


async def test_what_the_reranker_puts_too_low_is_lost_there(footnote: Footnote) -> None:
    strict = tuned(preferring(footnote, "canteen"), retrieval={"k": 1, **ALONE})
    found = await told(strict, "leave")
    assert found.lost_at == "rerank"
    assert stage(found, "fusion").rank == 1
    reranked = stage(found, "rerank")
    assert reranked.rank and reranked.rank > 1
    assert reranked.scores and reranked.scores.rerank == 0.0
    assert "the fusion had it at 1" in found.reason


async def test_what_is_not_worth_reading_is_told_so(footnote: Footnote) -> None:
    class Skims(Prefers):
        """Reads only the passages that it prefers."""

        async def judge(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
            unread = {"scores": Scores(), "voices": {"fused": 0.0}}
            judged = await super().judge(question, passages)
            return [p if p.score else p.model_copy(update=unread) for p in judged]

    skimming = replace(footnote, base=replace(footnote.base, reranker=Skims("canteen")))
    found = await told(tuned(skimming, retrieval={"k": 1, **ALONE}), "leave")
    assert found.lost_at == "rerank"
    assert "too low to be worth reading it, puts it at" in found.reason


async def test_without_a_reranker_the_fusion_has_the_last_word(footnote: Footnote) -> None:
    plain = replace(footnote, base=replace(footnote.base, reranker=None))
    found = await told(tuned(plain, retrieval={"k": 1, **ALONE}), "alike")
    assert found.lost_at == "fusion"
    assert "the best 1 go on" in found.reason


async def test_what_is_too_old_is_lost_to_its_age(footnote: Footnote) -> None:
    fresh = tuned(footnote, retrieval={"k": 1, "decay_half_life_days": 30.0, **ALONE})
    found = await told(fresh, "leave")
    assert found.lost_at == "age"
    assert stage(found, "rerank").rank == 1
    aged = stage(found, "age")
    assert aged.rank and aged.rank > 1 and aged.score == pytest.approx(0.0, abs=1e-6)


async def test_a_near_copy_is_told_what_it_copies(footnote: Footnote) -> None:
    close = tuned(preferring(footnote, "leave"), retrieval={"near_copies": 0.7})
    found = await told(close, "copy")
    assert found.lost_at == "near_copy"
    other = stage(found, "choice").other
    assert other and other.document_id == await document_id(footnote, "leave")
    assert "About leave" in found.reason


async def test_what_stands_back_for_novelty_is_told_so(footnote: Footnote) -> None:
    diverse = tuned(
        preferring(footnote, "leave"),
        retrieval={"k": 3, "mmr_lambda": 0.2, "near_copies": 1.0},
    )
    found = await told(diverse, "copy")
    assert found.lost_at == "mmr"


async def test_what_the_budget_has_no_room_for_is_lost_there(footnote: Footnote) -> None:
    found = await told(tuned(footnote, answer={"context_tokens": 1}), "canteen")
    assert found.lost_at == "budget"
    assert "answer.context_tokens" in found.reason
    budget = stage(found, "budget")
    assert (budget.kept, budget.of) == (False, 1)


async def test_chunks_that_were_joined_are_one_passage_which_the_budget_may_cut(
    footnote: Footnote,
) -> None:
    found = await told(footnote, "long")
    assert found.lost_at is None and len(found.evidence) == 1
    assert "chunks joined" in stage(found, "choice").why
    tight = await told(tuned(footnote, answer={"context_tokens": 120}), "long")
    assert tight.lost_at is None
    assert "characters" in stage(tight, "budget").why and "answer.context_tokens" in tight.reason


async def test_search_and_answers_choose_alike(footnote: Footnote) -> None:
    """`search` brings what `why-not` says goes on to the answer."""
    passages = await footnote.search(QUESTION, Scope(), footnote.base.retrieval.k)
    for name in TEXTS:
        found = await told(footnote, name)
        chosen = [p for p in passages if p.document_id == found.document_id]
        assert bool(chosen) == (found.lost_at is None), found.reason
        if chosen:
            assert stage(found, "choice").score == pytest.approx(chosen[0].score)
