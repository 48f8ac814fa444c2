"""Ranked candidates to the passages that go on: aged, joined, without copies, diverse."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Literal

from app.core.settings import RetrievalSettings
from app.core.text import STOP_WORDS, words
from app.core.types import Passage

_MANY = 100  # candidates take long enough to be felt by those who wait for the event loop
_DAY = timedelta(days=1)
_FIGURE = re.compile(r"\d")

Run = tuple[str, ...]
Why = Literal["joined", "near_copy", "mmr", "cut"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A candidate that does not go on as a passage of its own, and why.

    Args:
        why: It `joined` its neighbour; is a `near_copy` of a better passage; stood back for
            more novel ones (`mmr`); or came after the last that goes on (`cut`).
        other: The passage that it joined or copies.
        likeness: For a copy, the share of it that the other passage says.
    """

    passage: Passage
    why: Why
    other: Passage | None = None
    likeness: float | None = None


async def select(
    ranked: Sequence[Sequence[Passage]],
    *,
    most: int,
    settings: RetrievalSettings,
    left_out: list[LeftOut] | None = None,
) -> list[Passage]:
    """The passages that go on, best first, at most `most`.

    Candidates are looked at in order until enough are taken. One that says nearly what a
    better one says is left out, and one that touches a better one joins it: no text goes on
    that would not have had a place of its own.

    Args:
        ranked: Candidates as `rank` orders them, a list for each question they answer: each
            of these keeps its best passage.
        most: How many.
        settings: What is done to the candidates.
        left_out: Is told of each candidate that does not go on by itself.
    """
    if sum(map(len, ranked)) > _MANY:
        return await asyncio.to_thread(_select, ranked, most, settings, left_out)
    return _select(ranked, most, settings, left_out)


def aged(
    passages: Sequence[Passage], half_life_days: float, now: datetime | None = None
) -> list[Passage]:
    """Passages with their scores halved for every `half_life_days` of age, best first.

    Where scores are negative, it is what a passage has above the lowest that is halved. One
    without a date does not age. A half-life of 0 changes nothing.
    """
    if not half_life_days or not passages:
        return list(passages)
    now = now or datetime.now(UTC)
    floor = min(0.0, *(passage.score for passage in passages))

    def score(passage: Passage) -> float:
        age = max(0.0, (now - passage.dated) / _DAY) if passage.dated else 0.0
        return floor + (passage.score - floor) * float(0.5 ** (age / half_life_days))

    weaker = [passage.model_copy(update={"score": score(passage)}) for passage in passages]
    return sorted(weaker, key=lambda passage: -passage.score)


def _select(
    ranked: Sequence[Sequence[Passage]],
    most: int,
    settings: RetrievalSettings,
    left_out: list[LeftOut] | None,
) -> list[Passage]:
    lists = [aged(passages, settings.decay_half_life_days) for passages in ranked if passages]
    queue = dict(enumerate(_once(lists)))
    taken, last = _Taken(settings, left_out), -1
    novelty = _Novelty(queue, settings.mmr_lambda) if settings.mmr_lambda < 1 else None
    while queue and len(taken.places) < most:
        first = next(iter(queue))
        # The best of each list is taken as it comes.
        number = novelty.best(queue) if novelty and first >= len(lists) else first
        candidate = queue.pop(number)
        if taken.take(candidate):
            last = max(last, number)
            if novelty:
                novelty.note(candidate, queue)
    if left_out is not None:
        left_out += [LeftOut(p, "mmr" if n < last else "cut") for n, p in queue.items()]
    chosen = [place.passage for place in taken.places]
    return chosen if novelty else sorted(chosen, key=lambda passage: -passage.score)


def _once(lists: Sequence[Sequence[Passage]]) -> list[Passage]:
    """All candidates, each once: the best of every list, then the others by score."""
    everything = sorted(chain.from_iterable(lists), key=lambda passage: -passage.score)
    once: dict[tuple[str, int], Passage] = {}
    for passage in [*(passages[0] for passages in lists), *everything]:
        once.setdefault((passage.document_id, passage.start), passage)
    return list(once.values())


@dataclass(frozen=True, slots=True)
class _Words:
    """What a text is told by: its runs of three words, and its figures."""

    runs: frozenset[Run] = frozenset()
    figures: frozenset[str] = frozenset()

    @classmethod
    def of(cls, text: str) -> _Words:
        """A text of fewer than three words is one run."""
        found = words(text)
        runs = zip(found, found[1:], found[2:], strict=False) if found[2:] else [tuple(found)]
        return cls(frozenset(runs), frozenset(word for word in found if _FIGURE.search(word)))

    def __or__(self, other: _Words) -> _Words:
        return _Words(self.runs | other.runs, self.figures | other.figures)


@dataclass(slots=True, eq=False)
class _Place:
    """One of the passages that go on; it grows by its neighbours."""

    passage: Passage
    words: _Words
    gone: bool = False


