"""A small language model learns from examples, and goes on from beginnings.

Tokens in, tokens out: it runs on whatever device PyTorch finds, and wants nothing else.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

TOKENS = 24_000
"""Of a batch, padding included."""
RATE, WARM_UP, DECAY = 3e-4, 0.05, 0.01
WARMTH, LIKELIEST = 0.9, 40
"""Temperature, and how many tokens may come next."""
AT_ONCE = 1024
FILLER = 0
"""A token that no text has: it fills rows up to one length."""
_NOT_LEARNED = -100


@dataclass(frozen=True, slots=True)
class Example:
    """A beginning and how it goes on; only the latter is learned."""

    beginning: Sequence[int]
    rest: Sequence[int]


def load(file: Path) -> Any:
    """The model of a GGUF file, for `learn` and `go_on`; fp32."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    ).to(device())


def device() -> str:
    """`cuda` where there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def learn(model: Any, examples: Sequence[Example], *, seed: int) -> None:
    """Go through the examples once; the rate falls to nothing."""
    import torch

    rng = np.random.default_rng(seed)
    plan = list(_batches([len(e.beginning) + len(e.rest) for e in examples], rng))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: min((n + 1) / (WARM_UP * len(plan)), 1 - n / len(plan))
    )
    model.train()
    started, mean = time.time(), 0.0
    for number, batch in enumerate(plan):
        ids, labels = _padded([examples[i] for i in batch])
        with torch.autocast(device(), dtype=torch.bfloat16, enabled=device() == "cuda"):
            loss = model(input_ids=ids, attention_mask=(ids != FILLER).long(), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        mean += (0.05 if number else 1.0) * (float(loss.detach()) - mean)
        if number % 50 == 0:
            _say(f"{number}/{len(plan)} loss {mean:.3f} {time.time() - started:.0f} s")


def go_on(
    model: Any, beginnings: Sequence[Sequence[int]], *, most: int, seed: int, seconds: float
) -> dict[int, list[int]]:
    """What the model says after each beginning, by its place.

    Args:
        most: Tokens that are added.
        seconds: After so many nothing more is begun; what is missing then is a random part.
    """
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model.eval()
    if device() == "cuda":
        model.to(torch.bfloat16)
    order = np.argsort([len(b) for b in beginnings], kind="stable")
    parts = [order[at : at + AT_ONCE] for at in range(0, len(order), AT_ONCE)]
    said: dict[int, list[int]] = {}
    started = time.time()
    for number in rng.permutation(len(parts)):
        if time.time() - started > seconds:
            break
        some = [beginnings[i] for i in parts[number]]
        longest = max(map(len, some))
        ids = torch.tensor([[FILLER] * (longest - len(b)) + list(b) for b in some])
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids.to(device()), attention_mask=(ids != FILLER).long().to(device()),
                do_sample=True, temperature=WARMTH, top_k=LIKELIEST, max_new_tokens=most,
                pad_token_id=FILLER,
            )  # fmt: skip
        for place, row in zip(parts[number].tolist(), out[:, longest:].tolist(), strict=True):
            said[place] = [token for token in row if token != FILLER]
        _say(f"{len(said)} of {len(beginnings)}, {time.time() - started:.0f} s")
    return said


def _batches(lengths: Sequence[int], rng: np.random.Generator) -> Iterator[list[int]]:
    """Examples of like length together, in random order."""
    order = sorted(rng.permutation(len(lengths)).tolist(), key=lambda i: lengths[i])
    batches: list[list[int]] = [[]]
    for i in order:
        if (len(batches[-1]) + 1) * lengths[i] > TOKENS:
            batches.append([])
        batches[-1].append(i)
    for number in rng.permutation(len(batches)):
        yield batches[number]


def _padded(examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    import torch

    longest = max(len(e.beginning) + len(e.rest) for e in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    labels = torch.full_like(ids, _NOT_LEARNED)
    for row, e in enumerate(examples):
        end = len(e.beginning) + len(e.rest)
        ids[row, :end] = torch.tensor([*e.beginning, *e.rest])
        labels[row, len(e.beginning) : end] = torch.tensor(list(e.rest))
    return ids.to(device()), labels.to(device())


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
