"""Teach the reader to doubt: which sentences answer, and which only seem to.

    python -m eval.training.train_doubt DATA_FOLDER CHECKPOINT
    python -m eval.training.export_reader CHECKPOINT

It learns from what a second look reads (`graphs/skills/second_look.py`): the sentence of a marked
answer, or of what could be taken for one, alone and among its neighbours; and other sentences of
the same paragraph. Whole passages come along. Whatever else it says of a row it is to say as before
(Li & Hoiem, 2016, "Learning without forgetting").
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as logistic
from torch.nn.functional import mse_loss

from app.adapters import bundled
from app.core.text import Span, sentence_spans
from eval.training import distil, negatives
from eval.training.import_reader import read_graph
from eval.training.learning import Losses, Step, learn, plan, read
from eval.training.lessons import Lessons, pack, unpack
from eval.training.made import cut, made
from eval.training.pairs import Pair, gather
from eval.training.reader_model import ReaderModel, with_weights
from eval.training.rows import MARKED, Encoder
from eval.training.teacher import drawn, say
from graphs.skills.second_look import Sentence

RATE, TOKENS = 4e-5, 8192
SEEN = {
    "view-paragraph": 1.4, "view-evidence": 0.7, "view-other": 0.5, "view-syntax": 0.19,
    "view-named": 0.17, "paragraph": 1.0, "evidence": 0.35, "cut": 0.24, "syntax": 0.02,
    "named": 0.03,
}  # fmt: skip
"""How often a row of each kind is seen. Three times as often, what is marked is learned by heart:
look-alikes are told no better, and less is found first in its list."""
LISTS = 700
"""Questions of which other passages are read too, to say of them what was said before."""
ALTERED, CUTS = 2.4, 4
"""Look-alikes made of a text by rule, and ways to cut a marked one short."""
RELEVANCE, OTHERS, SPANS = 0.1, 0.3, 2.0
"""How much what is held fast counts: relevance, whether other passages answer, places."""
_SEED = 5


def main() -> None:
    """Gather, learn, measure; half an hour on two cores that multiply in half precision."""
    data, target = map(Path, sys.argv[1:3])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    file = target.with_suffix(".lessons.npz")
    write_lessons(data, file)
    lessons = unpack(file, device)
    old, model = (_bundled(device) for _ in range(2))
    told = {"before": measure(old, lessons)}
    doubt(model, old, lessons)
    told["after"] = measure(model, lessons)
    torch.save({name: value.cpu() for name, value in model.state_dict().items()}, target)
    sys.stdout.write(json.dumps(told, indent=2) + "\n")


def _bundled(device: str) -> ReaderModel:
    weights = read_graph(bundled.weights(bundled.READER_FOLDER))
    model = with_weights(weights, attention="eager" if device == "cpu" else "sdpa")
    model.to(device)
    return model


def write_lessons(data: Path, file: Path) -> None:
    """Everything that is learned from or measured on, as tokens."""
    rng = np.random.default_rng(_SEED)
    collection = gather(data, [])
    marked = [p for p in collection.pairs if p.kind in MARKED]
    by_rule = made(collection.passages, collection.pairs, altered=ALTERED)
    listed = [p for p in collection.pairs if p.kind == "search"]
    collection.pairs = [listed[i] for i in rng.permutation(len(listed))[:LISTS]]
    others = asyncio.run(negatives.mine(collection, count=3))
    kept = [pair for pair in marked if not pair.held_out]
    cuts = [replace(cut(p, rng), kind=f"cut-{p.kind}") for p in kept for _ in range(CUTS)]
    seen = [view for pair in marked + by_rule for view in views(pair, rng)]
    pairs = [replace(p, negatives=()) for p in marked] + others + by_rule + cuts + seen
    encoder = Encoder(bundled.tokenizer(), collection.passages, _SEED, whole=True)
    pack(file, [encoder.group(pair) for pair in pairs], [pair.held_out for pair in pairs])


def views(pair: Pair, rng: np.random.Generator) -> Iterator[Pair]:
    """What a second look would read of a pair, and of what stands beside its answer."""
    body = pair.shown.body
    spans = sentence_spans(body)
    holding = [
        n for n, s in enumerate(spans) if any(s.start <= a.start < s.end for a in pair.spans)
    ]
    if not holding:
        return
    chosen = int(rng.choice(holding))
    yield from _read_again(replace(pair, kind=f"view-{pair.kind}"), spans, chosen)
    if pair.kind not in MARKED:
        return
    beside = replace(pair, kind="view-other", spans=(), answerable=False)
    others = [n for n in range(len(spans)) if n not in holding]
    far = [n for n in others if not {n - 1, n + 1} & set(holding)]
    if others:
        yield next(_read_again(beside, spans, int(rng.choice(others))))
    if far:
        yield [*_read_again(beside, spans, int(rng.choice(far)))][-1]


def _read_again(pair: Pair, spans: Sequence[Span], number: int) -> Iterator[Pair]:
    """A sentence alone, and among its neighbours."""
    sentence = Sentence.of(pair.shown.body, spans, number)
    start, end = spans[number].start, spans[number].end
    inner = [s for s in pair.spans if start <= s.start and s.end <= end]
    for text, before in ((sentence.alone, 0), (sentence.around, sentence.before)):
        moved = tuple(Span(s.start - start + before, s.end - start + before) for s in inner)
        yield replace(pair, shown=replace(pair.shown, context="", body=text), spans=moved)


def doubt(model: ReaderModel, old: ReaderModel, lessons: Lessons) -> None:
    """Learn what answers, in place.

    Args:
        old: Says what is to stay.
    """
    rng = np.random.default_rng(_SEED)
    places = np.concatenate([_times(lessons.of_kinds(k), n, rng) for k, n in SEEN.items()])
    lists = lessons.listed(np.flatnonzero(~lessons.held_out))
    steps = plan(lessons, lists, places, tokens=TOKENS, rng=rng)
    old.eval()
    learn(model, steps, lambda step: doubting_loss(model, old, lessons, step), rate=RATE)


def _times(groups: NDArray[np.int64], times: float, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.concatenate([np.tile(groups, int(times)), drawn(groups, times % 1, rng)])


def doubting_loss(model: ReaderModel, old: ReaderModel, lessons: Lessons, step: Step) -> Losses:
    """How far the reader is from what is known, and from what it said of the rest."""
    lists = lessons.lists[step.groups]
    rows = lists[lists >= 0] if step.lists else lessons.first(step.groups)
    with torch.no_grad():
        said = read(old, lessons, rows)
    found = read(model, lessons, rows)
    answers = lessons.answers[torch.as_tensor(rows, device=lessons.answers.device)]
    known = (answers >= 0) & (not step.lists)
    wanted = torch.where(known, answers, torch.sigmoid(said.answerable.float()))
    each = logistic(found.answerable.float(), wanted, reduction="none")
    weight = torch.where(known, 1.0, OTHERS)
    spans = _apart(said.starts, found.starts) + _apart(said.ends, found.ends)
    return {
        "answer": (each * weight).sum() / weight.sum(),
        "span": SPANS * 0.5 * spans,
        "relevance": RELEVANCE * mse_loss(found.relevance.float(), said.relevance.float()),
    }


def _apart(said: Tensor, found: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of places, a mean over rows."""
    wanted = torch.log_softmax(said.float(), 1)
    return (wanted.exp() * (wanted - torch.log_softmax(found.float(), 1))).sum(1).mean()


def measure(model: ReaderModel, lessons: Lessons) -> dict[str, float]:
    """What `distil.py` measures; and look-alikes told by a second look at the right sentence."""
    views = lessons.first(lessons.of_kinds("view-paragraph", held_out=True))
    said = say(model, lessons, views).answerable[torch.as_tensor(views)]
    # A sentence alone and among its neighbours follow each other.
    sure, answers = said.reshape(-1, 2).mean(1), lessons.answers[torch.as_tensor(views[::2])] > 0
    above = sure[answers][:, None] > sure[~answers][None, :]
    return distil.measure(model, lessons) | {"look_alikes_again": float(above.float().mean())}


if __name__ == "__main__":
    main()
