"""Questions with passages, as tokens in tables: what a model learns from on a device.

A row is one question with one passage. Rows that are to be compared stand in one list, the one
that answers first. On the way to the device every text is kept once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eval.training.rows import CLS, LONG, SEP, Group

IN_LIST = 8
MOST_SPANS = 4
UNKNOWN = -1
LENGTHS = (32, 48, 64, 80, 96, 128, 176, LONG)
"""Rows are filled up to one of these: on a CPU, kernels are compiled anew for each shape."""


def pack(file: Path, groups: Sequence[Group], held_out: Sequence[bool]) -> None:
    """Write groups of rows to a file."""
    texts: dict[tuple[int, ...], int] = {}
    rows: list[tuple[int, int]] = []
    spans: list[list[tuple[int, int]]] = []
    answers: list[float] = []
    for group in groups:
        for row in group.rows[:IN_LIST]:
            asked, told = tuple(row.ids[1 : row.asked + 1]), tuple(row.ids[row.asked + 2 : -1])
            places = [texts.setdefault(text, len(texts)) for text in (asked, told)]
            rows.append((places[0], places[1]))
            spans.append((row.spans + [(UNKNOWN, UNKNOWN)] * MOST_SPANS)[:MOST_SPANS])
            answers.append(UNKNOWN if row.answers is None else row.answers)
    np.savez_compressed(
        file,
        tokens=np.concatenate([np.array(text, np.uint16) for text in texts]),
        lengths=np.array([len(text) for text in texts], np.int32),
        rows=np.array(rows, np.int32),
        spans=np.array(spans, np.int16),
        answers=np.array(answers, np.float32),
        sizes=np.array([len(group.rows[:IN_LIST]) for group in groups], np.int32),
        kinds=np.array([group.kind for group in groups]),
        held_out=np.array(held_out, bool),
    )


@dataclass(slots=True)
class Lessons:
    """All rows, on a device.

    Args:
        ids: Tokens, filled up with 0, shape (rows, longest).
        begins: Where the passage begins, shape (rows,).
        lengths: Tokens of each row, on the CPU, shape (rows,).
        spans: First and last token of what may answer, or UNKNOWN, shape (rows, MOST_SPANS, 2).
        answers: 1 or 0, or UNKNOWN, shape (rows,).
        lists: The rows of each group, or UNKNOWN, on the CPU, shape (groups, IN_LIST).
        kinds: How each group's question came to be.
        held_out: Whether a group is measured on, and not learned from.
    """

    ids: Tensor
    begins: Tensor
    lengths: NDArray[np.int64]
    spans: Tensor
    answers: Tensor
    lists: NDArray[np.int64]
    kinds: NDArray[np.str_]
    held_out: NDArray[np.bool_]

    def first(self, groups: NDArray[Any]) -> NDArray[np.int64]:
        """The first row of each."""
        found: NDArray[np.int64] = self.lists[groups, 0]
        return found

    def of_kinds(self, *kinds: str, held_out: bool = False) -> NDArray[np.int64]:
        """The groups whose kind begins with one of these."""
        chosen = np.array([str(kind).startswith(kinds) for kind in self.kinds], bool)
        found: NDArray[np.int64] = np.flatnonzero(chosen & (self.held_out == held_out))
        return found

    def listed(self, groups: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those in which there is something to choose among."""
        found: NDArray[np.int64] = groups[self.lists[groups, 1] >= 0]
        return found

    def inputs(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """ids, types and mask of some rows."""
        longest = padded(int(self.lengths[rows].max()))
        place = torch.as_tensor(rows, device=self.ids.device)
        ids = self.ids[place, :longest].long()
        mask = (ids != 0).long()
        at = torch.arange(longest, device=ids.device)[None, :]
        return ids, ((at >= self.begins[place, None]) & (ids != 0)).long(), mask


def unpack(file: Path, device: str) -> Lessons:
    """What `pack` wrote."""
    packed = np.load(file)
    texts = np.split(packed["tokens"], np.cumsum(packed["lengths"])[:-1])
    count = len(packed["rows"])
    ids = np.zeros((count, LONG), np.int32)
    begins, lengths = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for number, (asked, told) in enumerate(packed["rows"]):
        row = [CLS, *texts[asked], SEP, *texts[told], SEP]
        ids[number, : len(row)] = row
        begins[number], lengths[number] = len(texts[asked]) + 2, len(row)
    sizes = packed["sizes"]
    lists = np.full((len(sizes), IN_LIST), -1, np.int64)
    for number, (end, size) in enumerate(zip(np.cumsum(sizes), sizes, strict=True)):
        lists[number, :size] = np.arange(end - size, end)
    return Lessons(
        torch.from_numpy(ids).to(device),
        torch.from_numpy(begins).to(device),
        lengths,
        torch.from_numpy(packed["spans"].astype(np.int64)).to(device),
        torch.from_numpy(packed["answers"]).to(device),
        lists,
        packed["kinds"],
        packed["held_out"],
    )


def padded(length: int) -> int:
    """The length that a row is filled up to; of more than LONG tokens, which are several rows'."""
    return next((most for most in LENGTHS if length <= most), length)


def by_length(
    lengths: NDArray[np.int64], tokens: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Places of like length together, at most `tokens` with padding, in random order."""
    order = rng.permutation(len(lengths))
    filled = np.array([padded(int(length)) for length in lengths])
    batches: list[list[int]] = [[]]
    for place in order[np.argsort(filled[order], kind="stable")].tolist():
        if (len(batches[-1]) + 1) * int(filled[place]) > tokens and batches[-1]:
            batches.append([])
        batches[-1].append(place)
    for number in rng.permutation(len(batches)):
        if batches[number]:
            yield np.array(batches[number])
