"""Our BM25 against rank_bm25, the reference that the literature's names lead to."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from app.adapters.bm25 import Bm25Encoder
from app.adapters.qdrant_edge import EdgeStore
from app.core.errors import ConfigError
from app.core.text import words
from app.core.types import HybridQuery, Scope
from tests.support.documents import DIMENSIONS, made

CORPUS = [
    "Full-time employees get 25 days of paid annual leave, part-time employees in proportion.",
    "Unused annual leave may be carried over until the end of March of the next year.",
    "Parental leave is granted for up to three years after the birth of a child.",
    "Flights are booked through the travel desk at least fourteen days before the trip.",
    "Hotel costs are refunded up to 140 euros a night, in capital cities up to 190 euros.",
    "Report a stolen laptop to the service desk within an hour of noticing the theft.",
    "Passwords have at least fourteen characters and are never shared with colleagues.",
    "The canteen is open from half past eleven until two; guests pay the full price.",
    "Sick notes are due on the fourth day of illness and are sent to the personnel office.",
    "Expenses are refunded within ten days when all receipts are attached to the report.",
    "Visitors sign in at the reception and wear a badge until they leave the building.",
    "Overtime is paid out in December or taken as free days by the end of June.",
]
QUESTIONS = [
    ("How many days of annual leave do full-time employees get?", 0),
    ("Can I carry over unused leave?", 1),
    ("How long is parental leave?", 2),
    ("Who books my flights?", 3),
    ("What is refunded for a hotel in capital cities?", 4),
    ("My laptop was stolen", 5),
    ("How many characters does a password need?", 6),
    ("When does the canteen open?", 7),
    ("When are sick notes due?", 8),
    ("When are expenses refunded?", 9),
    ("Do visitors need a badge?", 10),
    ("Is overtime paid out?", 11),
]
VOCABULARY = [f"zq{letter}{letter}x" for letter in "abcdefgh"]  # nothing to stem or to stop
TEXTS = st.lists(
    st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=12).map(" ".join),
    min_size=2,
    max_size=8,
)


class Lucene(BM25Okapi):  # type: ignore[misc]  # rank_bm25 has no types
    """BM25Okapi with the IDF that Lucene and Qdrant use: never negative, never zero."""

    def _calc_idf(self, nd: dict[str, int]) -> None:
        for term, n in nd.items():
            self.idf[term] = math.log(1 + (self.corpus_size - n + 0.5) / (n + 0.5))


def encoder(tokens: list[list[int]]) -> Bm25Encoder:
    return Bm25Encoder(avg_len=float(np.mean([len(text) for text in tokens])))


def tokenized(texts: list[str]) -> list[list[int]]:
    """Terms as our encoder sees them: stemmed, without stop words, as numbers."""
    one = Bm25Encoder()
    return [[i for word in words(text) for i in one.encode_query(word).indices] for text in texts]


def ours(texts: list[str], question: str) -> list[float]:
    """Scores as the engine computes them from our weights."""
    tokens = tokenized(texts)
    model = encoder(tokens)
    vectors = [dict(zip(v.indices, v.values, strict=True)) for v in model.encode_documents(texts)]
    scores = np.zeros(len(texts))
    for term in model.encode_query(question).indices:
        n = sum(term in vector for vector in vectors)
        idf = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        scores += [idf * vector.get(term, 0.0) for vector in vectors]
    return [float(score) for score in scores]


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_the_best_text_is_the_one_that_rank_bm25_finds(question: str, answer: int) -> None:
    reference = BM25Okapi(tokenized(CORPUS), k1=1.2, b=0.75)
    (terms,) = tokenized([question])

    assert np.argmax(ours(CORPUS, question)) == np.argmax(reference.get_scores(terms)) == answer


@given(TEXTS, st.sets(st.sampled_from(VOCABULARY), min_size=1, max_size=4))
def test_every_score_is_that_of_the_published_formula(texts: list[str], terms: set[str]) -> None:
    reference = Lucene(tokenized(texts), k1=1.2, b=0.75)
    question = " ".join(sorted(terms))
    (ids,) = tokenized([question])

    assert ours(texts, question) == pytest.approx(reference.get_scores(ids), rel=1e-4, abs=1e-6)


@settings(max_examples=20)
@given(TEXTS, st.sampled_from(VOCABULARY))
def test_for_one_word_the_order_is_rank_bm25s_own(texts: list[str], word: str) -> None:
    found = ours(texts, word)
    reference = Lucene(tokenized(texts), k1=1.2, b=0.75).get_scores(tokenized([word])[0])

    for one in range(len(texts)):
        for other in range(len(texts)):
            if reference[one] > reference[other] + 1e-6:
                assert found[one] > found[other]


@given(st.text())
def test_any_text_can_be_encoded(text: str) -> None:
    model = Bm25Encoder()
    (vector,) = model.encode_documents([text])

    assert len(vector.indices) == len(vector.values) == len(set(vector.indices))
    assert all(value > 0 for value in vector.values)
    assert set(model.encode_query(text).values) <= {1.0}
    assert set(model.encode_query(text).indices) <= set(vector.indices)


async def test_the_engine_multiplies_in_the_idf_and_finds_the_same(tmp_path: Path) -> None:
    model = encoder(tokenized(CORPUS))
    version = made("handbook.md", CORPUS)
    for encoded, sparse in zip(version.chunks, model.encode_documents(CORPUS), strict=True):
        object.__setattr__(encoded, "sparse", sparse)
    store = await EdgeStore.open(tmp_path, dimensions=DIMENSIONS, fingerprint={})
    await store.replace(*version)
    nothing = np.zeros(DIMENSIONS, dtype=np.float32)

    for question, _ in QUESTIONS:
        query = HybridQuery(nothing, model.encode_query(question), weights=(0.0, 1.0))
        found = {p.text: p.scores.bm25 for p in await store.search(query, Scope())}
        expected = dict(zip(CORPUS, ours(CORPUS, question), strict=True))
        assert found == pytest.approx({t: s for t, s in expected.items() if s > 0}, rel=1e-4)
    await store.close()


def test_forms_of_a_word_are_one_word_and_stop_words_none() -> None:
    model = Bm25Encoder("english")

    assert model.encode_query("employees").indices == model.encode_query("Employee").indices
    assert not model.encode_query("how is it the").indices


def test_each_language_has_its_own_stems() -> None:
    german = Bm25Encoder("german")

    assert german.encode_query("Häuser").indices == german.encode_query("Häusern").indices
    assert not german.encode_query("und der").indices
    assert german.name != Bm25Encoder("english").name


@pytest.mark.parametrize(
    ("language", "stored", "asked"),
    [
        ("german", "Die Häuser der Mitarbeiter", "Haus"),
        ("russian", "Сотрудникам полагаются отпуска", "отпуск сотрудника"),
        ("arabic", "تُمنح الإجازات السنوية للموظفين في المدرسة", "اجازات مدرسه"),
        ("arabic", "\ufee7\ufec8\ufe8e\ufead\ufe93", "نظارة"),
        ("english", "The ﬁles of Zoe\u0308", "file of Zoë"),
    ],
)
def test_a_document_is_found_by_another_form_of_its_word(
    language: str, stored: str, asked: str
) -> None:
    model = Bm25Encoder()
    (vector,) = model.encode_documents([stored], language)

    assert set(model.encode_query(asked, [language]).indices) & set(vector.indices)


def test_a_language_without_stems_is_not_stemmed_as_another() -> None:
    model = Bm25Encoder("english")
    (polish,) = model.encode_documents(["the notes"], "polish")

    assert len(polish.indices) == 2, "no stop words either"
    assert not set(polish.indices) & set(model.encode_query("note", ["polish"]).indices)
    assert set(model.encode_query("notes", ["polish"]).indices) <= set(polish.indices)


@settings(max_examples=30)
@given(st.text(), st.lists(st.sampled_from(["", "english", "german", "polish", "japanese"])))
def test_a_question_has_each_term_once(text: str, languages: list[str]) -> None:
    found = Bm25Encoder().encode_query(text, languages)

    assert len(found.indices) == len(set(found.indices)) == len(found.values)
    assert set(found.values) <= {1.0}


def test_a_question_finds_texts_of_every_language_it_is_asked_in() -> None:
    model = Bm25Encoder("english")
    asked = set(model.encode_query("Hotels Häuser", ["german", "english", "polish"]).indices)

    for language in ("german", "english", "polish", ""):
        for stored in model.encode_documents(["Hotels", "Häuser"], language):
            assert bool(asked & set(stored.indices))


def test_stop_words_of_the_question_do_not_match_texts_in_other_languages() -> None:
    model = Bm25Encoder("english")
    (german,) = model.encode_documents(["The Who spielten in dem Hotel"], "german")

    asked = model.encode_query("who is the owner of the hotel", ["english", "german"])

    assert set(asked.indices) & set(german.indices) == set(
        model.encode_query("hotel", ["german"]).indices
    )


def test_an_unknown_language_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"ingestion\.language: 'klingon'"):
        Bm25Encoder("klingon")


@pytest.mark.parametrize(
    ("text", "question", "other"),
    [
        ("今日は天気がいい。明日は雨です。", "天気", "電話"),
        ("今日は天気がいい。明日は雨です。", "雨", "雪"),
        ("年次有給休暇は二十五日です", "有給休暇は何日?", "会社"),
        ("全职员工每年享有25天带薪年假。", "年假多少天", "密码"),
        ("พนักงานได้รับวันลาพักร้อน", "วันลา", "กขคง"),
        ("정규직 직원은 휴가를 받습니다.", "휴가는?", "비밀번호"),
        ("책을 빌릴 수 있습니다.", "책", "물"),
        ("暑い日に犬が息をする。", "犬は?", "猫は?"),
        ("ＱＲコードとﾊﾞｯﾃﾘｰ", "QRコード", "GPS"),
        ("ＱＲコードとﾊﾞｯﾃﾘｰ", "バッテリー", "スマホ"),
        ("The 東京オフィス is open.", "オフィス", "大阪"),
    ],
)
def test_words_are_found_where_no_blanks_part_them(text: str, question: str, other: str) -> None:
    model = Bm25Encoder()
    (stored,) = model.encode_documents([text])

    assert set(model.encode_query(question).indices) & set(stored.indices)
    assert not set(model.encode_query(other).indices) & set(stored.indices)


def test_a_whole_word_counts_for_more_than_one_of_its_characters() -> None:
    model = Bm25Encoder(avg_len=15)
    texts = ["今日は天気がいいです。", "今日は電気がないです。", "今日は元気がいいです。"]
    stored = [set(v.indices) for v in model.encode_documents(texts, "japanese")]

    asked = set(model.encode_query("天気", ["japanese"]).indices)

    assert len(asked & stored[0]) > max(len(asked & stored[1]), len(asked & stored[2]))


@pytest.mark.parametrize("number", ["25", "10,000", "3.50", "X200-7"])
def test_numbers_are_found(number: str) -> None:
    model = Bm25Encoder()
    (stored,) = model.encode_documents([f"It costs {number} euros."])

    wanted = model.encode_query(number).indices
    assert wanted
    assert set(wanted) <= set(stored.indices)
