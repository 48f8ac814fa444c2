"""What a question says of the documents it means is read, and nothing that it does not say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.dates import moment
from app.core.errors import TransientError
from app.core.file_types import FileType
from app.core.ports import ChunkStore
from app.core.types import Document, Narrowing, Scope
from graphs.skills.filters import ModelFilters, RuleFilters, apart, file_types
from graphs.skills.periods import period
from tests.unit.graphs.making import FakeGateway, run

NOW = datetime(2026, 3, 11, 15, 30, tzinfo=UTC)  # a Wednesday
TAGS = [
    {"team": "finance", "cost center": "7.1", "status": "draft"},
    {"team": "HR", "status": "final"},
    {"owner": "draft"},
]


@dataclass
class Shelf:
    """The part of a ChunkStore that says which tags there are."""

    tags: Sequence[dict[str, str]] = field(default_factory=lambda: TAGS)
    changes: int = 0
    reads: list[Scope] = field(default_factory=list)

    async def revision(self, scope: Scope) -> str:
        return str(self.changes)

    async def documents(self, scope: Scope) -> list[Document]:
        self.reads.append(scope)
        fixed: dict[str, Any] = {
            "title": "t", "source": "s", "content_hash": "0", "chunks": 1, "pages": 1,
            "tenant": scope.tenant, "ingested_at": "2026-01-01",
        }  # fmt: skip
        return [
            Document(document_id=str(n), tags=tags, **fixed) for n, tags in enumerate(self.tags)
        ]


async def read(question: str, shelf: Shelf | None = None, scope: Scope | None = None) -> Narrowing:
    store = cast(ChunkStore, shelf or Shelf())
    return await RuleFilters().read(question, store, scope or Scope(), run())


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("What has changed since March 2024?", "2024-03", None),
        ("What has changed since 2024-03-09?", "2024-03-09", None),
        ("Which rules were issued after 2023?", "2024", None),
        ("What was decided in 2023?", "2023", "2024"),
        ("In March 2024, what was decided?", "2024-03", "2024-04"),
        ("What does the memo of 5 December 2024 say?", "2024-12-05", "2024-12-06"),
        ("What does the memo of December 31st, 2024 say?", "2024-12-31", "2025"),
        ("Which memos from Q4 2024 are there?", "2024-10", "2025"),
        ("What was sent before May 2022?", None, "2022-05"),
        ("Which versions were sent until 2022?", None, "2023"),
        ("What was sent between March 2023 and June 2024?", "2023-03", "2024-07"),
        ("What was sent from 2021 to 2022?", "2021", "2023"),
        ("What did we decide last week?", "2026-03-02", "2026-03-09"),
        ("What did we decide last month?", "2026-02", "2026-03"),
        ("What did we decide last year?", "2025", "2026"),
        ("What did we decide this month?", "2026-03", None),
        ("What did we decide in the last 30 days?", "2026-02-09", None),
        ("What is the limit?", None, None),
        ("Is it said in 2000 cases?", None, None),
        ("What was decided in 2024-13?", None, None),
        ("What was decided since 31 February 2024?", None, None),
        ("What was sent between 2024 and 2023?", None, None),
        ("What caused the failure of the telemetry service in October 2025?", None, None),
        ("How much may I spend without a purchase order in 2026?", None, None),
        ("Sepsis related mortality has risen from 2009 to 2014.", None, None),
        ("I had five days of holiday left at the end of last year: until when?", None, None),
        ("Does the 2023 report name a limit?", None, None),
        ("How long do I have to be here before my last year starts again?", None, None),
    ],
)
def test_the_time_of_which_a_question_wants_documents(
    question: str, since: str | None, until: str | None
) -> None:
    assert period(question, NOW) == (moment(since or ""), moment(until or ""))


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("What does it say in the PDF?", ("pdf",)),
        ("According to our slides, who leads sales?", ("slides",)),
        ("How many pumps are in the Excel sheet?", ("spreadsheet",)),
        ("Which deadline was named in an e-mail from Ana?", ("mail",)),
        ("What is the price in the spreadsheets or in the slides?", ("slides", "spreadsheet")),
        ("Is there a limit in the Word document?", ("word",)),
        ("What is the limit for attachments in the mail system?", ()),
        ("How do I make a PDF?", ()),
        ("Who may give presentations?", ()),
        ("What stands in the slide rule manual?", ()),
        ("Where do I report phishing mails?", ()),
    ],
)
def test_the_files_that_a_question_points_at(question: str, kinds: tuple[FileType, ...]) -> None:
    assert file_types(question) == kinds


@pytest.mark.parametrize(
    ("question", "tags"),
    [
        ("What is the limit, team:finance?", (("team", "finance"),)),
        ("What is the limit? Team = hr", (("team", "HR"),)),
        ('What is the limit with "cost center": "7.1"?', ()),
        ("What is the limit in documents tagged finance?", (("team", "finance"),)),
        ("What is the limit in what is tagged as hr?", (("team", "HR"),)),
        ("What is the limit in documents tagged draft?", ()),  # a status, or an owner
        ("What is the limit, team:legal?", ()),
        ("Why do I get error: timeout at https://team:finance?", ()),
        ("Does the finance team have a limit?", ()),
    ],
)
async def test_tags_are_those_that_there_are(
    question: str, tags: tuple[tuple[str, str], ...]
) -> None:
    assert (await read(question)).tags == tags


async def test_only_tags_of_documents_that_the_caller_may_see_are_looked_at() -> None:
    shelf = Shelf()
    scope = Scope("acme", {"team": "HR"}, Narrowing(tags=(("a", "b"),)))
    await read("team:finance", shelf, scope)
    assert shelf.reads == [Scope("acme", {"team": "HR"})]


async def test_tags_are_read_again_only_after_a_change_and_only_when_one_is_named() -> None:
    shelf, rule = Shelf(), RuleFilters()
    for question in ("What is the limit?", "Changes since 2024?", "team:hr", "team:finance"):
        await rule.read(question, cast(ChunkStore, shelf), Scope(), run())
    assert len(shelf.reads) == 1
    shelf.changes += 1
    await rule.read("team:hr", cast(ChunkStore, shelf), Scope(), run())
    assert len(shelf.reads) == 2


@given(st.text(max_size=200) | st.lists(st.sampled_from(
    ["since", "in", "sent", "2024", "2024-99", "march", "31", "last", "year", "from", "to", "the",
     "between", "and", "pdf", "q4", "month", ":", "=", "team", "finance", "?", "-", "99"]
), max_size=12).map(" ".join))  # fmt: skip
async def test_no_question_breaks_it_and_no_time_ends_before_it_begins(question: str) -> None:
    found = await read(question)
    assert not (found.since and found.until) or found.since < found.until
    assert bool(found) == any([found.since, found.until, found.file_types, found.tags])
    parts = list(apart(found))
    assert all(parts) and bool(parts) == bool(found)


async def test_the_model_reads_what_rules_do_not_and_makes_nothing_up() -> None:
    wish = {
        "since": "2024-03-01",
        "until": "",
        "file_types": ["pdf", "pdf"],
        "tags": [{"name": "team", "value": "finance"}, {"name": "team", "value": "board"}],
    }
    gateway = FakeGateway({"filters": wish})
    store = cast(ChunkStore, Shelf())

    found = await ModelFilters(gateway, RuleFilters()).read("?", store, Scope(), run())

    assert found == Narrowing(moment("2024-03"), None, ("pdf",), (("team", "finance"),))
    asked = gateway.asked[0][1]
    assert "team=HR" in cast(list[str], asked["tags"])
    assert str(datetime.now(UTC).year) in str(asked["today"])


@pytest.mark.parametrize(
    "wish", [{"since": "2025", "until": "2024"}, {"since": "soon"}, {"tags": []}, {}]
)
async def test_what_the_model_says_without_sense_is_no_condition(wish: dict[str, Any]) -> None:
    store = cast(ChunkStore, Shelf())
    model = ModelFilters(FakeGateway({"filters": wish}), RuleFilters())
    assert not await model.read("Changes in 2024?", store, Scope(), run())


async def test_without_the_model_the_rule_reads() -> None:
    gateway = FakeGateway({"filters": TransientError("the chat model failed (500)")})
    account = run()
    model = ModelFilters(gateway, RuleFilters())
    found = await model.read(
        "What was decided in 2024?", cast(ChunkStore, Shelf()), Scope(), account
    )
    assert (found.since, found.until) == (moment("2024"), moment("2025"))
    assert account.skipped == ["filters: the chat model failed (500); done by rule"]