@dataclass(slots=True)
class _Taken:
    """The passages that go on so far: where they stand and what they say."""

    settings: RetrievalSettings
    left_out: list[LeftOut] | None
    places: list[_Place] = field(default_factory=list)
    _starting: dict[tuple[str, int], _Place] = field(default_factory=dict)
    _ending: dict[tuple[str, int], _Place] = field(default_factory=dict)
    _saying: dict[Run, set[_Place]] = field(default_factory=dict)

    def take(self, candidate: Passage) -> bool:
        """Whether the candidate's text goes on: by itself, or as part of its neighbour."""
        place = _Place(candidate, self._words(candidate))
        if self._is_copy(place):
            return False
        self.places.append(place)
        self._know(place)
        if self.settings.merge_neighbours:
            before = self._ending.get((candidate.document_id, candidate.start))
            after = self._starting.get((candidate.document_id, candidate.end))
            for neighbour in (before, after):
                if neighbour and not neighbour.gone and self._may_join(neighbour, place):
                    place = self._join(neighbour, place)
        return True

    def _words(self, candidate: Passage) -> _Words:
        return _Words.of(candidate.text) if self.settings.near_copies < 1 else _Words()

    def _is_copy(self, new: _Place) -> bool:
        """Whether a passage says nearly all of a new one, and every figure in it.

        One that differs in a figure alone, as yearly reports do, is no copy.
        """
        saying = (self._saying.get(run) for run in new.words.runs)
        said = Counter(chain.from_iterable(places for places in saying if places))
        for place, count in said.most_common():
            likeness = count / len(new.words.runs)
            if likeness < self.settings.near_copies:
                return False
            if not place.gone and new.words.figures <= place.words.figures:
                self._tell(LeftOut(new.passage, "near_copy", place.passage, likeness))
                return True
        return False

    def _may_join(self, one: _Place, other: _Place) -> bool:
        """Whether both touch, and page and heading are still true of the two as one."""
        a, b = one.passage, other.passage
        touch = a.end == b.start or b.end == a.start
        same = (a.page, a.heading) == (b.page, b.heading)
        return touch and same and len(a.text) + len(b.text) <= self.settings.merged_chars

    def _join(self, neighbour: _Place, place: _Place) -> _Place:
        """Both in the place of the better one."""
        kept, given_up = sorted((neighbour, place), key=self.places.index)
        kept.passage = _joined(kept.passage, given_up.passage)
        kept.words |= given_up.words
        self.places.remove(given_up)
        given_up.gone = True
        self._know(kept)
        self._tell(LeftOut(given_up.passage, "joined", kept.passage))
        return kept

    def _know(self, place: _Place) -> None:
        whole = place.passage
        self._starting[whole.document_id, whole.start] = place
        self._ending[whole.document_id, whole.end] = place
        for run in place.words.runs:
            self._saying.setdefault(run, set()).add(place)

    def _tell(self, entry: LeftOut) -> None:
        if self.left_out is not None:
            self.left_out.append(entry)


class _Novelty:
    """Maximal marginal relevance (Carbonell & Goldstein, 1998).

    Relevance is the score, scaled to [0, 1]; likeness is the share of common words.

    Args:
        queue: The candidates by number.
        share: Of relevance; the rest is taken off for likeness to what is chosen.
    """

    def __init__(self, queue: Mapping[int, Passage], share: float) -> None:
        self._share = share
        self._words = {n: _content(passage.text) for n, passage in queue.items()}
        self._like = dict.fromkeys(queue, 0.0)
        scores = {n: passage.score for n, passage in queue.items()}
        low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
        span = (high - low) or 1.0
        self._relevance = {n: (score - low) / span for n, score in scores.items()}

    def best(self, queue: Mapping[int, Passage]) -> int:
        """The number of the candidate to choose next."""

        def worth(number: int) -> float:
            like = self._like[number]
            return self._share * self._relevance[number] - (1 - self._share) * like

        return max(queue, key=worth)

    def note(self, chosen: Passage, queue: Mapping[int, Passage]) -> None:
        """One was chosen: those like it are worth less from now on."""
        mine = _content(chosen.text)
        for number in queue:
            theirs = self._words[number]
            like = len(mine & theirs) / (len(mine | theirs) or 1)
            self._like[number] = max(self._like[number], like)


def _joined(one: Passage, other: Passage) -> Passage:
    """Two that touch as one: characters `[start, end)` of the document, scored as the better."""
    first, second = sorted((one, other), key=lambda passage: passage.start)
    best = max(one, other, key=lambda passage: passage.score)
    return first.model_copy(
        update={
            "end": second.end,
            "text": first.text + second.text,
            "score": best.score,
            "scores": best.scores,
        }
    )


def _content(text: str) -> set[str]:
    return set(words(text)) - STOP_WORDS
