"""Teach the bundled reader where answers stand, and what only seems to be one.

    torchrun --nproc-per-node 2 -m eval.training.train_places DATA_FOLDER TEXTS_FOLDER CHECKPOINT
    python -m eval.training.export_reader CHECKPOINT

The reader goes on from its own weights: first with questions that are made from the syntax of
statements, and their look-alikes; then with real ones. Passages are cut to the few sentences
around the answer, which is less to read. Groups of passages to choose among keep it a reranker,
and so does the mean of the weights before and after (Wortsman et al., 2022, "Robust fine-tuning
of zero-shot models"): it finds more answers than either.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from app.adapters import bundled
from app.adapters.onnx_dense import BundledEncoder
from app.adapters.sentence_scorer import SentenceScorer
from app.core.text import Span, sentence_spans
from eval.training.corpora import read_texts
from eval.training.import_reader import read_graph
from eval.training.named import named_answers
from eval.training.negatives import mine
from eval.training.pairs import Pair, Passage, gather
from eval.training.reader_model import ReaderModel, with_weights
from eval.training.syntax import parser, questions_of, unanswerable
from eval.training.train_reader import MARKED, Encoder, rank, train

RATES = (6e-5, 3e-5)
SOURCES = ("nq", "halueval")
"""Encyclopedic texts, of which questions are made; a text of squad2 that is held out is none."""
MADE, ALTERED, TAKEN = 2.2, 0.7, 0.35
"""Questions made of a text, look-alikes made of them, and questions about what is taken out of
the text, each on average."""
RANKED = (
    {"search": 0.20, "faq": 1.0, "title": 0.25, "sentence": 0.12, "keywords": 0.2},
    {"search": 0.09, "faq": 0.6, "title": 0.09, "sentence": 0.04, "keywords": 0.06},
)
"""Share of each kind's groups that is seen again, in the first round and in the second."""
FROZEN = 2
"""Layers that stay as they are: they know words already, and a fifth of the time is saved."""
NEGATIVES = 2
AGAIN = {"search": 0.5, "paragraph": 0.67, "evidence": 0.67}
"""Share of the real questions that is seen in the second round."""
TIMES = 3
"""How often a marked question may be seen then: twice cut, once whole."""
_CHARS = 1600
_SEED = 7


def main() -> None:
    """Gather, mine, parse, train; an hour and a half on two cores."""
    if "RANK" in os.environ:  # set by torchrun, which starts a process for each core
        torch.distributed.init_process_group("gloo")
        torch.set_num_threads(1)
    data, texts, target = map(Path, sys.argv[1:4])
    collection = gather(data, list(read_texts(texts)))
    pairs = asyncio.run(mine(collection))
    teach(collection.passages, pairs, target)


def teach(passages: Sequence[Passage], pairs: Sequence[Pair], target: Path) -> None:
    """Both rounds, from the bundled reader's weights to a checkpoint."""
    rng = np.random.default_rng(_SEED)
    rounds = lessons(passages, pairs, rng)
    model = with_weights(read_graph(bundled.weights(bundled.READER_FOLDER)))
    for below in (model.encoder.embeddings, *model.encoder.encoder.layer[:FROZEN]):
        below.requires_grad_(False)
    before, after = _copy(model), []
    for number, (chosen, rate) in enumerate(zip(rounds, RATES, strict=True)):
        encoder = Encoder(bundled.tokenizer(), passages, number)
        train(model, list(map(encoder.group, chosen)), rate=rate, seed=number, out=target)
        after.append(_copy(model))
    if not rank():
        taught = {name: _mean([one[name] for one in after]) for name in before}
        torch.save({name: _mean([before[name], taught[name]]) for name in before}, target)


def _copy(model: ReaderModel) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean(0)


