"""Reranking: pairs of question and passage read a second."""

from __future__ import annotations

from typing import Any

from eval.bench.child import Unavailable, measure, say
from eval.bench.result import Bar, Outcome, Row
from eval.bench.sizes import Sizes

_QUESTIONS, _CANDIDATES = 16, 16
_TIMES_FASTER = 2.5


def run(sizes: Sizes) -> Outcome:
    """Both sides read the same pairs, in turn: a busy machine slows both alike."""
    say(f"rerank: {_QUESTIONS} questions with {_CANDIDATES} passages, {sizes.rounds} rounds")
    arguments = {"questions": _QUESTIONS, "candidates": _CANDIDATES}
    ours: list[float] = []
    others: list[float] = []
    notes = [
        "passages of 150 words, a question with all of its passages at once; the other side's "
        "model is the one that the reader was trained from, with a head that was not: as large, "
        f"and as fast, as a trained one. The best of {sizes.rounds} rounds"
    ]
    for _ in range(sizes.rounds):
        ours.append(_rate(measure("rerank_footnote", **arguments)))
        try:
            others.append(_rate(measure("rerank_sentence_transformers", **arguments)))
        except Unavailable as missing:
            notes.append(f"nothing to compare with: {missing}")
            break
    other = max(others, default=None)
    return Outcome(
        "rerank",
        ours="Footnote: the bundled reader, int8 ONNX, which also says if and where a text answers",
        other="sentence-transformers: CrossEncoder.predict, fp32, a model of the same size",
        rows=[Row("pairs", "per s", max(ours), other, more_is_better=True)],
        bars=[Bar("rerank, times faster", max(ours) / other, _TIMES_FASTER, at_least=True)]
        if other
        else [],
        notes=notes,
    )


def _rate(side: dict[str, Any]) -> float:
    return float(side["pairs"] / side["seconds"])
