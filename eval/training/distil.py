"""The reader learns from its teacher (Hinton et al., 2015, "Distilling the knowledge").

    python -m eval.training.question_writer DATA_FOLDER TEXTS_FOLDER GGUF_FILE QUESTIONS_FILE
    python -m eval.training.distil DATA_FOLDER TEXTS_FOLDER QUESTIONS_FILE MPNET_FOLDER CHECKPOINT
    python -m eval.training.export_reader CHECKPOINT

The bundled reader goes on from its own weights. It learns how likely the teacher thinks each
passage of a list, each token to begin or to end the answer, and that there is one. How well the
passage's words meet the question's, each read alone by the bundled encoder, is heard too
(`late.py`): that ranks science and manuals better than what has learned from other texts. At last
it learns what is marked as it is marked; and the mean of the weights before and after finds as
many answers, and tells look-alikes better than what only learned (Wortsman et al., 2022, "Robust
fine-tuning of zero-shot models").
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as logistic

from app.adapters import bundled
from eval.training import negatives
from eval.training.corpora import read_texts
from eval.training.import_reader import read_graph
from eval.training.late import bundled_encoder, late_interaction
from eval.training.learning import Losses, Step, learn, plan, read
from eval.training.lessons import IN_LIST, Lessons, pack, unpack
from eval.training.made import made
from eval.training.pairs import Pair, Passage, gather
from eval.training.question_writer import pair_of
from eval.training.reader_model import ReaderModel, with_weights
from eval.training.rows import Encoder, Group
from eval.training.teacher import (
    LISTED,
    OTHERS_ANSWER,
    POINTWISE,
    Taught,
    best_spans,
    drawn,
    marked_loss,
    overlap,
    say,
    teach,
)

RATE, TOKENS = 1.2e-4, 48_000
LISTS = 3
"""How often every list is seen."""
PLACES = {"paragraph": 6, "evidence": 4, "search": 3, "named": 2, "syntax": 2, "written": 5}
"""How often a question of a kind is seen with its own passage."""
GOLD, MET = 0.35, 0.4
"""Of what is learned of a list: what is known to answer, and whose words meet the question's;
else the teacher's word."""
COSINES = 18.0
"""Of a mean of cosines, as a logit."""
POLISHED = {"paragraph": 3, "evidence": 1}
POLISHING_RATE, MADE_AGAIN, LISTS_AGAIN = 4e-5, 0.08, 0.03
"""Of the last part: its rate, and the share of made questions and of lists that is seen again."""
AFTER = 0.6
"""The share of the weights that come after, in the mean."""
COMPARED = 0.25
"""The share of written questions whose passage is compared with others."""
UNTITLED = 0.4
"""How often a marked or a written question's passage is read without its title."""
_SEED = 4


def main() -> None:
    """Gather, mine, teach, distil, polish; wants a GPU to end the same day."""
    data, texts, questions, mpnet, target = map(Path, sys.argv[1:6])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    file = target.with_suffix(".lessons.npz")
    write_lessons(data, texts, questions, file)
    lessons = unpack(file, device)
    model = with_weights(read_graph(bundled.weights(bundled.READER_FOLDER))).to(device)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    lists = lessons.lists[lessons.listed(np.flatnonzero(~lessons.held_out))]
    met = late_interaction(bundled_encoder().to(device), lessons, lists[lists >= 0])
    taught = teach(mpnet, lessons)
    distil(model, lessons, taught, met)
    polish(model, lessons, taught.agreed)
    after = model.state_dict()
    mean = {name: torch.lerp(before[name], after[name], AFTER).cpu() for name in after}
    torch.save(mean, target)
    sys.stdout.write(json.dumps(measure(model, lessons)) + "\n")


def write_lessons(data: Path, texts: Path, questions: Path, file: Path) -> None:
    """Everything that is learned from or measured on, as tokens."""
    collection = gather(data, list(read_texts(texts)))
    passages = collection.passages
    with questions.open(encoding="utf-8") as lines:
        written = [pair_of(json.loads(line), passages) for line in lines]
    rng = np.random.default_rng(_SEED)
    chosen = rng.random(len(written)) < COMPARED
    compared = [p for p, one in zip(written, chosen, strict=True) if one and p.answerable]
    alone = [p for p, one in zip(written, chosen, strict=True) if not (one and p.answerable)]
    alone += made(passages, collection.pairs)
    collection.pairs = [p for p in collection.pairs if p.kind in LISTED] + compared
    pairs = asyncio.run(negatives.mine(collection, count=IN_LIST - 1)) + alone
    pack(file, _encoded(passages, pairs), [pair.held_out for pair in pairs])


def _encoded(passages: Sequence[Passage], pairs: Sequence[Pair]) -> list[Group]:
    rng = np.random.default_rng(_SEED)
    encoder = Encoder(bundled.tokenizer(), passages, _SEED, whole=True)
    found = []
    for pair in pairs:
        if pair.kind == "search":  # nobody marked its answer; `named` has what may be it
            pair = replace(pair, spans=())
        elif pair.kind.startswith(("paragraph", "written")) and rng.random() < UNTITLED:
            pair = replace(pair, shown=replace(pair.shown, context=""))
        found.append(encoder.group(pair))
    return found


