"""Train the reader-reranker on mined pairs.

Each question comes with the passage that answers it and some that do not. Relevance is
learned by choosing among them (softmax cross-entropy) and one by one (logistic loss, so
that scores of different questions can be compared); the answer's place by the probability
of all of its possible places together; answerability by logistic loss.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as logistic

from app.core.text import Span
from eval.training.pairs import Pair, Passage
from eval.training.reader_model import Read, ReaderModel

QUESTION_TOKENS = 48
SHORT, LONG, LONG_SHARE = 144, 272, 0.2
ROWS, MEGABATCH = 32, 40
RATE, HEAD_RATE, WARM_UP, DECAY = 8e-5, 4e-4, 0.06, 0.01
KINDS_THAT_ANSWER = ("search", "paragraph", "evidence", "statement")
SPAN_WEIGHT = {"paragraph": 1.0, "evidence": 1.0, "search": 0.4, "statement": 0.4}
NEGATIVE_ANSWER_WEIGHT = 0.3
POINTWISE = 0.25
CLS, SEP = 101, 102


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
    def size(self) -> int:
        """Tokens when padded to the longest."""
        return max(len(row.ids) for row in self.rows) * len(self.rows)


class Encoder:
    """Pairs to groups of rows."""

    def __init__(self, tokenizer: Any, passages: Sequence[Passage], seed: int) -> None:
        self._tokenizer = tokenizer
        self._passages = passages
        self._random = random.Random(seed)  # noqa: S311 - not a secret

    def group(self, pair: Pair) -> Group:
        """The rows of a pair, all within the same number of tokens."""
        most = LONG if self._random.random() < LONG_SHARE else SHORT
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
        within = [
            (a + shift, b + shift) for a, b in places if a >= first and b < first + len(told)
        ]
        return Row([CLS, *asked, SEP, *told, SEP], len(asked), within, gold, answers, weight)


def _tokens_of(encoding: Any, span: Span, shift: int) -> tuple[int, int] | None:
    first = encoding.char_to_token(span.start + shift)
    last = encoding.char_to_token(span.end - 1 + shift)
    return None if first is None or last is None else (first, last)


def batches(groups: Sequence[Group], rng: np.random.Generator) -> Iterator[list[Group]]:
    """Groups of like length together, at most ROWS rows at once, in random order."""
    order = rng.permutation(len(groups))
    for start in range(0, len(order), MEGABATCH * 8):
        some = sorted((groups[i] for i in order[start : start + MEGABATCH * 8]), key=lambda g: g.size / len(g.rows))
        found: list[list[Group]] = [[]]
        for group in some:
            if sum(len(g.rows) for g in found[-1]) + len(group.rows) > ROWS:
                found.append([])
            found[-1].append(group)
        for number in rng.permutation(len(found)):
            yield found[number]


def tensors(rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
    """ids, types and mask, padded to the longest row."""
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    types, mask = torch.zeros_like(ids), torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)] = torch.tensor(row.ids)
        types[number, row.asked + 2 : len(row.ids)] = 1
        mask[number, : len(row.ids)] = 1
    return ids, types, mask


def loss_of(read: Read, batch: Sequence[Group]) -> dict[str, Tensor]:
    """The parts of the loss, each a mean over what it applies to."""
    rows = [row for group in batch for row in group.rows]
    gold = torch.tensor([float(row.gold) for row in rows])
    lists, at = [], 0
    for group in batch:
        end = at + len(group.rows)
        if len(group.rows) > 1:
            lists.append(-torch.log_softmax(read.relevance[at:end], 0)[0])
        at = end
    parts: dict[str, Tensor] = {}
    if lists:
        parts["choice"] = torch.stack(lists).mean()
        parts["point"] = POINTWISE * logistic(read.relevance, gold)
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
    model: ReaderModel, groups: Sequence[Group], *, epochs: int, seed: int, out: Path, every_s: float
) -> None:
    """Train for some epochs; a checkpoint every `every_s` seconds."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    body = [p for n, p in model.named_parameters() if n.startswith("encoder") and p.requires_grad]
    heads = [p for n, p in model.named_parameters() if not n.startswith("encoder")]
    optimizer = torch.optim.AdamW(
        [{"params": body, "lr": RATE}, {"params": heads, "lr": HEAD_RATE}], weight_decay=DECAY
    )
    plan = [batch for _ in range(epochs) for batch in batches(groups, rng)]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda n: min((n + 1) / (WARM_UP * len(plan)), max(0.02, 1 - n / len(plan))),
    )
    model.train()
    started = saved = time.time()
    seen, means = 0, dict.fromkeys(("choice", "point", "answer", "span"), 0.0)
    for number, batch in enumerate(plan):
        rows = [row for group in batch for row in group.rows]
        with torch.autocast("cpu", dtype=torch.bfloat16):
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
        if number % 50 == 0:
            rate = seen / (time.time() - started)
            told = " ".join(f"{name} {value:.3f}" for name, value in means.items())
            sys.stdout.write(f"{number}/{len(plan)} {rate:.1f} pairs/s {told}\n")
            sys.stdout.flush()
        if time.time() - saved > every_s:
            torch.save(model.state_dict(), out)
            saved = time.time()
    torch.save(model.state_dict(), out)
