"""A larger model that learns what the reader is to know, and says it of every row.

It starts from all-mpnet-base-v2 (Apache-2.0; 110 million parameters), whose tokens are BERT's,
four places on: it reads the reader's rows as they are. What people marked, and questions made of
texts by rule, teach it first; of the questions that a language model wrote it then keeps those
whose answer it finds itself (Alberti et al., 2019), and learns from them too.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as logistic

from eval.training.learning import Losses, Step, in_order, learn, plan, read, scattered
from eval.training.lessons import Lessons
from eval.training.reader_model import ReaderModel
from eval.training.rows import CLS, SEP

WIDTH = 768
RATES = (4e-5, 3e-5)
TOKENS, READ_AT_ONCE = 40_000, 200_000
POINTWISE, OTHERS_ANSWER = 0.25, 0.3
AGREED = 0.5
"""F1 of the tokens of a written question's answer and of what the teacher finds."""
DOUBTED, SURE = 0.7, 0.4
"""Look-alikes that it believes to be answered more than that are left out, and so are search
questions with no place that it believes in as much as that."""
LONGEST_ANSWER = 20  # tokens
LISTED = ("search", "faq", "title", "keywords", "sentence", "paragraph", "evidence")
_SEED = 3


class Mpnet(nn.Module):  # type: ignore[misc, unused-ignore] # without torch
    """MPNet, called as BERT is, with BERT's tokens.

    Args:
        folder: Of its configuration and weights.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        from transformers import MPNetModel

        self.model = MPNetModel.from_pretrained(folder, add_pooling_layer=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Any:
        """As BertModel has it; MPNet knows no types."""
        ids = input_ids + 4
        for bert, own in ((CLS, 0), (SEP, 2), (0, 1)):
            ids = torch.where(input_ids == bert, own, ids)
        return self.model(input_ids=ids, attention_mask=attention_mask)


@dataclass(slots=True)
class Labels:
    """What a model says of every row; logits.

    Args:
        starts: Shape (rows, longest), half precision; likewise `ends`.
        relevance: Shape (rows,); likewise `answerable`.
    """

    starts: Tensor
    ends: Tensor
    relevance: Tensor
    answerable: Tensor


@dataclass(slots=True)
class Taught:
    """What the reader is to learn.

    Args:
        said: The teacher's word of every row.
        agreed: Written questions that the teacher understands as their writer did.
    """

    said: Labels
    agreed: NDArray[np.int64]


def teach(folder: Path, lessons: Lessons, *, share: float = 1.0) -> Taught:
    """Train a teacher and ask it about every row.

    Args:
        folder: Of all-mpnet-base-v2's configuration and weights.
        share: Of the lessons that are learned from, for a trial.
    """
    model = ReaderModel(Mpnet(folder), WIDTH).to(lessons.ids.device)
    rng = np.random.default_rng(_SEED)
    lists = drawn(lessons.listed(lessons.of_kinds(*LISTED)), 0.6, rng)
    marked, evidence = lessons.of_kinds("paragraph"), lessons.of_kinds("evidence")
    made = lessons.of_kinds("syntax", "named")
    places = np.concatenate([marked, marked, evidence, evidence, made])
    _learn(model, lessons, lists, places, RATES[0], share, rng)
    agreed = _agreed(model, lessons)
    lists = lessons.listed(lessons.of_kinds(*LISTED, "written"))
    places = np.concatenate([*[marked] * 3, evidence, agreed, drawn(made, 0.3, rng)])
    _learn(model, lessons, drawn(lists, 0.4, rng), places, RATES[1], share, rng)
    return Taught(say(model, lessons, np.arange(len(lessons.lengths))), agreed)


def drawn(groups: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """A random share."""
    return groups[rng.random(len(groups)) < share]


def _learn(
    model: ReaderModel, lessons: Lessons, lists: NDArray[np.int64], places: NDArray[np.int64],
    rate: float, share: float, rng: np.random.Generator,
) -> None:  # fmt: skip
    steps = plan(
        lessons, drawn(lists, share, rng), drawn(places, share, rng), tokens=TOKENS, rng=rng
    )
    learn(model, steps, lambda step: marked_loss(model, lessons, step), rate=rate)


def marked_loss(model: ReaderModel, lessons: Lessons, step: Step) -> Losses:
    """By what is marked: which of a list answers, where the answer stands, whether there is one."""
    if step.lists:
        lists = lessons.lists[step.groups]
        rows = lists[lists >= 0]
        found = read(model, lessons, rows)
        there = torch.as_tensor(lists >= 0, device=found.relevance.device)
        logits = torch.full(there.shape, -1e4, device=there.device)
        logits = logits.masked_scatter(there, found.relevance.float())
        gold = torch.zeros_like(logits)
        gold[:, 0] = 1
        weight = torch.where(gold > 0, 1.0, OTHERS_ANSWER)[there]
        known = lessons.answers[torch.as_tensor(rows, device=there.device)]
        each = logistic(found.answerable.float(), known.clamp(min=0), reduction="none")
        weight = weight * (known >= 0)
        return {
            "choice": -torch.log_softmax(logits, 1)[:, 0].mean(),
            "point": POINTWISE * logistic(found.relevance.float(), gold[there]),
            "other": 0.5 * (each * weight).sum() / weight.sum().clamp(min=1),
        }
    rows = lessons.first(step.groups)
    found = read(model, lessons, rows)
    place = torch.as_tensor(rows, device=found.relevance.device)
    spans, known = lessons.spans[place], lessons.answers[place]
    starts, ends = (torch.log_softmax(x.float(), 1) for x in (found.starts, found.ends))
    both = starts.gather(1, spans[..., 0].clamp(min=0)) + ends.gather(1, spans[..., 1].clamp(min=0))
    marked = spans[..., 0] >= 0
    likely = torch.logsumexp(both.masked_fill(~marked, -1e4), 1)[marked.any(1)]
    told = known >= 0
    parts = {"answer": 0.5 * logistic(found.answerable.float()[told], known[told])}
    if len(likely):
        parts["span"] = -0.5 * likely.mean()
    return parts


@torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore] # without torch
def say(model: ReaderModel, lessons: Lessons, rows: NDArray[np.int64]) -> Labels:
    """What the model says of some rows; of the others nothing is kept but zeros."""
    model.eval()
    shape, device = lessons.ids.shape, lessons.ids.device
    said = Labels(
        *(torch.full(shape, -1e4, dtype=torch.float16, device=device) for _ in range(2)),
        *(torch.zeros(shape[0], device=device) for _ in range(2)),
    )
    for some in in_order(lessons.lengths[rows], READ_AT_ONCE):
        found = read(model, lessons, rows[some])
        scattered(rows[some], found.starts, said.starts)
        scattered(rows[some], found.ends, said.ends)
        scattered(rows[some], found.relevance, said.relevance)
        scattered(rows[some], found.answerable, said.answerable)
    return said


def best_spans(said: Labels, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
    """First and last token of the likeliest place in each row, and its probability."""
    firsts, lasts, sure = [], [], []
    for some in np.array_split(rows, max(1, len(rows) // 2000)):
        place = torch.as_tensor(some, device=said.starts.device)
        starts, ends = (torch.log_softmax(x[place].float(), 1) for x in (said.starts, said.ends))
        both = starts[:, :, None] + ends[:, None, :]
        at = torch.arange(both.shape[1], device=both.device)
        length = at[None, :] - at[:, None]
        both = both.masked_fill((length < 0) | (length >= LONGEST_ANSWER), -1e4).flatten(1)
        value, where = both.max(1)
        firsts.append(where // len(at))
        lasts.append(where % len(at))
        sure.append(value.exp())
    return torch.cat(firsts), torch.cat(lasts), torch.cat(sure)


def overlap(lessons: Lessons, rows: NDArray[np.int64], first: Tensor, last: Tensor) -> Tensor:
    """F1 of places with the best of the marked ones, in tokens."""
    spans = lessons.spans[torch.as_tensor(rows, device=first.device)]
    low, high = spans[..., 0], spans[..., 1]
    common = torch.minimum(high, last[:, None]) - torch.maximum(low, first[:, None]) + 1
    sizes = (high - low + 1) + (last - first + 1)[:, None]
    f1 = 2 * common.clamp(min=0) / sizes.clamp(min=1)
    return torch.where(low >= 0, f1, 0.0).amax(1)


def _agreed(model: ReaderModel, lessons: Lessons) -> NDArray[np.int64]:
    """The written questions that the teacher understands as their writer did.

    Search questions, whose writer marked no answer, get the place that the teacher is sure of.
    """
    kept = []
    for kind in ("answered", "look-alike", "search"):
        groups = lessons.of_kinds(f"written-{kind}")
        rows = lessons.first(groups)
        said = say(model, lessons, rows)
        first, last, sure = best_spans(said, rows)
        if kind == "answered":
            good = overlap(lessons, rows, first, last) >= AGREED
        elif kind == "look-alike":
            place = torch.as_tensor(rows, device=sure.device)
            good = torch.sigmoid(said.answerable[place]) < DOUBTED
        else:
            good = sure > SURE
            place = torch.as_tensor(rows, device=sure.device)[good]
            lessons.spans[place, 0] = torch.stack([first, last], 1)[good]
        kept.append(groups[good.cpu().numpy()])
        sys.stdout.write(f"{kind}: {len(kept[-1])} of {len(groups)} kept\n")
    return np.concatenate(kept)
