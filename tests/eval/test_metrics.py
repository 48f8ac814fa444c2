"""Hand-computed values; properties are in test_metric_properties.py."""

from __future__ import annotations

from math import log2

import pytest

from app.core.exchange import Failure
from app.core.types import Status
from eval.metrics import (
    Group,
    abstention,
    answers,
    citations,
    evidence,
    latency,
    measure,
    retrieval,
    whole,
)
from eval.metrics.score import Asked, Measure, Measures, Outcome, Score, aggregate, share
from tests.eval.samples import abstention as abstained
from tests.eval.samples import answer, asked, citation, passage, question, refusable


def values(measures: Measures) -> dict[str, float | None]:
    return {name: found.value for name, found in measures.items()}


def test_retrieval_counts_each_document_once_at_its_best_passage() -> None:
    names = ["b.md", "b.md", "leave.md", "b.md", "c.md", "leave.md"]
    found = asked(passages=[passage(name) for name in names])
    assert retrieval.ranking(found.passages) == ["b.md", "leave.md", "c.md"]
    assert values(retrieval.measure(found)) == {
        "hit@5": 1.0,
        "recall@10": 1.0,
        "mrr@10": 0.5,
        "ndcg@10": pytest.approx(1 / log2(3)),
    }


def test_retrieval_with_two_right_documents() -> None:
    wanted = question(documents=["a.md", "b.md"])
    found = Asked(wanted, passages=[passage("x.md"), passage("b.md"), passage("y.md")])
    assert values(retrieval.measure(found)) == {
        "hit@5": 1.0,
        "recall@10": 0.5,
        "mrr@10": 0.5,
        "ndcg@10": pytest.approx((1 / log2(3)) / (1 + 1 / log2(3))),
    }


def test_retrieval_beyond_its_depth_and_of_nothing() -> None:
    sixth = asked(passages=[passage(f"{n}.md") for n in range(5)] + [passage("leave.md")])
    assert values(retrieval.measure(sixth))["hit@5"] == 0
    assert values(retrieval.measure(sixth))["mrr@10"] == pytest.approx(1 / 6)
    assert set(values(retrieval.measure(asked())).values()) == {0.0}
    assert retrieval.measure(refusable(passages=[passage("leave.md")])) == {}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("You get 25 days.", 1),
        ("You get 25\n  DAYS.", 1),
        ("You get 25 [1] days. [2]", 1),
        ("You get 25days.", 0),
        ("You get 24 days.", 0),
    ],
)
def test_contains_minds_neither_case_nor_white_space(text: str, right: float) -> None:
    found = answers.measure(asked(answer=answer(text)))
    assert found["answer_contains"].value == right


def test_any_expected_string_will_do() -> None:
    assert answers.contains("It is EUR 185.", ["EUR 185", "185 euros"]) == 1
    assert answers.contains("It is five weeks.", ["5 weeks"]) == 0


def test_squad_scores() -> None:
    # reference tokens: leave is 25 days year; answer tokens: leave is 30 days; 3 in common
    found = answers.measure(asked(answer=answer("The leave is 30 days! [1]")))
    assert found["token_f1"].value == pytest.approx(2 * 3 / (5 + 4))
    assert found["exact_match"].value == 0
    exact = answers.measure(asked(answer=answer("leave is 25 days, a year [1]")))
    assert exact["exact_match"].value == exact["token_f1"].value == 1


def test_an_abstention_is_no_right_answer_whatever_it_says() -> None:
    text = "The documents do not answer. Nearest: 25 days [1]."
    found = answers.measure(asked(answer=answer(text, status=Status.ABSTAINED)))
    assert set(values(found).values()) == {0.0}
    assert set(values(answers.measure(asked())).values()) == {0.0}
    assert answers.measure(refusable(answer=answer())) == {}


def test_a_quote_must_be_the_canonical_text_at_its_span() -> None:
    quotes = [citation(1, "Leave is 25 days."), citation(2, "Leave is 26 days."), citation(3)]
    stands = ["Leave is 25 days.", "Leave is 25 days.", None]
    given = answer(citations=quotes, sentences=[[1], [2, 3], []])
    found = citations.measure(asked(answer=given, canonical=stands))
    assert found == {
        "citation_exactness": Measure(1 / 3, 3),
        "cited_sentences": Measure(2 / 3, 3),
        "cited_answers": Measure(1),
        "verified_answers": Measure(1),
    }


