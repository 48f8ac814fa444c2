"""Every other search really is another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import TransientError
from graphs.context import Query
from graphs.skills.expand import ModelExpander, RuleExpander
from tests.unit.graphs.making import FakeGateway, passage, run

QUESTION = "How much paid leave is there?"
FAILED = TransientError("the chat model failed (500)")
phrases = st.sampled_from(
    [QUESTION, QUESTION.upper(), f" {QUESTION} ", "paid leave", "Paid  Leave", "days off", "of the"]
)
queries = st.builds(Query, phrases, phrases, st.sampled_from(["", "Leave is long."]))


def _plain(query: Query) -> list[list[str]]:
    return [t.lower().split() for t in (query.text, query.question, query.dense_text)]


@given(
    rewrites=st.lists(phrases, min_size=1, max_size=5),
    parts=st.lists(phrases, min_size=1, max_size=6),
    imagined=st.sampled_from(["", "Leave is long."]),
    tried=st.lists(queries, max_size=6),
    attempt=st.integers(0, 1),
)
async def test_the_model_never_makes_us_search_the_same_twice(
    rewrites: list[str], parts: list[str], imagined: str, tried: list[Query], attempt: int
) -> None:
    gateway = FakeGateway(
        {"rewrite": {"queries": rewrites}, "hyde": imagined, "decompose": {"questions": parts}}
    )
    found = await ModelExpander(gateway).expand(QUESTION, tried, [], attempt, run())
    plain = [_plain(query) for query in found]
    assert all(query not in plain[:n] for n, query in enumerate(plain))
    assert not any(_plain(query) in plain for query in tried)


@given(question=st.text(max_size=60), texts=st.lists(st.text(max_size=60), max_size=4))
async def test_rules_never_search_the_same_twice(question: str, texts: list[str]) -> None:
    passages = [passage(text) for text in texts]
    expander, account = RuleExpander(), run()
    tried = [Query(question, question)]
    first = await expander.expand(question, tried, passages, 0, account)
    assert all(_plain(query) != _plain(tried[0]) for query in first)
    assert await expander.expand(question, [*tried, *first], passages, 1, account) == []


async def test_rules_take_the_words_that_the_best_passages_share() -> None:
    texts = ["Annual vacation is 25 days.", "Vacation must be taken.", "Vacation annual plan."]
    [query] = await RuleExpander().expand(QUESTION, [], [passage(text) for text in texts], 0, run())
    assert query.text.startswith("paid leave") and "vacation" in query.text
    assert "25" not in query.text and query.question == QUESTION


async def test_first_other_words_then_an_imagined_answer_and_the_parts() -> None:
    gateway = FakeGateway(
        {
            "rewrite": {"queries": ["vacation"]},
            "hyde": "Leave is long.",
            "decompose": {"questions": ["How much leave?", "Is it paid?"]},
        }
    )
    expander, tried = ModelExpander(gateway), [Query(QUESTION, QUESTION)]
    first = await expander.expand(QUESTION, tried, [], 0, run())
    second = await expander.expand(QUESTION, [*tried, *first], [], 1, run())
    assert first == [Query("vacation", QUESTION)]
    assert second == [
        Query(QUESTION, QUESTION, "Leave is long."),
        Query("How much leave?", "How much leave?"),
        Query("Is it paid?", "Is it paid?"),
    ]
    assert gateway.asked[0][1]["tried"] == [QUESTION]


async def test_a_way_that_fails_is_named_and_the_other_still_gone() -> None:
    account = run()
    gateway = FakeGateway({"hyde": FAILED, "decompose": {"questions": ["Is it paid?"]}})
    found = await ModelExpander(gateway).expand(QUESTION, [], [], 1, account)
    assert found == [Query("Is it paid?", "Is it paid?")]
    assert account.skipped == ["hyde: the chat model failed (500)"]


async def test_when_both_fail_the_caller_is_told() -> None:
    gateway = FakeGateway({"hyde": FAILED, "decompose": FAILED})
    with pytest.raises(TransientError):
        await ModelExpander(gateway).expand(QUESTION, [], [], 1, run())


@pytest.mark.parametrize("replies", [{"queries": []}, {"queries": [" "]}, {"queries": ["x"] * 6}])
async def test_a_useless_reply_is_refused(replies: dict[str, list[str]]) -> None:
    with pytest.raises(ValueError, match="queries"):
        await ModelExpander(FakeGateway({"rewrite": replies})).expand(QUESTION, [], [], 0, run())
