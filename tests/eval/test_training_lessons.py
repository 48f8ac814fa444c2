"""What the reader learns from reaches it as it was made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters import bundled
from app.core.text import Span
from eval.training.made import cut
from eval.training.pairs import Pair, Passage
from eval.training.question_writer import Asked, pair_of, record_of, written
from eval.training.rows import Encoder

BODY = (
    "Lund is a town in Scania. Its plant was opened in 1987 by the king. "
    "It employs four hundred people. Most of them live nearby. The river is called Höje."
)
LUND = Passage("nq", "nq/Lund", "Lund", BODY)
KIEL = Passage("nq", "nq/Kiel", "Kiel", "Kiel lies on the Baltic Sea and has a canal.")


def _place(answer: str) -> Span:
    return Span(BODY.index(answer), BODY.index(answer) + len(answer))


def _pair(answer: str = "1987", **more: object) -> Pair:
    return Pair("paragraph", "When was it opened?", 0, LUND, (_place(answer),), **more)  # type: ignore[arg-type]


@given(st.sampled_from(["Scania", "1987", "the king", "four hundred", "Höje"]), st.integers(0, 99))
def test_a_passage_cut_short_still_holds_its_answer(answer: str, seed: int) -> None:
    shown = cut(_pair(answer), np.random.default_rng(seed))

    said = [shown.shown.body[span.start : span.end] for span in shown.spans]

    assert said == [answer]
    assert shown.shown.body in BODY


@given(st.sampled_from(["Scania", "1987", "Höje"]), st.integers(0, 99))
def test_what_a_second_look_learns_of_are_sentences_with_their_answer_and_others_without(
    answer: str, seed: int
) -> None:
    pytest.importorskip("torch")
    from eval.training.train_doubt import views

    found = list(views(_pair(answer), np.random.default_rng(seed)))

    alone, around = (view for view in found if view.kind == "view-paragraph")
    others = [view for view in found if view.kind == "view-other"]
    for view in (alone, around):
        assert [view.shown.body[s.start : s.end] for s in view.spans] == [answer]
    assert alone.shown.body in around.shown.body
    assert others and not any(view.answerable or view.spans for view in others)
    assert all(answer not in view.shown.body and view.shown.body in BODY for view in others)
    encoder = Encoder(bundled.tokenizer(), [LUND], 0, whole=True)
    assert [encoder.group(view).rows[0].answers for view in (alone, *others)] == [
        1.0, *(0.0 for _ in others),
    ]  # fmt: skip


def test_only_whole_questions_whose_answer_stands_in_the_text_are_learned_from() -> None:
    asked = [Asked("answered", 0, "Lund", BODY)] * 4 + [Asked("look-alike", 0, "Lund", BODY)]
    said = {
        0: "Answer: 1987\nQuestion: When did the plant open?<|im_end|>",
        1: "Answer: 1988\nQuestion: When did the plant close?<|im_end|>",
        2: "Answer: 1987\nQuestion: When did the plant",
        3: "Answer: 1987<|im_end|>",
        4: "Answer: 1999\nQuestion: When did the harbour open?<|im_end|>",
    }

    found = written(asked, said, [LUND])

    assert [(p.question, p.answerable) for p in found] == [
        ("When did the plant open?", True),
        ("When did the harbour open?", False),
    ]
    assert found[0].spans == (_place("1987"),)
    assert [pair_of(record_of(pair), [LUND]) for pair in found] == found


@given(st.lists(st.integers(5, 272), min_size=1, max_size=300), st.integers(272, 4000))
def test_steps_have_few_shapes_and_every_row_once(lengths: list[int], tokens: int) -> None:
    pytest.importorskip("torch")
    from eval.training.lessons import LENGTHS, by_length, padded

    some = np.array(lengths)
    steps = list(by_length(some, tokens, np.random.default_rng(0)))

    assert sorted(np.concatenate(steps).tolist()) == list(range(len(lengths)))
    widths = [max(padded(int(length)) for length in some[step]) for step in steps]
    assert set(widths) <= set(LENGTHS)
    assert all(len(step) * width <= tokens for step, width in zip(steps, widths, strict=True))


def test_lessons_reach_the_device_as_they_were_made(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from eval.training.lessons import pack, unpack

    encoder = Encoder(bundled.tokenizer(), [LUND, KIEL], 0, whole=True)
    groups = [encoder.group(_pair(negatives=(1,))), encoder.group(_pair("the king"))]
    pack(tmp_path / "lessons.npz", groups, [False, True])

    lessons = unpack(tmp_path / "lessons.npz", "cpu")

    rows = [row for group in groups for row in group.rows]
    for row, ids, begins, spans, answers in zip(
        rows, lessons.ids, lessons.begins, lessons.spans, lessons.answers, strict=True
    ):
        assert ids[: len(row.ids)].tolist() == row.ids
        assert not ids[len(row.ids) :].any()
        assert int(begins) == row.asked + 2
        assert spans[: len(row.spans)].tolist() == [list(span) for span in row.spans]
        assert float(answers) == row.answers
    assert lessons.lists[:, :2].tolist() == [[0, 1], [2, -1]]
    assert lessons.listed(np.arange(2)).tolist() == [0]
    assert lessons.of_kinds("paragraph").tolist() == [0]
    assert lessons.of_kinds("paragraph", held_out=True).tolist() == [1]


@given(st.lists(st.integers(3, 200), max_size=60), st.integers(0, 5))
def test_nothing_is_left_out_of_the_steps_and_none_is_too_large(
    lengths: list[int], seed: int
) -> None:
    pytest.importorskip("torch")
    from eval.training.lessons import by_length

    batches = list(by_length(np.array(lengths, np.int64), 400, np.random.default_rng(seed)))

    assert sorted(i for batch in batches for i in batch.tolist()) == list(range(len(lengths)))
    assert all(len(b) * max(lengths[i] for i in b) <= 400 for b in batches if len(b) > 1)


def test_each_question_meets_its_own_passage(tmp_path: Path) -> None:
    """Once all rows of a step were compared with the first row's question."""
    torch = pytest.importorskip("torch")
    from eval.training.late import late_interaction
    from eval.training.lessons import pack, unpack

    class Bag(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        table = torch.randn(30_522, 64)

        def forward(self, input_ids: object, **_: object) -> object:
            return SimpleNamespace(last_hidden_state=self.table[input_ids])

    passages = [LUND, KIEL]
    encoder = Encoder(bundled.tokenizer(), passages, 0, whole=True)
    pairs = [
        Pair("search", passage.body, place, Passage("nq", "", "", passage.body))
        for place, passage in enumerate(passages)
    ]
    pack(tmp_path / "lessons.npz", [encoder.group(pair) for pair in pairs], [False, False])

    met = late_interaction(Bag(), unpack(tmp_path / "lessons.npz", "cpu"), np.arange(2))

    assert met.tolist() == pytest.approx([1.0, 1.0], abs=1e-3)


def test_a_place_is_as_good_as_the_tokens_it_shares_with_the_best_marked_one() -> None:
    torch = pytest.importorskip("torch")
    from eval.training.teacher import Labels, best_spans, overlap

    starts, ends = torch.full((2, 9), -5.0), torch.full((2, 9), -5.0)
    starts[0, 3], ends[0, 5], starts[1, 6], ends[1, 2] = 5.0, 5.0, 5.0, 4.0
    said = Labels(starts, ends, torch.zeros(2), torch.zeros(2))
    marked = torch.tensor([[[4, 5], [-1, -1]], [[-1, -1], [-1, -1]]])
    rows = np.arange(2)

    first, last, sure = best_spans(said, rows)

    assert (int(first[0]), int(last[0])) == (3, 5)
    assert int(last[1]) >= int(first[1]), "an answer does not end before it begins"
    assert float(sure[0]) > 0.9 > float(sure[1])
    f1 = overlap(SimpleNamespace(spans=marked), rows, first, last)  # type: ignore[arg-type]
    assert f1.tolist() == pytest.approx([0.8, 0.0])


def test_a_reader_learns_what_its_teacher_says_and_then_what_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    from eval.training import distil
    from eval.training.lessons import pack, unpack
    from eval.training.reader_model import ReaderModel
    from eval.training.teacher import Labels, Taught, best_spans, say

    class Small(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(30_522, 16)

        def forward(self, input_ids: object, **_: object) -> object:
            return SimpleNamespace(last_hidden_state=self.table(input_ids))

    torch.manual_seed(0)
    encoder = Encoder(bundled.tokenizer(), [LUND, KIEL], 0, whole=True)
    pairs = [_pair(negatives=(1,)), replace(_pair("Scania", negatives=(1,)), kind="search")]
    pack(tmp_path / "lessons.npz", list(map(encoder.group, pairs)), [False, False])
    lessons = unpack(tmp_path / "lessons.npz", "cpu")
    taught_place = int(lessons.spans[0, 0, 0]) + 3
    starts = torch.full(lessons.ids.shape, -9.0)
    starts[:, taught_place] = 9.0
    right = torch.tensor([4.0, -4.0, 4.0, -4.0])
    taught = Taught(Labels(starts, starts, right, right), np.array([], np.int64))
    model = ReaderModel(Small(), 16)
    first = np.array([0])

    monkeypatch.setattr(distil, "RATE", 0.03)
    monkeypatch.setattr(distil, "POLISHING_RATE", 0.03)
    for _ in range(30):
        distil.distil(model, lessons, taught, right / 4)
    said = say(model, lessons, np.arange(4))
    assert best_spans(said, first)[0].item() == taught_place
    assert said.relevance[0] > said.relevance[1] and said.answerable[0] > said.answerable[1]

    for _ in range(60):
        distil.polish(model, lessons, taught.agreed)
    assert best_spans(say(model, lessons, first), first)[0].item() == int(lessons.spans[0, 0, 0])