@pytest.mark.parametrize("sentences", [[], [[1], [2]], [[]]])
def test_dropped_citations_lower_the_score(sentences: list[list[int]]) -> None:
    found = citations.measure(asked(answer=answer(sentences=sentences)))
    assert "citation_exactness" not in found
    assert found["cited_sentences"].value == found["cited_answers"].value == 0


def test_an_abstention_needs_no_citation_but_those_it_has_must_be_exact() -> None:
    assert citations.measure(asked(answer=abstained())) == {}
    nearest = answer(status=Status.ABSTAINED, citations=[citation(1)])
    found = citations.measure(asked(answer=nearest, canonical=["something else"]))
    assert found == {"citation_exactness": Measure(0, 1)}


def test_an_unverified_answer_is_given_but_not_verified() -> None:
    given = answer(status=Status.UNVERIFIED, citations=[citation(1)], sentences=[[1]])
    found = citations.measure(asked(answer=given, canonical=["Leave is 25 days."]))
    assert values(found)["cited_sentences"] == 1
    assert values(found)["verified_answers"] == 0


def test_abstention_is_wanted_only_where_there_is_no_answer() -> None:
    assert values(abstention.measure(asked(answer=abstained()))) == {"abstained_answerable": 1}
    assert values(abstention.measure(asked(answer=answer()))) == {"abstained_answerable": 0}
    assert values(abstention.measure(refusable(answer=abstained()))) == {
        "abstained_unanswerable": 1
    }
    assert values(abstention.measure(refusable(answer=answer()))) == {"abstained_unanswerable": 0}
    assert values(abstention.measure(refusable(error="x"))) == {"abstained_unanswerable": 0}


def test_evidence_tells_answerable_questions_apart() -> None:
    outcome = Outcome(
        [
            asked("q1", passages=[passage("a", rerank=0.2), passage("b", rerank=0.9)]),
            asked("q2", passages=[passage("a", rerank=0.5)]),
            refusable("q3", passages=[passage("a", rerank=0.5), passage("b")]),
            refusable("q4", passages=[passage("a", rerank=0.1)]),
        ]
    )
    # pairs: 0.9 beats both; 0.5 ties with 0.5 and beats 0.1
    assert evidence.whole(outcome)["evidence_auc"] == Score(value=3.5 / 4, count=4)


def test_without_a_reranker_there_is_no_such_evidence() -> None:
    found = [asked(passages=[passage("a")]), refusable(passages=[passage("a")])]
    score = evidence.whole(Outcome(found))["evidence_auc"]
    assert score.value is None
    assert score.note
    assert values(evidence.measure(found[0])) == {"reranked": 0}
    assert evidence.measure(asked()) == {}


def test_latency_of_answers_and_nodes() -> None:
    outcome = Outcome(
        [
            asked("q1", answer=answer(timings_ms={"rerank": 10}), wall_ms=100),
            asked("q2", answer=answer(timings_ms={"rerank": 20, "expand": 5}), wall_ms=300),
            asked("q3", error="ask: broken", wall_ms=9000),
        ]
    )
    found = latency.whole(outcome)
    assert found["latency_p50_ms"] == Score(value=200, count=2)
    assert found["latency_p95_ms"].value == pytest.approx(290)
    assert found["latency.rerank_p50_ms"] == Score(value=15, count=2)
    assert found["latency.expand_p95_ms"] == Score(value=5, count=1)


def test_questions_and_documents_that_fail_are_errors() -> None:
    outcome = Outcome([asked(error="ask: broken"), asked()], [Failure("a.pdf", "broken", "")])
    assert whole(outcome, [Group.ERRORS]) == {"errors": Score(value=2, count=2)}


def test_only_the_groups_of_the_suite_are_measured() -> None:
    assert set(measure(asked(answer=answer()), [Group.ABSTENTION])) == {"abstained_answerable"}
    assert whole(Outcome([asked(answer=answer())]), [Group.RETRIEVAL]) == {}


def test_shares_weigh_by_their_whole_and_the_undetermined_are_counted() -> None:
    rows = [
        {"cited": share(1, 1), "judged": Measure(1.0)},
        {"cited": share(0, 3), "judged": Measure(None)},
        {"judged": Measure(None)},
    ]
    assert aggregate(rows) == {
        "cited": Score(value=0.25, count=2),
        "judged": Score(value=1.0, count=3, undetermined=2),
    }
    assert aggregate([{"judged": Measure(None)}])["judged"].value is None
