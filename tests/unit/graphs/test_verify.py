"""Only what the cited words say is proved; a number must stand there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import TransientError
from graphs.context import DraftSentence, Quote
from graphs.skills.verify import LocalVerifier, ModelVerifier
from tests.unit.graphs.making import FakeGateway, WordScorer, evidence, run

local = LocalVerifier(WordScorer(), threshold=0.0)
SOURCE = "Full-time employees get 25 days of paid leave. Part-timers get a share."


async def _verified(text: str, *sources: str, numbers: tuple[int, ...] = (1,)) -> bool | None:
    sentence = DraftSentence(text, numbers=numbers)
    checked, doubt = await local.examine(sentence, evidence(*sources))
    return None if doubt else checked.supported


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("1,000", "1000"),
        ("1000", "1.000"),
        ("1,000,000.50", "1000000.5"),
        ("3.50", "3.5"),
        ("3.0", "3"),
        ("3,5", "3.5"),
        ("0.500", "0.5"),
        ("1.234.567,80", "1234567.8"),
        ("1,234.50", "1234.5"),
        ("100", "100"),
        ("24/7", "24/7"),
        ("11:30", "11:30"),
        ("31.12.2030", "31.12.2030"),
        ("2030-12-31", "2030-12-31"),
        ("25", "(25)"),
        ("25 %", "25%"),
    ],
)
async def test_the_same_number_written_otherwise_is_the_same(written: str, there: str) -> None:
    assert await _verified(f"It is {written}.", f"Some say {there} is it.") is not False


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("26", "25"),
        ("2.5", "25"),
        ("100", "1000"),
        ("10", "100"),
        ("1,000", "1,001"),
        ("3.55", "3.5"),
        ("30.12.2030", "31.12.2030"),
        ("2031-12-31", "2030-12-31"),
        ("24/6", "24/7"),
        ("11:45", "11:30"),
        ("5", "15"),
        ("0.5", "5"),
        ("0.500", "500"),
        ("31.12.2030", "31.12.203"),
    ],
)
async def test_another_number_is_never_supported(written: str, there: str) -> None:
    assert await _verified(f"It is {written}.", f"Some say {there} is it.") is False


@given(st.integers(2, 10**9), st.integers(2, 10**9))  # 1 stands in the passage's title
async def test_any_two_whole_numbers_are_told_apart(one: int, other: int) -> None:
    same = await _verified(f"It is {one:,} now.", f"It is {other} there.") is not False
    assert same == (one == other)


async def test_a_number_in_the_heading_counts_and_one_elsewhere_does_not() -> None:
    [item, other] = evidence("Leave is long.", "In 2031 it is short.")
    titled = replace(item, passage=item.passage.model_copy(update={"heading": "Leave in 2030"}))
    sentence = DraftSentence("In 2030 leave is long.", numbers=[1])
    checked, _ = await local.examine(sentence, [titled, other])
    assert checked.supported is True
    checked, _ = await local.examine(DraftSentence("In 2031 leave is long.", [1]), [titled, other])
    assert checked.supported is False and "2031" in checked.why


@pytest.mark.parametrize(
    "written",
    [
        "Full-time employees get 25 days of paid leave.",
        "The full-time employees get 25 days of **paid** leave",
    ],
)
async def test_the_sources_own_words_are_proved(written: str) -> None:
    assert await _verified(written, SOURCE) is True


@pytest.mark.parametrize(
    "written",
    [
        "Full-time employees do not get 25 days of paid leave.",
        "Employees get 25 days of paid leave.",
        "Employees get 25 days of full-time paid leave.",
        "Full-time employees may get 25 days of paid leave.",
        "Full-time employees get 25 days of paid leave and cake.",
        "Part-timers get 25 days of paid leave.",
        "Full-time employees get 25 % days of paid leave.",
    ],
)
async def test_anything_else_is_in_doubt_and_without_a_model_not_shown(written: str) -> None:
    assert await _verified(written, SOURCE) is None
    sentence = DraftSentence(written, numbers=[1])
    checked = await local.verify("?", sentence, evidence(SOURCE), run())
    assert checked.supported is False and not checked.quotes and checked.why


async def test_the_proof_is_the_sentence_that_says_it() -> None:
    sentence = DraftSentence("Part-timers get a share.", numbers=[2, 1])
    checked, _ = await local.examine(sentence, evidence("Cake is free.", SOURCE))
    assert [quote.text for quote in checked.quotes] == ["Part-timers get a share."]


@pytest.mark.parametrize("numbers", [(), (7,), (0,)])
async def test_a_sentence_without_a_source_is_never_supported(numbers: tuple[int, ...]) -> None:
    assert await _verified("Part-timers get a share.", SOURCE, numbers=numbers) is False


async def test_a_source_without_a_sentence_proves_nothing() -> None:
    assert await _verified("Leave", "# Leave\n\n---\n") is False


async def test_a_quote_is_proved_by_the_passage_and_by_nothing_else() -> None:
    [item] = evidence(SOURCE)
    good = Quote(item, item.start, item.start + 46)
    checked, doubt = await local.examine(DraftSentence(good.text, quotes=[good]), [item])
    assert checked.supported is True and not doubt
    forged = replace(item, text=SOURCE.replace("25", "52"))
    bad = Quote(forged, item.start, item.start + 46)
    for quotes in ([bad], [good, bad], [Quote(item, item.start, item.start)]):
        checked, _ = await local.examine(DraftSentence("…", quotes=quotes), [item])
        assert checked.supported is False


async def test_a_weak_score_is_a_doubt_even_for_the_same_words() -> None:
    strict = LocalVerifier(WordScorer(), threshold=1.1)
    _, doubt = await strict.examine(DraftSentence(SOURCE[:46], numbers=[1]), evidence(SOURCE))
    assert doubt


@pytest.mark.parametrize(
    ("reply", "supported", "why"),
    [
        ({"reason": "", "supported": True}, True, ""),
        ({"reason": "no such cake", "supported": False}, False, "no such cake"),
        ({"supported": False}, False, "other words"),
        (TransientError("the chat model is busy (429)"), None, "busy"),
    ],
)
async def test_a_doubt_is_put_to_the_model_and_its_silence_is_no_yes(
    reply: object, supported: bool | None, why: str
) -> None:
    gateway, account = FakeGateway({"verify": reply}), run()
    verifier = ModelVerifier(gateway, local)
    sentence = DraftSentence("Staff have 25 days off.", numbers=[2])
    checked = await verifier.verify("?", sentence, evidence("Cake is free.", SOURCE), account)
    assert checked.supported is supported and why in checked.why
    assert bool(checked.quotes) is (supported is not False)
    [(_, variables)] = gateway.asked
    assert [p["number"] for p in variables["passages"]] == [2]  # type: ignore[attr-defined]
    assert bool(account.skipped) is (supported is None)


async def test_what_is_certain_costs_no_call() -> None:
    gateway = FakeGateway()
    verifier = ModelVerifier(gateway, local)
    for text in ("Full-time employees get 25 days of paid leave.", "Leave is 26 days."):
        await verifier.verify("?", DraftSentence(text, numbers=[1]), evidence(SOURCE), run())
    assert gateway.asked == []
