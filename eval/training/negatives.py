"""Passages that look as if they answered a question, and do not.

Both of the service's searches are asked over all passages; what they put high is a hard
negative, unless it may well answer too: another chunk of the page that a heading stands on, or
a passage that both searches find nearly as good as the one that answers (after Moreira et al.,
2024, "NV-Retriever", whose threshold of 95 % of the positive's score this is).
"""

from __future__ import annotations

from collections.abc import Collection as Collected
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.adapters.bm25 import Bm25Encoder
from app.adapters.onnx_dense import BundledEncoder
from app.core.types import SparseVector
from eval.training.pairs import Collection, Pair, Passage

COUNTS = {"faq": 4, "statement": 2, "recurring": 0}
USUAL = 3
MOST = {"definition": 1600, "sentence": 4800, "keywords": 3000}
"""Pairs of a kind; of the others all are taken."""
KEPT = {
    "statement": 0.40, "sentence": 0.42, "keywords": 0.40, "title": 0.55, "definition": 0.40,
    "search": 0.62,
}  # fmt: skip
"""Share of a kind's pairs that is learned from; for want of time, not of use."""
_LIKE_DENSE, _LIKE_BM25 = 0.95, 0.7
_HARDEST, _POOL, _LIST = 6, 16, 40
_QUERIES_AT_ONCE = 256
_CHARS, _ENCODED_CHARS, _QUESTION_CHARS = 1400, 900, 400
_REAL = ("search", "paragraph", "evidence")
Floats = NDArray[np.float32]


def drawn(pairs: Sequence[Pair], *, seed: int = 0) -> list[Pair]:
    """At most MOST pairs of each kind."""
    rng = np.random.default_rng(seed)
    found: list[Pair] = []
    for kind in dict.fromkeys(pair.kind for pair in pairs):
        mine = [pair for pair in pairs if pair.kind == kind]
        order = rng.permutation(len(mine))[: MOST.get(kind, len(mine))]
        found += [mine[i] for i in sorted(order)]
    return found


async def mine(collection: Collection, *, seed: int = 0, count: int | None = None) -> list[Pair]:
    """The pairs that have enough negatives, with them.

    Args:
        count: Negatives of each pair, whatever its kind.
    """
    passages, pairs = collection.passages, drawn(collection.pairs, seed=seed)
    texts = [_text(passage)[:_CHARS] for passage in passages]
    encoder = BundledEncoder()
    vectors = await encoder.encode([text[:_ENCODED_CHARS] for text in texts])
    questions = [pair.question[:_QUESTION_CHARS] for pair in pairs]
    asked = await encoder.encode(questions)
    await encoder.close()
    model = Bm25Encoder()
    terms = [model.encode_query(question, ["english"]) for question in questions]
    words = Words(model.encode_documents(texts, "english"))
    return with_negatives(pairs, passages, (vectors, words), (asked, terms), seed=seed, count=count)


def with_negatives(
    pairs: Sequence[Pair],
    passages: Sequence[Passage],
    stored: tuple[Floats, Words],
    asked: tuple[Floats, Sequence[SparseVector]],
    *,
    barred: Collected[int] = (),
    seed: int = 0,
    count: int | None = None,
) -> list[Pair]:
    """The pairs that have enough negatives, with them.

    Args:
        stored: What both searches know of the passages.
        asked: Vectors and terms of the pairs' questions.
        barred: Passages that are no pair's negative.
        count: Negatives of each pair; else as many as suit its kind.
    """
    rng = np.random.default_rng(seed)
    found: list[Pair] = []
    for start in range(0, len(pairs), _QUERIES_AT_ONCE):
        some = slice(start, start + _QUERIES_AT_ONCE)
        dense, bm25 = asked[0][some] @ stored[0].T, stored[1].scores(asked[1][some])
        for pair, by_sense, by_words in zip(pairs[some], dense, bm25, strict=True):
            near = _candidates(pair, passages, by_sense, by_words)
            candidates = [number for number in near if number not in barred]
            wanted = count or COUNTS.get(pair.kind, USUAL)
            if len(candidates) >= wanted:
                found.append(replace(pair, negatives=_chosen(candidates, wanted, rng)))
    return found


def _candidates(
    pair: Pair, passages: Sequence[Passage], dense: Floats, bm25: Floats
) -> Iterator[int]:
    """At most _POOL of them, the hardest first."""
    most = min(_LIST, len(passages) - 1)
    by_sense, by_words = (np.argpartition(-s, most)[:most] for s in (dense, bm25))
    both = np.array(sorted({*by_sense.tolist(), *by_words.tolist()}))
    mixed = sum(
        (scores[both] - scores[best].mean()) / (scores[best].std() + 1e-6)
        for scores, best in ((dense, by_sense), (bm25, by_words))
    )
    gold, count = passages[pair.passage], 0
    for number in both[np.argsort(-np.asarray(mixed))].tolist():
        other = passages[number]
        if number == pair.passage or other.body[:200] == gold.body[:200]:
            continue
        if other.page == gold.page and pair.kind not in ("sentence", "statement", "paragraph"):
            continue
        alike = (
            dense[number] > _LIKE_DENSE * dense[pair.passage]
            and bm25[number] > _LIKE_BM25 * bm25[pair.passage]
        )
        if alike and pair.kind not in _REAL:
            continue
        yield number
        count += 1
        if count == _POOL:
            return


def _chosen(candidates: Sequence[int], count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Half of the hardest, half of the rest."""
    hard = rng.permutation(candidates[:_HARDEST])[: (count + 1) // 2].tolist()
    rest = [number for number in candidates if number not in hard]
    return (*hard, *rng.permutation(rest)[: count - len(hard)].tolist())


class Words:
    """BM25 over all texts at once, as the engine has it.

    Args:
        vectors: Weights of each text's terms.
    """

    def __init__(self, vectors: Sequence[SparseVector]) -> None:
        from scipy import sparse

        self._sparse = sparse
        self._columns: dict[int, int] = {}
        rows, columns, weights = [], [], []
        for row, vector in enumerate(vectors):
            for term, weight in zip(vector.indices, vector.values, strict=True):
                rows.append(row)
                columns.append(self._columns.setdefault(term, len(self._columns)))
                weights.append(weight)
        shape = (len(vectors), len(self._columns))
        held = np.bincount(columns, minlength=shape[1])
        self._rarity = np.log((len(vectors) - held + 0.5) / (held + 0.5) + 1)
        weighed = sparse.csr_matrix((weights, (rows, columns)), shape=shape)
        self._by_term = (weighed @ sparse.diags(self._rarity)).T.tocsr()

    def scores(self, questions: Sequence[SparseVector]) -> Floats:
        """Shape (questions, texts)."""
        rows, columns = [], []
        for row, question in enumerate(questions):
            for term in question.indices:
                if term in self._columns:
                    rows.append(row)
                    columns.append(self._columns[term])
        shape = (len(questions), len(self._columns))
        asked = self._sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
        found: Floats = (asked @ self._by_term).toarray().astype(np.float32)
        return found

    def score(self, question: SparseVector, text: SparseVector) -> float:
        """Of one more text, as rare as its terms are in the others."""
        weights = dict(zip(text.indices, text.values, strict=True))
        return float(
            sum(
                weights[term] * self._rarity[self._columns[term]]
                for term in question.indices
                if term in weights and term in self._columns
            )
        )


def _text(passage: Passage) -> str:
    return f"{passage.context}\n{passage.body}" if passage.context else passage.body