def distil(
    model: ReaderModel, lessons: Lessons, taught: Taught, met: Tensor, *, share: float = 1.0
) -> None:
    """Teach a reader what the teacher says, in place.

    Args:
        met: How well the words of each listed row meet; see `late_interaction`.
        share: Of the lessons that are learned from, for a trial.
    """
    rng = np.random.default_rng(_SEED)
    lists = np.tile(lessons.listed(np.flatnonzero(~lessons.held_out)), LISTS)
    places = np.concatenate([np.tile(lessons.of_kinds(k), n) for k, n in PLACES.items()])
    lists, places = drawn(lists, share, rng), drawn(places, share, rng)
    steps = plan(lessons, lists, places, tokens=TOKENS, rng=rng)
    learn(model, steps, lambda step: taught_loss(model, lessons, taught, met, step), rate=RATE)


def polish(model: ReaderModel, lessons: Lessons, agreed: NDArray[np.int64]) -> None:
    """What is marked, as it is marked, and what was written and understood; in place."""
    rng = np.random.default_rng(_SEED)
    marked = [np.tile(lessons.of_kinds(kind), times) for kind, times in POLISHED.items()]
    again = drawn(lessons.of_kinds("syntax"), MADE_AGAIN, rng)
    lists = drawn(lessons.listed(np.flatnonzero(~lessons.held_out)), LISTS_AGAIN, rng)
    places = np.concatenate([*marked, agreed, again])
    steps = plan(lessons, lists, places, tokens=TOKENS // 4, rng=rng)
    learn(model, steps, lambda step: marked_loss(model, lessons, step), rate=POLISHING_RATE)


def taught_loss(
    model: ReaderModel, lessons: Lessons, wanted: Taught, met: Tensor, step: Step
) -> Losses:
    """How far the reader is from what is wanted."""
    if step.lists:
        return _of_lists(model, lessons, wanted, met, lessons.lists[step.groups])
    rows = lessons.first(step.groups)
    found = read(model, lessons, rows)
    place = torch.as_tensor(rows, device=found.relevance.device)
    width = found.starts.shape[1]
    spans = torch.zeros((), device=place.device)
    for said, teacher in ((found.starts, wanted.said.starts), (found.ends, wanted.said.ends)):
        target = torch.softmax(teacher[place, :width].float(), 1)
        spans = spans - 0.5 * (target * torch.log_softmax(said.float(), 1)).sum(1).mean()
    marked = np.isin(lessons.kinds[step.groups], ("paragraph", "evidence"))
    hard = torch.as_tensor(marked, device=place.device)
    believed = torch.sigmoid(wanted.said.answerable[place])
    target = torch.where(hard, lessons.answers[place], believed)
    return {"span": spans, "answer": logistic(found.answerable.float(), target)}


def _of_lists(
    model: ReaderModel, lessons: Lessons, wanted: Taught, met: Tensor, lists: NDArray[np.int64]
) -> Losses:
    rows = lists[lists >= 0]
    found = read(model, lessons, rows)
    there = torch.as_tensor(lists >= 0, device=found.relevance.device)
    place = torch.as_tensor(rows, device=there.device)
    gold = torch.zeros(there.shape, device=there.device)
    gold[:, 0] = 1

    def shaped(values: Tensor) -> Tensor:
        blank = torch.full(there.shape, -1e4, device=there.device)
        return blank.masked_scatter(there, values.float())

    teacher = torch.softmax(shaped(wanted.said.relevance[place]), 1)
    meeting = torch.softmax(shaped(COSINES * met[place]), 1)
    target = GOLD * gold + MET * meeting + (1 - GOLD - MET) * teacher
    believed = 0.5 * (torch.sigmoid(wanted.said.relevance[place]) + gold[there])
    weight = torch.where(gold > 0, 1.0, OTHERS_ANSWER)[there] * (lessons.answers[place] >= 0)
    each = logistic(
        found.answerable.float(), torch.sigmoid(wanted.said.answerable[place]), reduction="none"
    )
    logits = torch.log_softmax(shaped(found.relevance), 1)
    return {
        "choice": -(target * logits).sum(1).mean(),
        "point": POINTWISE * logistic(found.relevance.float(), believed),
        "other": 0.5 * (each * weight).sum() / weight.sum().clamp(min=1),
    }


def measure(model: ReaderModel, lessons: Lessons) -> dict[str, float]:
    """On what is held out: F1 of tokens, the area under ROC of look-alikes, first in its list."""
    groups = lessons.of_kinds("paragraph", held_out=True)
    rows = lessons.first(groups)
    said = say(model, lessons, rows)
    place = torch.as_tensor(rows, device=said.relevance.device)
    answers = lessons.answers[place].bool()
    first, last, _ = best_spans(said, rows)
    sure = said.answerable[place]
    above = sure[answers][:, None] - sure[~answers][None, :]
    chosen = lessons.lists[lessons.listed(np.flatnonzero(lessons.held_out))]
    heard = say(model, lessons, chosen[chosen >= 0]).relevance.cpu().numpy()
    scores = np.where(chosen >= 0, heard[chosen], -np.inf)
    return {
        "f1": 100 * float(overlap(lessons, rows, first, last)[answers].mean()),
        "look_alikes": float((above > 0).float().mean()),
        "first_in_list": float((scores.argmax(1) == 0).mean()) if len(chosen) else 0.0,
    }


if __name__ == "__main__":
    main()
