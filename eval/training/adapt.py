"""The reader, trained further on a user's own documents: `footnote models adapt`.

It learns to choose the passage that a question was made from among hard negatives. What it says
of the answer's place, and whether there is one, has no teacher in texts alone: there it learns
to say what it said before (Li & Hoiem, 2016, "Learning without forgetting").
"""

from __future__ import annotations

import asyncio
import copy
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as logistic

from app import parts
from app.adapters import bundled
from app.adapters.own_models import OwnReader, keep_reader
from app.adapters.ranker import CalibratedRanker
from app.adapters.reader import BundledReader
from app.core.settings import Settings
from app.wiring import open_footnote
from eval.training.cases import read_all
from eval.training.export_reader import quantized
from eval.training.import_reader import read_graph
from eval.training.learning import optimizer_of
from eval.training.own_texts import Library, make_pairs, mined, read_library, searched
from eval.training.pairs import Pair
from eval.training.reader_model import Read, ReaderModel, weights_of, with_weights
from eval.training.rows import Encoder, Group
from eval.training.train_reader import batches, loss_of, tensors
from eval.training.trial import Verdict, compare, gains

RATE, HEAD_RATE = 5e-5, 1e-4
PAIRS_A_MINUTE = 600
"""As many as a fast machine reads; a slow one leaves some out."""
_ROUNDS = 2
_WARM_UP = 20  # steps
_LEAST = 0.02  # of the rate, at the end
_SEED = 0
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Args:
        kept: Whether the new reader is in use from the next start.
        documents: Read of the tenant.
        passages: Of these documents.
        learned: How many questions of each kind were learned from.
        held_out: How many were measured on.
        rows: Questions with a passage that were gone through, some of them twice.
        verdict: On the questions held out; None if nothing was trained.
    """

    kept: bool
    documents: int
    passages: int
    learned: dict[str, int]
    held_out: int
    rows: int = 0
    verdict: Verdict | None = None


async def adapt(
    settings: Settings,
    *,
    tenant: str,
    minutes: float,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Train, measure, and keep the result if it is better.

    Cancelled at any moment, it leaves everything as it was.

    Args:
        minutes: Of training; reading and measuring come on top.
        dry_run: Only count what could be learned from.

    Raises:
        InputError: There is too little text.
        LockedError: Another process holds the embedded index.
    """
    told = progress or (lambda done, total, step: None)
    async with open_footnote(settings) as footnote:
        told(0, 100, "reading the documents")
        library = await read_library(footnote, tenant)
        pairs = await make_pairs(library, most=int(PAIRS_A_MINUTE * minutes) + 200)
        measured = [pair for pair in pairs if pair.held_out]
        ready = await mined(library, pairs, seed=_SEED)
        kinds = dict(Counter(pair.kind for pair in ready))
        outcome = Outcome(False, library.documents, len(library.shown), kinds, len(measured))
        if dry_run:
            return outcome
        model, rows = await _trained(library, ready, minutes * 60, told)
        told(90, 100, "measuring")
        data = await asyncio.to_thread(quantized, weights_of(model))
        verdict = await _tried(settings, library, measured, data)
        if verdict.better:
            keep_reader(parts.data_dir(settings), data, _record(outcome, rows, verdict))
    return Outcome(
        verdict.better, library.documents, len(library.shown), kinds, len(measured), rows, verdict
    )


def _record(outcome: Outcome, rows: int, verdict: Verdict) -> dict[str, object]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "pairs": outcome.learned,
        "rows": rows,
        "result": asdict(verdict),
    }


async def _trained(
    library: Library, pairs: Sequence[Pair], seconds: float, told: Progress
) -> tuple[ReaderModel, int]:
    """The installed reader, trained further, and how many rows it read."""
    stop = threading.Event()

    def work() -> tuple[ReaderModel, int]:
        model = with_weights(read_graph(bundled.weights(bundled.READER_FOLDER)))
        encoder = Encoder(bundled.tokenizer(), library.texts.passages, _SEED)
        groups = [encoder.group(pair) for pair in pairs]
        rows = fine_tune(model, groups, seconds=seconds, stop=stop, told=told)
        return model, rows

    try:
        return await asyncio.to_thread(work)
    finally:
        stop.set()  # a thread cannot be cancelled: it looks


def fine_tune(
    model: ReaderModel,
    groups: Sequence[Group],
    *,
    seconds: float,
    stop: threading.Event,
    told: Progress,
) -> int:
    """Train for some time, at most _ROUNDS times through the groups; gives the rows read."""
    torch.manual_seed(_SEED)
    rng = np.random.default_rng(_SEED)
    before = copy.deepcopy(model).eval()
    optimizer = optimizer_of(model, RATE, HEAD_RATE)
    plan = [batch for _ in range(_ROUNDS) for batch in batches(groups, rng)]
    model.train()
    started, seen = time.monotonic(), 0
    for number, batch in enumerate(plan):
        done = max(number / len(plan), (time.monotonic() - started) / seconds)
        if done >= 1 or stop.is_set():
            break
        share = min((number + 1) / _WARM_UP, max(_LEAST, 1 - done))
        for group, rate in zip(optimizer.param_groups, (RATE, HEAD_RATE), strict=True):
            group["lr"] = rate * share
        _step(model, before, optimizer, batch)
        seen += sum(len(group.rows) for group in batch)
        told(round(90 * done), 100, f"training, {seen} passages read")
    model.eval()
    return seen


def _step(
    model: ReaderModel, before: ReaderModel, optimizer: torch.optim.Optimizer, batch: list[Group]
) -> None:
    rows = [row for group in batch for row in group.rows]
    right = [number for number, row in enumerate(rows) if row.gold]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        read = model(*tensors(rows))
        with torch.no_grad():
            old = before(*tensors([rows[number] for number in right]))
    parts_of = loss_of(read, batch)
    wanted = [parts_of[name] for name in ("choice", "point") if name in parts_of]
    torch.stack([*wanted, _forgotten(read, old, right)]).sum().backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _forgotten(new: Read, old: Read, right: Sequence[int]) -> Tensor:
    """How far the other heads are from what they said of the same rows."""
    count = len(right)
    chosen = torch.tensor(right)
    lost = logistic(new.answerable[chosen], torch.sigmoid(old.answerable[:count]))
    for now, then in ((new.starts, old.starts), (new.ends, old.ends)):
        kept = torch.softmax(then[:count].float(), 1)
        said = torch.log_softmax(now[chosen][:, : then.shape[1]].float(), 1)
        lost = lost - (kept * said).sum(1).mean() / 2
    return lost


async def _tried(
    settings: Settings, library: Library, pairs: Sequence[Pair], data: bytes
) -> Verdict:
    """The new reader against the one in use, both through the final score."""
    found = await searched(library, pairs)
    old = await asyncio.to_thread(parts.reader, settings)
    new = await asyncio.to_thread(_reader_of, data)
    scores = []
    for reader in (old, new):
        try:
            ranker = CalibratedRanker.load(reader)
            scores.append(gains(ranker, await read_all(found, ranker)))
        finally:
            await reader.close()
    return await asyncio.to_thread(compare, *scores)


def _reader_of(data: bytes) -> BundledReader:
    """A reader that is nowhere kept yet."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        file.write_bytes(data)
        return BundledReader(OwnReader(file, ""))
