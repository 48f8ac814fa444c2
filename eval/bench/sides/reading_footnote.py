"""Short answers of the extractive reader, and its certainty that there is one."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.adapters.ranker import CalibratedRanker
from app.adapters.reader import BundledReader
from app.adapters.sentence_scorer import SentenceScorer
from app.core.exchange import Ask
from app.core.types import Status
from app.service import Footnote
from eval.judged.certainty import auc, expected_calibration_error
from eval.judged.index import SCOPE, open_filled
from eval.judged.places import best_place, seen_in
from eval.judged.sets import JudgedSet, Text
from eval.judged.sets import Question as Judged
from eval.training.pairs import SQUAD_HELD_OUT

_MARK = re.compile(r"\s*\[\d+\]")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_SIGN = re.compile(r"[^\w\s]|_")
_CANDIDATES = 24
_KEPT = 8


@dataclass(frozen=True, slots=True)
class Marked:
    """A question about a paragraph, and its right answers; none when it has none."""

    question: str
    key: str
    paragraph: str
    answers: Sequence[str]


def measure(*, data: str, cache: str, asked: int) -> dict[str, Any]:
    """Figures of reading; see `eval/bench/reading.py`.

    Args:
        asked: At most so many questions of each set; where the paragraph is given, all are read.
    """
    return asyncio.run(_measure(Path(data), Path(cache), asked))


async def _measure(data: Path, cache: Path, asked: int) -> dict[str, Any]:
    xquad = read_marked(data / "xquad/xquad.en.json", "xquad")
    squad = read_marked(data / "squad2/part.json", "squad2")
    reader = BundledReader()
    ranker = CalibratedRanker.load(reader)
    async with open_filled([_as_set("xquad", xquad)], cache) as (footnote, _):
        some = _drawn(xquad, asked)
        scorer = SentenceScorer.load(footnote.base.dense)
        certain = Certainty(ranker, reader, scorer)
        thorough = _thorough(footnote, ranker)
        given = [await _given(reader, scorer, one) for one in xquad]
        found = [await _asked(footnote, one) for one in some]
        gone = [
            (await certain.told(thorough, one, without=taken), not taken)
            for one in some
            for taken in (False, True)
        ]
    kept = [m for m in squad if m.key.split("/")[1] in SQUAD_HELD_OUT]
    async with open_filled([_as_set("squad2", squad)], cache) as (footnote, _):
        certain = Certainty(ranker, reader, SentenceScorer.load(footnote.base.dense))
        alike = [
            (await certain.told(footnote, one), bool(one.answers)) for one in _drawn(kept, asked)
        ]
    await reader.close()
    told = gone + alike
    words, whole, was = (np.array(column) for column in zip(*found, strict=True))
    said, true = (np.array(column) for column in zip(*told, strict=True))
    return {
        "questions": len(some),
        "given": len(xquad),
        "look_alikes": len(alike),
        "f1_given": 100 * float(np.mean(given)),
        "f1_found": 100 * float(words.mean()),
        "f1_whole": 100 * float(whole.mean()),
        "answered": float(was.mean()),
        "auc_gone": _auc(gone),
        "auc_look_alike": _auc(alike),
        "calibration": expected_calibration_error(said, true),
    }


async def _given(reader: BundledReader, scorer: SentenceScorer, one: Marked) -> float:
    """F1 of the likeliest place in the right paragraph."""
    best = await best_place(one.paragraph, one.question, reader, scorer)
    return best_f1(one.paragraph[best[0].start : best[0].end], one.answers) if best else 0.0


async def _asked(footnote: Footnote, one: Marked) -> tuple[float, float, bool]:
    """F1 of the words that the service's answer highlights, and of the whole of it; if any.

    Where nothing is highlighted, the whole counts as what is.
    """
    answer = await footnote.ask(Ask(question=one.question, scope=SCOPE))
    if answer.status is Status.ABSTAINED:
        return 0.0, 0.0, False
    whole = _MARK.sub("", answer.answer)
    clear = next((s.text[slice(*s.highlight)] for s in answer.sentences if s.highlight), whole)
    return best_f1(clear, one.answers), best_f1(whole, one.answers), True


def _thorough(footnote: Footnote, ranker: CalibratedRanker) -> Footnote:
    """Reads every candidate: what is left of them is worth reading once the best is taken out."""
    return replace(footnote, base=replace(footnote.base, reranker=ranker))


@dataclass(frozen=True, slots=True)
class Certainty:
    """The probability that what is found answers, as the extractive reader has it told."""

    ranker: CalibratedRanker
    reader: BundledReader
    scorer: SentenceScorer

    async def told(self, footnote: Footnote, one: Marked, *, without: bool = False) -> float:
        """With or without the right paragraph."""
        found = await footnote.search(one.question, SCOPE, _CANDIDATES)
        kept = [p for p in found if not (without and p.source == one.key)][:_KEPT]
        return self.ranker.answered(
            kept, await seen_in(kept, one.question, self.reader, self.scorer)
        )


def best_f1(said: str, answers: Sequence[str]) -> float:
    """Word F1 against the nearest right answer, as SQuAD counts (Rajpurkar et al., 2016)."""
    return max((_f1(_words(said), _words(answer)) for answer in answers), default=0.0)


def _f1(said: Sequence[str], right: Sequence[str]) -> float:
    common = sum((Counter(said) & Counter(right)).values())
    if not common:
        return float(said == right)
    return 2 * common / (len(said) + len(right))


def _words(text: str) -> list[str]:
    return _ARTICLE.sub(" ", _SIGN.sub("", text.lower())).split()


def read_marked(file: Path, name: str) -> list[Marked]:
    """The questions of a file in SQuAD's form."""
    found: list[Marked] = []
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        title = article.get("title", "")
        for number, paragraph in enumerate(article["paragraphs"]):
            key = f"{name}/{title}/{number}/{len(found)}"
            found += [
                Marked(
                    row["question"].strip(),
                    key,
                    paragraph["context"],
                    [answer["text"] for answer in row["answers"]],
                )
                for row in paragraph["qas"]
            ]
    return found


def _as_set(name: str, marked: Sequence[Marked]) -> JudgedSet:
    bodies: Mapping[str, str] = {one.key: one.paragraph for one in marked}
    texts = [Text(key, key.split("/")[1].replace("_", " "), body) for key, body in bodies.items()]
    questions = [Judged(one.question, {one.key: 1.0}) for one in marked]
    return JudgedSet(name, name, texts, questions)


def _drawn(marked: Sequence[Marked], most: int) -> list[Marked]:
    if not most or most >= len(marked):
        return list(marked)
    chosen = np.random.default_rng(0).choice(len(marked), most, replace=False)
    return [marked[i] for i in sorted(chosen)]


def _auc(told: Sequence[tuple[float, bool]]) -> float:
    return auc([said for said, true in told if true], [said for said, true in told if not true])
