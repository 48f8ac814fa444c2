"""The final score of a passage: every voice weighed in one calibrated number.

Searches, their fusion, the reader or another cross-encoder, titles, shared words and likeness to
other good passages each say something; none of them is the judge. The weights are those of a
logistic model, fitted on held-out questions of many kinds by `eval/training/fit_ranking.py`, so
the score is a probability: that the passage answers the question. Whether the question is answered
at all is told from the best passages, by `answered.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters.answered import Answered, signs
from app.adapters.bundled import REINSTALL
from app.adapters.cluster import closeness, promise
from app.adapters.logistic import Logistic
from app.adapters.proximity import SIGNS, proximity
from app.core.errors import ConfigError
from app.core.odds import bounded, log_odds, probability
from app.core.ports import Reader, Reranker
from app.core.text import STOP_WORDS, words
from app.core.types import Passage, Reading, Seen

WEIGHTS = Path(__file__).parent.parent / "models" / "ranking.json"
VOICES = ("fused", "dense", "relevance", "answerable", "title", *SIGNS, "cluster")
COMPARED = 50
"""Candidates among which the most promising are chosen, when the weights are fitted too."""
_READ = ("relevance", "answerable")
FIRST_READ = 6
"""Candidates that the reader reads before it asks which of the others can still matter."""
BEHIND = 3.0
"""Log-odds by which a passage may be behind the best one and still matter."""
UNREAD, HOPED = Reading(-2.9, -1.5), Reading(0.7, -1.5)
"""What the reader says of the seventh to sixteenth candidate on average, over eight judged sets;
and the relevance that one in ten of them reaches (`eval/training/check_settled.py`)."""
Floats = NDArray[np.float64]


class CalibratedRanker:
    """A Ranker that weighs voices by logistic models.

    Args:
        reader: Reads question and passage together.
        passage: Over VOICES.
        question: Whether any of the passages answers.
        reranker: A cross-encoder whose relevance counts in place of the reader's; as nobody
            knows its scale, it reads every passage.
        settled: Reading ends when no passage left is likely to come among so many best ones,
            not far behind the first; 0: all are read.
        fitted: Tells the models from others.
    """

    def __init__(
        self,
        reader: Reader,
        passage: Logistic,
        question: Answered,
        reranker: Reranker | None = None,
        *,
        settled: int = 0,
        fitted: str = "",
    ) -> None:
        from py_rust_stemmers import SnowballStemmer

        self.name = reranker.name if reranker else reader.name
        self.identity = " ".join((self.name, reader.name, fitted))
        """All that determines the scores and what is read."""
        self._reader = reader
        self._reranker = reranker
        self._settled = settled
        self.passage = passage
        self.question = question
        self._stemmer = SnowballStemmer("english")

    @classmethod
    def load(
        cls,
        reader: Reader,
        reranker: Reranker | None = None,
        weights: Path = WEIGHTS,
        *,
        settled: int = 0,
    ) -> CalibratedRanker:
        """With fitted weights. Raises ConfigError when their file is damaged."""
        try:
            data = weights.read_bytes()
            record = json.loads(data)
            passage, question = Logistic.read(record["passage"]), Answered.read(record["question"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ConfigError("the final score's file is damaged", hint=REINSTALL) from error
        fitted = hashlib.sha256(data).hexdigest()[:12]
        return cls(reader, passage, question, reranker, settled=settled, fitted=fitted)

    def promising(self, passages: Sequence[Passage]) -> list[Passage]:
        """Candidates, those first that are most worth judging; best first by fused score.

        The first COMPARED are compared with each other, the rest follow as they come.
        """
        some = passages[:COMPARED]
        if not some:
            return []
        scores = promise([p.vector for p in some], _standard_fused(some))
        return [*(some[i] for i in np.argsort(-scores, kind="stable")), *passages[COMPARED:]]

    async def judge(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
        """The passages, in the same order, with their final score and what the reader said.

        One that was not read has no `scores.rerank`: the other voices alone set it apart.
        """
        if not passages:
            return []
        readings = await self._read_until_settled(question, passages)
        terms = self.passage.terms(self.voices(question, passages, _filled(readings)))
        return [
            passage.model_copy(
                update={
                    "score": probability(float(total)),
                    "scores": passage.scores.model_copy(
                        update={"rerank": probability(reading.relevance) if reading else None}
                    ),
                    "voices": dict(zip(VOICES, term.tolist(), strict=True)),
                }
            )
            for passage, reading, term, total in zip(
                passages, readings, terms, terms.sum(axis=1) + self.passage.intercept, strict=True
            )
        ]

    async def _read_until_settled(
        self, question: str, passages: Sequence[Passage]
    ) -> list[Reading | None]:
        """What is said of the first passages, and of those that may come among the best."""
        first = passages[:FIRST_READ]
        if not self._settled or self._reranker or len(first) == len(passages):
            return list(await self.read(question, passages))
        readings: list[Reading | None] = [None] * len(passages)
        readings[: len(first)] = await self.read(question, first)
        hopes = self.passage.logits(self.voices(question, passages, _filled(readings, HOPED)))
        best = np.sort(hopes[: len(first)])[::-1]
        bar = max(best[min(self._settled, len(first)) - 1], best[0] - BEHIND)
        hopeful = [i for i, hope in enumerate(hopes) if i >= len(first) and hope > bar]
        for i, reading in zip(
            hopeful, await self.read(question, [passages[i] for i in hopeful]), strict=True
        ):
            readings[i] = reading
        return readings

    def answered(self, passages: Sequence[Passage], seen: Seen) -> float:
        """The probability that one of the passages, judged already, answers what was asked."""
        return self.question.told(signs(passages, seen)) if passages else 0.0

    async def close(self) -> None:
        """Give back the cross-encoder; the reader belongs to someone else."""
        if self._reranker:
            await self._reranker.close()

    async def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """What the reader says of each passage, with another cross-encoder's relevance."""
        texts = [shown(p) for p in passages]
        readings = await self._reader.read(question, texts, places=False)
        if self._reranker is None:
            return readings
        # Nobody knows the scale of a foreign score: it is given the one of our own.
        said = np.array([log_odds(s) for s in await self._reranker.score(question, texts)])
        place = VOICES.index("relevance")
        mean, spread = self.passage.mean[place], self.passage.spread[place]
        scaled = mean + spread * (said - said.mean()) / (said.std() or 1.0)
        return [
            replace(reading, relevance=float(r))
            for reading, r in zip(readings, scaled, strict=True)
        ]

    def voices(
        self, question: str, passages: Sequence[Passage], readings: Sequence[Reading]
    ) -> Floats:
        """One row of VOICES for each passage."""
        asked = self._telling(question)
        dense = [p.scores.dense for p in passages if p.scores.dense is not None]
        rows = [
            (
                own,
                p.scores.dense if p.scores.dense is not None else min(dense, default=0.0),
                bounded(r.relevance),
                bounded(r.answerable),
                _share(set(asked), set(self._stems(p.context))),
            )
            for p, r, own in zip(passages, readings, _standard_fused(passages), strict=True)
        ]
        unsaid = np.full(len(passages), self.passage.mean[-1])  # of the cluster, as yet
        found = np.column_stack([np.array(rows), self._proximity(asked, passages), unsaid])
        if not _is_familiar(readings):
            self._silence(found)
        close = closeness([p.vector for p in passages], self.passage.logits(found))
        if close is not None:
            found[:, -1] = close
        return found

    def _proximity(self, asked: Sequence[str], passages: Sequence[Passage]) -> Floats:
        return proximity(asked, [self._stems(shown(passage)) for passage in passages])

    def _silence(self, rows: Floats) -> None:
        """Give what the reader says, of texts in a language it did not learn, no weight.

        Another cross-encoder's relevance keeps its own: it may have learned that language.
        """
        for place, name in enumerate(VOICES):
            if name in _READ and not (self._reranker and name == "relevance"):
                rows[:, place] = self.passage.mean[place]

    def _telling(self, question: str) -> list[str]:
        """The stems of the question's words; of stop words only if there are no others."""
        found = words(question)
        return list(self._stemmer.stem_words([w for w in found if w not in STOP_WORDS] or found))

    def _stems(self, text: str) -> list[str]:
        return list(self._stemmer.stem_words(words(text)))


def shown(passage: Passage) -> str:
    """What the reader sees of a passage."""
    return f"{passage.context}\n{passage.text}"


def _filled(readings: Sequence[Reading | None], unread: Reading = UNREAD) -> list[Reading]:
    """As if the passages that were not read said what others say, in the language of the rest."""
    unread = replace(unread, familiar=_is_familiar([r for r in readings if r]))
    return [reading or unread for reading in readings]


def _standard_fused(passages: Sequence[Passage]) -> Floats:
    """The fusion's log-odds in standard deviations from their mean."""
    fused = np.array([log_odds(p.scores.fused or 0.0) for p in passages])
    found: Floats = (fused - fused.mean()) / (fused.std() or 1.0)
    return found


def _is_familiar(readings: Sequence[Reading]) -> bool:
    """Whether at least half of the passages are in a language that the reader knows."""
    return 2 * sum(reading.familiar for reading in readings) >= len(readings)


def _share(wanted: set[str], found: set[str]) -> float:
    return len(wanted & found) / len(wanted) if wanted else 0.0
