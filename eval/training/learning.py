"""How a model goes through lessons: steps of like length in random order, on any device."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eval.training.lessons import Lessons, by_length
from eval.training.reader_model import Read, ReaderModel

WARM_UP, LEAST, DECAY = 0.05, 0.02, 0.01
HEAD_TIMES = 4
"""The heads learn so much faster than the encoder."""
_SAID_EVERY = 100


@dataclass(frozen=True, slots=True)
class Step:
    """Some groups, read together: whole lists, or the first row of each, to find answers in."""

    groups: NDArray[np.int64]
    lists: bool


Losses = dict[str, Tensor]


def plan(
    lessons: Lessons,
    lists: NDArray[np.int64],
    places: NDArray[np.int64],
    *,
    tokens: int,
    rng: np.random.Generator,
) -> list[Step]:
    """Steps through both, mixed.

    Args:
        lists: Groups whose rows are compared; one that stands there twice is seen twice.
        places: Groups in whose first row an answer is looked for; likewise.
        tokens: Of a step, with padding.
    """
    every = np.where(lessons.lists >= 0, lessons.lengths[lessons.lists], 0)
    whole = every[lists].max(axis=1) * (every[lists] > 0).sum(axis=1)
    steps = (
        [Step(lists[some], True) for some in by_length(whole, tokens, rng)] if len(lists) else []
    )
    if len(places):
        first = lessons.lengths[lessons.first(places)]
        steps += [Step(places[some], False) for some in by_length(first, tokens, rng)]
    return [steps[i] for i in rng.permutation(len(steps))]


def read(model: ReaderModel, lessons: Lessons, rows: NDArray[np.int64]) -> Read:
    """What the model says of some rows; in half precision where that is multiplied at once."""
    kind = lessons.ids.device.type
    half = kind == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    with torch.autocast(kind, dtype=torch.bfloat16, enabled=half):
        return model(*lessons.inputs(rows))  # type: ignore[no-any-return]


def learn(
    model: ReaderModel, steps: Sequence[Step], loss_of: Callable[[Step], Losses], *, rate: float
) -> None:
    """Go through the steps once; the rate rises, and falls to nearly nothing.

    Args:
        rate: Highest learning rate of the encoder.
    """
    optimizer = optimizer_of(model, rate, HEAD_TIMES * rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda n: min((n + 1) / (WARM_UP * len(steps) + 1), max(LEAST, 1 - n / len(steps))),
    )
    model.train()
    started, said = time.time(), dict[str, list[Tensor]]()
    for number, step in enumerate(steps, 1):
        parts = loss_of(step)
        torch.stack(list(parts.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        for name, part in parts.items():
            said.setdefault(name, []).append(part.detach())
        if number % _SAID_EVERY == 0 or number == len(steps):
            told = " ".join(f"{k} {float(torch.stack(v).mean()):.3f}" for k, v in said.items())
            sys.stdout.write(f"{number}/{len(steps)} {time.time() - started:.0f} s {told}\n")
            sys.stdout.flush()
            said.clear()


def optimizer_of(model: ReaderModel, rate: float, head_rate: float) -> torch.optim.Optimizer:
    """Two groups, the encoder and the heads, with the highest learning rate of each."""
    body = [p for n, p in model.named_parameters() if n.startswith("encoder") and p.requires_grad]
    heads = [p for n, p in model.named_parameters() if not n.startswith("encoder")]
    return torch.optim.AdamW(
        [{"params": body, "lr": rate}, {"params": heads, "lr": head_rate}], weight_decay=DECAY
    )


def in_order(lengths: NDArray[np.int64], tokens: int) -> Iterator[NDArray[np.int64]]:
    """Every row once, in batches, the shortest first."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * int(lengths[order[end]]) <= tokens:
            end += 1
        yield order[start:end]
        start = end


def scattered(rows: NDArray[np.int64], values: Tensor, into: Tensor) -> None:
    """Put the values of some rows where they belong; what is missing at the end stays."""
    place = torch.as_tensor(rows, device=into.device)
    if values.dim() == 1:
        into[place] = values.to(into.dtype)
    else:
        into[place, : values.shape[1]] = values.to(into.dtype)
