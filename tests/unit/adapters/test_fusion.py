"""Fusion: the one step that decides which of two searches is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.fusion import fuse, voices
from app.core.types import Fusion, HybridQuery, SparseVector

IDS = st.lists(st.integers(0, 30), unique=True, max_size=12)
SCORED = st.lists(st.floats(0, 1e6, allow_subnormal=False), max_size=9)
FUSIONS: list[Fusion] = ["question", "score", "rank"]


@dataclass(frozen=True)
class Point:
    """What an engine returns."""

    id: int
    score: float
    document: str = ""
    content_hash: str = "v1"
    ingested_at: str = "2026-01-01"
    vector: None = None

    @property
    def payload(self) -> dict[str, Any]:
        return {
            "document_id": self.document or str(self.id),
            "content_hash": self.content_hash,
            "ingested_at": self.ingested_at,
            "title": "t",
            "source": "s",
            "page": None,
            "heading": "",
            "start": 0,
            "end": 1,
            "text": str(self.id),
        }


def query(
    weights: tuple[float, float] = (1.0, 1.0),
    *,
    terms: int = 1,
    rrf_k: int = 60,
    limit: int = 50,
    fusion: Fusion = "rank",
) -> HybridQuery:
    dense = np.zeros(1, dtype=np.float32)
    sparse = SparseVector(list(range(terms)), [1.0] * terms)
    return HybridQuery(dense, sparse, weights=weights, fusion=fusion, rrf_k=rrf_k, limit=limit)


def scored(scores: list[float], first: int = 0) -> list[Point]:
    return [Point(first + n, score) for n, score in enumerate(sorted(scores, reverse=True))]


def ranked(ids: list[int]) -> list[Point]:
    return [Point(i, 1.0 - rank / 100) for rank, i in enumerate(ids)]


@given(IDS, IDS, st.floats(0.01, 10), st.floats(0.01, 10), st.integers(1, 100))
def test_scores_are_those_of_the_paper(
    dense: list[int], bm25: list[int], a: float, b: float, k: int
) -> None:
    found = fuse(query((a, b), rrf_k=k), {"dense": ranked(dense), "bm25": ranked(bm25)})

    expected = {
        str(i): sum(w / (k + ids.index(i) + 1) for ids, w in ((dense, a), (bm25, b)) if i in ids)
        for i in {*dense, *bm25}
    }
    assert {p.text: p.score for p in found} == pytest.approx(expected)
    assert [p.score for p in found] == sorted(expected.values(), reverse=True)


@pytest.mark.parametrize("fusion", FUSIONS)
@given(dense=IDS, bm25=IDS)
def test_a_heavier_search_never_has_less_of_a_say(
    fusion: Fusion, dense: list[int], bm25: list[int]
) -> None:
    """As it has in Qdrant's weighted fusion, where 4 : 1 flattens the ranks of the 4."""
    lists = {"dense": ranked(dense), "bm25": ranked(bm25)}
    light = fuse(query((1.0, 1.0), fusion=fusion), lists)
    heavy = fuse(query((1e6, 1.0), fusion=fusion), lists)

    assert [int(p.text) for p in heavy][: len(dense)] == dense
    assert {p.text for p in light} == {p.text for p in heavy}


def test_equal_scores_keep_one_order() -> None:
    lists = {"dense": ranked([3, 1]), "bm25": ranked([2, 4])}

    assert [p.text for p in fuse(query(), lists)] == ["3", "2", "1", "4"]


@pytest.mark.parametrize("fusion", FUSIONS)
@given(st.permutations(range(6)))
def test_an_index_built_anew_answers_in_the_same_order(fusion: Fusion, order: list[int]) -> None:
    """An engine that finds several points equally good gives them in the order of its files."""
    said = query(fusion=fusion)
    lists = {"dense": ranked([5, 4]), "bm25": [Point(i, 2.0) for i in range(6)]}
    again = {"dense": ranked([5, 4]), "bm25": [Point(i, 2.0) for i in order]}

    assert [p.text for p in fuse(said, lists)] == [p.text for p in fuse(said, again)]


@pytest.mark.parametrize("fusion", FUSIONS)
@given(IDS, st.integers(1, 9))
def test_what_both_searches_put_first_is_first(fusion: Fusion, ids: list[int], more: int) -> None:
    lists = {"dense": ranked(ids), "bm25": ranked(ids[:more])}

    assert [int(p.text) for p in fuse(query(fusion=fusion), lists)] == ids


@pytest.mark.parametrize("fusion", ["question", "score"])
@given(SCORED, SCORED)
def test_fused_scores_of_any_lists_can_be_shown(
    fusion: Fusion, dense: list[float], bm25: list[float]
) -> None:
    found = fuse(query(fusion=fusion), {"dense": scored(dense), "bm25": scored(bm25, first=3)})

    assert all(0 <= p.score <= 1 for p in found)
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_rare_word_that_one_passage_holds_brings_it_up(fusion: Fusion) -> None:
    lists = {"dense": ranked([1, 2, 3, 4, 5]), "bm25": [Point(4, 7.0)]}

    assert fuse(query(fusion=fusion), lists)[0].text == "4"


def test_only_the_best_are_returned() -> None:
    assert len(fuse(query(limit=2), {"dense": ranked([1, 2, 3])})) == 2


def test_of_two_versions_only_the_newer_is_shown() -> None:
    old = Point(1, 0.9, "doc", "old", "2026-01-01")
    new = Point(2, 0.5, "doc", "new", "2026-01-02")

    found = fuse(query(), {"dense": [old, new], "bm25": [old]})

    assert [(p.text, p.scores.bm25) for p in found] == [("2", None)]


def test_searches_that_have_no_say_are_not_asked() -> None:
    assert voices(query()) == ["dense", "bm25"]
    assert voices(query((0.0, 2.0))) == ["bm25"]
    assert voices(query((2.0, 0.0))) == ["dense"]
    assert voices(query(terms=0)) == ["dense"]
    assert voices(query((0.0, 0.0))) == []
