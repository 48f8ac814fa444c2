"""What goes on to the answer is still the document, says nothing twice, and is the best."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.settings import RetrievalSettings
from app.core.types import Passage
from graphs.skills.select import LeftOut, aged, select
from tests.unit.graphs.making import passage

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LEAVE = "Full-time employees get twenty-five days of paid annual leave in a calendar year. "
TRAVEL = "Flights are booked through the travel desk at least two weeks before departure. "
LAPTOP = "Report a stolen laptop to the service desk within an hour of noticing the loss. "
PLAIN = RetrievalSettings(merge_neighbours=False, near_copies=1)


def ranking(*passages: Passage) -> list[Passage]:
    """In this order, by score."""
    return [p.model_copy(update={"score": 1 - n / 100}) for n, p in enumerate(passages)]


async def chosen(
    *passages: Passage,
    most: int = 8,
    settings: RetrievalSettings | None = None,
    left_out: list[LeftOut] | None = None,
) -> list[Passage]:
    return await select(
        [ranking(*passages)],
        most=most,
        settings=settings or RetrievalSettings(),
        left_out=left_out,
    )


def chunks(document: str, texts: Sequence[str], heading: str = "") -> list[Passage]:
    """Texts as chunks that tile a document."""
    found: list[Passage] = []
    for text in texts:
        found.append(passage(text, document, heading=heading, start=found[-1].end if found else 0))
    return found


WORDS = ["leave", "travel", "desk", "25", "2024", "the", "年假", "Ünïcödé", "\n\n", "🏖️", "|", "."]
documents = st.lists(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
            st.sampled_from(["", "A", "A > B"]),
            st.sampled_from([None, 1, 2]),
        ),
        min_size=1,
        max_size=8,
    ),
    min_size=1,
    max_size=3,
)
settings = st.builds(
    RetrievalSettings,
    merge_neighbours=st.booleans(),
    merged_chars=st.integers(1, 120),
    near_copies=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
    mmr_lambda=st.sampled_from([0.0, 0.5, 1.0]),
    decay_half_life_days=st.sampled_from([0.0, 30.0]),
)


@given(documents, settings, st.integers(1, 12), st.integers(0, 1000))
async def test_whatever_is_joined_stands_at_its_place_in_the_document(
    made: list[list[tuple[str, str, int | None]]],
    settings: RetrievalSettings,
    most: int,
    seed: int,
) -> None:
    tiles: list[Passage] = []
    for n, parts in enumerate(made):
        for tile, (_, heading, page) in zip(
            chunks(f"d-{n}", [text for text, _, _ in parts]), parts, strict=True
        ):
            tiles.append(tile.model_copy(update={"heading": heading, "page": page}))
    dice = random.Random(seed)
    found = [t.model_copy(update={"score": dice.random()}) for t in tiles if dice.random() < 0.8]
    found.sort(key=lambda p: -p.score)
    texts = {f"d-{n}": "".join(text for text, _, _ in parts) for n, parts in enumerate(made)}
    left_out: list[LeftOut] = []

    kept = await select([found], most=most, settings=settings, left_out=left_out)

    assert len(kept) <= most
    assert bool(kept) == bool(found)
    for one in kept:
        assert texts[one.document_id][one.start : one.end] == one.text
        inside = [t for t in tiles if t.document_id == one.document_id]
        inside = [t for t in inside if one.start <= t.start and t.end <= one.end]
        assert "".join(t.text for t in inside) == one.text, "a chunk was cut"
        assert {(t.page, t.heading) for t in inside} == {(one.page, one.heading)}
        assert len(inside) == 1 or len(one.text) <= settings.merged_chars
        if not settings.decay_half_life_days:
            assert one.score == max(
                p.score for p in found if p.start in {t.start for t in inside}
                and p.document_id == one.document_id
            )  # fmt: skip
    spans = sorted((p.document_id, p.start, p.end) for p in kept)
    for (document, _, end), (next_document, start, _) in pairwise(spans):
        assert document != next_document or end <= start, "shown twice"
    if settings.mmr_lambda == 1:
        assert [p.score for p in kept] == sorted((p.score for p in kept), reverse=True)
    assert len(kept) + len(left_out) == len(found), "each candidate goes on or is accounted for"


@given(st.permutations(range(5)))
async def test_neighbours_come_together_in_whatever_order_they_were_found(
    order: list[int],
) -> None:
    texts = [LEAVE, TRAVEL, LAPTOP, LEAVE.replace("paid", "parental"), TRAVEL.upper() + "Soon."]
    settings = RetrievalSettings(near_copies=1)
    tiles = chunks("d-1", texts)
    [whole] = await chosen(*(tiles[n] for n in order), settings=settings)
    assert (whole.start, whole.end, whole.text) == (0, tiles[-1].end, "".join(texts))


async def test_what_touches_under_another_heading_or_on_another_page_stays_apart() -> None:
    first, second, third = chunks("d-1", [LEAVE, TRAVEL, LAPTOP], heading="Leave")
    second = second.model_copy(update={"heading": "Travel"})
    third = third.model_copy(update={"heading": "Travel", "page": 2})
    kept = await chosen(first, second, third)
    assert [p.heading for p in kept] == ["Leave", "Travel", "Travel"]


async def test_a_neighbour_joins_only_if_it_would_have_had_a_place_itself() -> None:
    first, second, third = chunks("d-1", [LEAVE, TRAVEL, LAPTOP])
    others = [passage("Cake is free.", "d-2"), passage("The canteen is old.", "d-3")]
    best, *rest = await chosen(first, third, *others, second, most=3)
    assert best.text == first.text
    assert third.text in [p.text for p in rest]


async def test_a_joined_neighbour_makes_room_for_another_passage() -> None:
    first, second = chunks("d-1", [LEAVE, TRAVEL])
    kept = await chosen(first, second, passage(LAPTOP, "d-2"), most=2)
    assert [p.document_id for p in kept] == ["d-1", "d-2"]


async def test_joining_can_be_turned_off() -> None:
    assert len(await chosen(*chunks("d-1", [LEAVE, TRAVEL]), settings=PLAIN)) == 2


async def test_a_copy_makes_room_and_is_named_with_what_it_copies() -> None:
    text = LEAVE + TRAVEL
    copy = passage(text.replace("booked", "ordered").upper(), "d-2")
    left_out: list[LeftOut] = []

    kept = await chosen(
        passage(text + LAPTOP, "d-1"), copy, passage("Cake.", "d-3"), most=2,
        settings=RetrievalSettings(near_copies=0.8), left_out=left_out,
    )  # fmt: skip

    assert [p.document_id for p in kept] == ["d-1", "d-3"]
    [entry] = left_out
    assert (entry.why, entry.passage.document_id) == ("near_copy", "d-2")
    assert entry.other and entry.other.document_id == "d-1"
    assert entry.likeness and 0.8 <= entry.likeness < 1


async def test_a_fuller_version_of_a_better_passage_is_no_copy_of_it() -> None:
    kept = await chosen(passage(LEAVE, "d-1"), passage(LEAVE + TRAVEL + LAPTOP, "d-2"))
    assert len(kept) == 2


async def test_reports_that_differ_in_a_figure_alone_are_both_read() -> None:
    report = "Revenue of the northern branch grew to 4.2 million euros, " + TRAVEL * 3
    kept = await chosen(passage(report, "d-1"), passage(report.replace("4.2", "3.9"), "d-2"))
    assert len(kept) == 2


async def test_the_same_words_twice_can_be_kept() -> None:
    kept = await chosen(passage(LEAVE, "d-1"), passage(LEAVE, "d-2"), settings=PLAIN)
    assert len(kept) == 2


async def test_novelty_prefers_what_was_not_said_yet() -> None:
    similar = LEAVE.replace("calendar year", "business year, as a rule")
    found = [passage(LEAVE, "d-1"), passage(similar, "d-2"), passage(TRAVEL, "d-3")]
    left_out: list[LeftOut] = []
    diverse = RetrievalSettings(near_copies=1, mmr_lambda=0.5)

    relevant = await chosen(*found, most=2, settings=PLAIN)
    novel = await chosen(*found, most=2, settings=diverse, left_out=left_out)

    assert [p.document_id for p in relevant] == ["d-1", "d-2"]
    assert [p.document_id for p in novel] == ["d-1", "d-3"]
    assert [(entry.why, entry.passage.document_id) for entry in left_out] == [("mmr", "d-2")]


async def test_each_part_of_a_question_keeps_its_best_passage() -> None:
    strong = ranking(passage(LEAVE, "d-1"), passage(LAPTOP, "d-2"))
    weak = [passage(TRAVEL, "d-3").model_copy(update={"score": 0.01})]
    for settings in (RetrievalSettings(), RetrievalSettings(mmr_lambda=0.7)):
        kept = await select([strong, weak], most=2, settings=settings)
        assert [p.document_id for p in kept] == ["d-1", "d-3"]


def test_an_old_document_is_worth_half_after_each_half_life() -> None:
    def of_age(days: float, score: float, document: str) -> Passage:
        update = {"score": score, "dated": NOW - timedelta(days=days)}
        return passage(LEAVE, document).model_copy(update=update)

    found = [of_age(60, 0.8, "old"), of_age(0, 0.4, "new"), of_age(-30, 0.3, "future")]
    undated = passage(LEAVE, "undated").model_copy(update={"score": 0.1})

    faded = aged([*found, undated], 30, NOW)

    assert {p.document_id: p.score for p in faded} == pytest.approx(
        {"new": 0.4, "future": 0.3, "old": 0.2, "undated": 0.1}
    )
    assert [p.document_id for p in faded] == ["new", "future", "old", "undated"]
    assert aged(found, 0, NOW) == found


def test_age_never_makes_a_passage_better() -> None:
    found = [
        passage(LEAVE, f"d-{n}").model_copy(update={"score": s, "dated": NOW - timedelta(days=a)})
        for n, (s, a) in enumerate([(1.5, 0), (-0.5, 90), (-2.0, 0)])
    ]
    faded = {p.document_id: p.score for p in aged(found, 30, NOW)}
    assert all(faded[p.document_id] <= p.score for p in found)


async def test_nothing_found_is_nothing_chosen() -> None:
    assert await select([], most=8, settings=RetrievalSettings()) == []
    assert await select([[]], most=8, settings=RetrievalSettings(mmr_lambda=0.5)) == []


async def test_a_long_list_is_chosen_from_as_a_short_one_is() -> None:
    found = [passage(f"{LEAVE} Office {n}.", f"d-{n}") for n in range(300)]
    kept = await chosen(*found, most=300)
    assert [p.document_id for p in kept] == [p.document_id for p in found]
