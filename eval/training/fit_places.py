"""Fit how much the reader, the scorer of sentences and the words' shape count for a place.

    python -m eval.training.fit_places DATA_FOLDER

Prints the weights in `graphs/skills/places.py`: those with which the likeliest place has most
words in common with the marked answers, over the two articles of SQuAD 2 that the reader did
not learn from, and what each half of the questions gives with the weights of the other.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters.onnx_dense import BundledEncoder
from app.adapters.reader import BundledReader
from app.adapters.sentence_scorer import SentenceScorer
from eval.bench.sides.reading_footnote import Marked, best_f1, read_marked
from eval.judged.places import candidates_in
from eval.training.pairs import SQUAD_HELD_OUT
from graphs.skills.places import AGAIN, AT_FIRST, Likelihoods, signs_of
from graphs.skills.second_look import look_again

_STEPS, _RATE, _DECAY = 150, 0.05, 1.5
_LIKELIHOOD = 0.2
"""Of the logarithm beside the expected F1: questions that are far off still pull."""
_LITTLE = 1e-3
_FACTORS = np.geomspace(0.5, 8, 33)
Floats = NDArray[np.float64]
Places = tuple[Floats, Floats]
"""Of the places of one question: signs, shape (places, signs), and F1 of each."""


def main() -> None:
    """Read, fit, measure, print."""
    marked = read_marked(Path(sys.argv[1]) / "squad2/part.json", "squad2")
    held_out = [m for m in marked if m.answers and m.key.split("/")[1] in SQUAD_HELD_OUT]
    for names, places in zip((AT_FIRST, AGAIN), asyncio.run(_read(held_out)), strict=True):
        halves = places[::2], places[1::2]
        crossed = [measure(halves[1 - n], fit(halves[n])) for n in (0, 1)]
        alone, every = np.eye(len(names))[0], fit(places)
        told = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(names, every, strict=True))
        sys.stdout.write(
            f"{told}; F1 {np.mean(crossed):.1f} crosswise, "
            f"{measure(places, alone):.1f} with the reader alone, {len(places)} questions\n"
        )


async def _read(marked: Sequence[Marked]) -> tuple[list[Places], list[Places]]:
    """Of each question, its places at first sight and those that were read again."""
    encoder, reader = BundledEncoder(), BundledReader()
    scorer = SentenceScorer.load(encoder)
    first: list[Places] = []
    again: list[Places] = []
    for one in marked:
        found = await candidates_in(one.paragraph, one.question, reader, scorer)
        candidates = [candidate for _, candidate in found]
        now = await look_again(one.question, candidates, reader, worth=0.0)  # more to learn from
        f1 = [best_f1(one.paragraph[p.start : p.end], one.answers) for p, _ in found]
        if found:
            first.append(_rows([(c.said, f) for c, f in zip(candidates, f1, strict=True)]))
            again.append(_rows([(n, f) for n, f in zip(now, f1, strict=True) if n]))
    await reader.close()
    await encoder.close()
    return first, again


def _rows(places: Sequence[tuple[Likelihoods, float]]) -> Places:
    return np.array([signs_of(said) for said, _ in places]), np.array([f1 for _, f1 in places])


def fit(places: Sequence[Places]) -> Floats:
    """The weights under which the expected F1 is highest, as sharp as is likeliest.

    Few questions tell little of the words' shape, so all weights are held back; what that takes
    from their size is given back by one factor for all.
    """
    direction = _direction(places)
    likelihoods = [_likelihood(places, direction * factor) for factor in _FACTORS]
    found: Floats = direction * _FACTORS[int(np.argmax(likelihoods))]
    return found


def _likelihood(places: Sequence[Places], weights: Floats) -> float:
    """The mean logarithm of the expected F1."""
    return float(np.mean([np.log(_softmax(x @ weights) @ f1 + _LITTLE) for x, f1 in places]))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max())
    found: Floats = powers / powers.sum()
    return found


def _direction(places: Sequence[Places]) -> Floats:
    import torch

    spread = np.concatenate([signs for signs, _ in places]).std(axis=0) + 1e-6
    rows = [
        (torch.tensor(signs / spread, dtype=torch.float32), torch.tensor(f1, dtype=torch.float32))
        for signs, f1 in places
    ]
    weights = torch.eye(len(spread))[:2].sum(0).requires_grad_()
    optimizer = torch.optim.Adam([weights], lr=_RATE)
    for _ in range(_STEPS):
        gained = torch.stack([(torch.softmax(x @ weights, 0) * f1).sum() for x, f1 in rows])
        worth = gained + _LIKELIHOOD * torch.log(gained + _LITTLE)
        loss = _DECAY * (weights**2).mean() - worth.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found: Floats = weights.detach().numpy().astype(np.float64) / spread
    return found


def measure(places: Sequence[Places], weights: Floats) -> float:
    """Mean F1 of the likeliest place, in percent."""
    return 100 * float(np.mean([f1[int(np.argmax(x @ weights))] for x, f1 in places]))


if __name__ == "__main__":
    main()