def lessons(
    passages: Sequence[Passage], pairs: Sequence[Pair], rng: np.random.Generator
) -> tuple[list[Pair], list[Pair]]:
    """What is seen in the first round, and in the second; nothing that is held out."""
    kept = [pair for pair in pairs if not pair.held_out]
    marked = [pair for pair in kept if pair.kind in MARKED]
    held_out = {pair.passage for pair in pairs if pair.held_out}
    parse = parser()
    texts = [
        (place, p, parse(p.body[:_CHARS]))
        for place, p in enumerate(passages)
        if place not in held_out and p.source in SOURCES
    ]
    made = list(_made(texts, rng))
    docs = {place: doc for place, _, doc in texts}
    real = asyncio.run(_real(kept, docs))
    real = [_cut(pair, rng) for pair in real]
    first = made + real + [_cut(pair, rng) for pair in marked]
    again = real + [_cut(p, rng) for p in marked for _ in range(TIMES - 1)] + marked
    second = [replace(p, negatives=()) for p in again if rng.random() < AGAIN[p.kind]]
    return first + _ranked(kept, RANKED[0], rng), second + _ranked(kept, RANKED[1], rng)


def _made(texts: Sequence[tuple[int, Passage, Any]], rng: np.random.Generator) -> Iterator[Pair]:
    """Questions made of each text, some altered, some with their sentence taken out."""
    names: dict[str, list[str]] = defaultdict(list)
    for _, _, doc in texts:
        for entity in doc.ents:
            names[entity.label_].append(entity.text)
    for place, passage, doc in texts:
        found = questions_of(doc, rng, passage.context)
        shares = [min(1.0, share / max(len(found), 1)) for share in (MADE, ALTERED, TAKEN)]
        for made in found:
            shown = replace(passage, context=passage.context if rng.random() < 0.5 else "")
            pair = Pair("syntax", made.question, place, shown, (made.answer,))
            if rng.random() < shares[0]:
                yield _cut(pair, rng)
            if rng.random() < shares[1]:
                other = unanswerable(made, doc, names, rng)
                if other:
                    yield _cut(replace(pair, question=other.question, answerable=False), rng)
            if rng.random() < shares[2]:
                yield _without(pair, rng)


def _cut(pair: Pair, rng: np.random.Generator) -> Pair:
    """The pair with its answer's sentence and up to two on either side; whole if unmarked."""
    if not pair.spans:
        return pair
    body, answer = pair.shown.body, pair.spans[int(rng.integers(len(pair.spans)))]
    sentences = sentence_spans(body)
    holding = [i for i, s in enumerate(sentences) if s.start <= answer.start < s.end]
    if not holding:
        return pair
    first = max(0, holding[0] - int(rng.integers(3)))
    last = min(len(sentences) - 1, holding[0] + int(rng.integers(3)))
    start, end = sentences[first].start, sentences[last].end
    spans = tuple(
        Span(s.start - start, s.end - start)
        for s in pair.spans
        if start <= s.start and s.end <= end
    )
    return replace(pair, shown=replace(pair.shown, body=body[start:end]), spans=spans)


def _without(pair: Pair, rng: np.random.Generator) -> Pair:
    """The pair with the answer's sentence taken out: what is left does not answer."""
    body, answer = pair.shown.body, pair.spans[0]
    sentences = sentence_spans(body)
    place = next((i for i, s in enumerate(sentences) if s.start <= answer.start < s.end), 0)
    near = [s for i, s in enumerate(sentences) if i != place and abs(i - place) <= 2]
    left = " ".join(body[s.start : s.end].strip() for s in near)
    shown = replace(pair.shown, body=left)
    return replace(pair, shown=shown, spans=(), answerable=False)


async def _real(pairs: Sequence[Pair], docs: dict[int, Any]) -> list[Pair]:
    """Search questions with the names that may answer."""
    encoder = BundledEncoder()
    scorer = SentenceScorer.load(encoder)
    found = []
    for pair in pairs:
        if pair.kind == "search" and pair.passage in docs:
            doc = docs[pair.passage]
            spans = await named_answers(pair.question, doc, pair.shown.context, scorer)
            if spans:
                found.append(replace(pair, spans=tuple(spans), negatives=()))
    await encoder.close()
    return found


def _ranked(
    pairs: Sequence[Pair], shares: dict[str, float], rng: np.random.Generator
) -> list[Pair]:
    return [
        replace(p, negatives=p.negatives[:NEGATIVES])
        for p in pairs
        if rng.random() < shares.get(p.kind, 0.0)
    ]


if __name__ == "__main__":
    main()
