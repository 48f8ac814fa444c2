"""Questions of many kinds and the passages that answer them, to train the reader on.

Real ones: search questions (qed_nq, clapnq), questions about a paragraph with the answer's
place (squad2), questions with evidence (halueval), FAQ headings. And made from texts without
anyone's help: headings, sentences taken out of their text, keywords, words that a dictionary
explains, and statements turned into questions by rule. No text or question of a set that the
ranking is measured on is among them.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from app.core.text import STOP_WORDS, Span, sentence_spans, words
from eval.training.answers import recurring, statement, typed_answers
from eval.training.corpora import Text

SQUAD_HELD_OUT = ("Imperialism", "Packet_switching")
HELD_OUT_PACKAGES = ("gnucash-docs", "python3.11-doc")
HELD_OUT_EVERY = 20  # of the search questions
_KEPT_SENTENCE = 0.1  # a sentence taken out of its text stays in it as often as this
_KEPT_HEADING = 0.3
STATEMENTS = 0.75  # of the passages, one in each
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage as the reader sees it: title and headings, then the text.

    `page` tells which passages stem from one page; `source` which collection it is from.
    """

    source: str
    page: str
    context: str
    body: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and a passage that answers it.

    Args:
        kind: How the question came to be.
        passage: Index into the passages.
        shown: What the reader sees of the passage, where it is not the whole.
        spans: Places of the answer in `shown.body`, one of which is right, or, where there is no
            answer, what could be taken for it; empty if unknown.
        answerable: False for questions that only seem to be answered.
        negatives: Passages that do not answer it.
        held_out: Measured on, not learned from.
    """

    kind: str
    question: str
    passage: int
    shown: Passage
    spans: tuple[Span, ...] = ()
    answerable: bool = True
    negatives: tuple[int, ...] = ()
    held_out: bool = False


@dataclass(slots=True)
class Collection:
    """Passages and pairs, as they are gathered."""

    passages: list[Passage] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)

    def add(self, passage: Passage) -> int:
        """The index of a new passage."""
        self.passages.append(passage)
        return len(self.passages) - 1

    def ask(self, kind: str, question: str, passage: int, **more: object) -> None:
        """A pair; `shown` is the passage unless it is given."""
        more.setdefault("shown", self.passages[passage])
        self.pairs.append(Pair(kind, question, passage, **more))  # type: ignore[arg-type]


def gather(data: Path, texts: Sequence[Text], *, seed: int = 0) -> Collection:
    """All pairs, without negatives.

    Args:
        data: The folder of published sets.
        texts: What `corpora.read_texts` gives.
    """
    rng = np.random.default_rng(seed)
    found = Collection()
    _search_questions(data, found, rng)
    _paragraph_questions(data, found)
    _evidence_questions(data, found)
    encyclopedic = len(found.passages)
    without_help(found, list(range(encyclopedic)), rng, share=0.5)
    for place, passage in enumerate(found.passages):
        if passage.source != "squad2":
            if rng.random() < STATEMENTS:
                ask_for_word(found, place, rng)
            _ask_for_recurring(found, place, rng)
    first = len(found.passages)
    for text in texts:
        if english(text.body):
            context = plain_heading(text.title, text.heading)
            body = _LINK.sub(r"\1", text.body)
            found.add(Passage(text.corpus, f"{text.corpus}/{text.page}", context, body))
    headings(found, range(first, len(found.passages)), rng, share=0.12)
    without_help(found, list(range(first, len(found.passages))), rng, share=0.12)
    return found


def ask_for_word(found: Collection, place: int, rng: np.random.Generator) -> None:
    """A word of a sentence in a passage, asked for."""
    asked = statement(found.passages[place].body, rng)
    if asked:
        found.ask("statement", asked.question, place, spans=asked.spans)


def _ask_for_recurring(found: Collection, place: int, rng: np.random.Generator) -> None:
    passage = found.passages[place]
    asked = recurring(passage.body, rng)
    if asked:
        shown = replace(passage, body=asked.body)
        found.ask("recurring", asked.question, place, shown=shown, spans=asked.spans)


def english(text: str) -> bool:
    """Whether a text is, nearly all of it, in Latin letters."""
    return sum(c.isascii() for c in text) > 0.97 * len(text)


def plain_heading(title: str, heading: str) -> str:
    """Title and headings without links and paragraph signs."""
    title, heading = (
        " ".join(_LINK.sub(r"\1", text).replace("¶", "").split()) for text in (title, heading)
    )
    if not heading or heading.startswith(title):
        return heading or title
    return f"{title} > {heading}"


def _search_questions(data: Path, found: Collection, rng: np.random.Generator) -> None:
    for number, row in enumerate(_lines(data / "qed_nq/train.jsonl")):
        body = _untokenized(row["paragraph"])[:4000]
        shown = Passage("nq", f"nq/{row['title']}", row["title"], body)
        place = found.add(shown)
        spans = tuple(typed_answers(row["question"], body))
        seen = shown if rng.random() < 0.7 else replace(shown, context="")
        found.ask(
            "search", row["question"], place,
            shown=seen, spans=spans, held_out=number % HELD_OUT_EVERY == 0,
        )  # fmt: skip
    file = data / "clapnq/retrieval/train/question_train_answerable.tsv"
    with file.open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows, delimiter="\t"):
            body = _untokenized(row["answers"])
            if len(body.split()) > 8:
                place = found.add(Passage("nq", f"nq/{row['doc-id-list']}", "", body))
                spans = tuple(typed_answers(row["question"], body))
                found.ask("search", row["question"], place, spans=spans)


def _paragraph_questions(data: Path, found: Collection) -> None:
    """squad2, without the paragraphs that are also in xquad."""
    measured = _xquad_paragraphs(data)
    for article in json.loads((data / "squad2/part.json").read_text())["data"]:
        title, held_out = article["title"].replace("_", " "), article["title"] in SQUAD_HELD_OUT
        for paragraph in article["paragraphs"]:
            body = paragraph["context"]
            if _essence(body) in measured:
                continue
            place = found.add(Passage("squad2", f"squad2/{place_of(body)}", title, body))
            for qa in paragraph["qas"]:
                # Of a look-alike, what somebody could take for the answer.
                marked = qa["answers"] or qa.get("plausible_answers", ())
                spans = tuple(
                    Span(a["answer_start"], a["answer_start"] + len(a["text"])) for a in marked
                )
                found.ask(
                    "paragraph", qa["question"].strip(), place, spans=tuple(dict.fromkeys(spans)),
                    answerable=not qa["is_impossible"], held_out=held_out,
                )  # fmt: skip


def _xquad_paragraphs(data: Path) -> set[str]:
    file = data / "xquad/xquad.en.json"
    articles = json.loads(file.read_text(encoding="utf-8"))["data"]
    return {_essence(p["context"]) for article in articles for p in article["paragraphs"]}


def _evidence_questions(data: Path, found: Collection) -> None:
    for number, row in enumerate(_lines(data / "halueval/gen_qa_one-turn_data.json")):
        body = re.sub(r"(?<=[.!?\"])(?=[A-Z])", " ", row["knowledge"])
        place = found.add(Passage("halueval", f"halueval/{number}", "", body))
        spans = tuple(_occurrences(row["right_answer"].strip(" ."), body))
        held_out = number % HELD_OUT_EVERY == 0
        found.ask("evidence", row["question"], place, spans=spans, held_out=held_out)


def headings(
    found: Collection, places: Sequence[int], rng: np.random.Generator, *, share: float
) -> None:
    """A heading asks for the text below it: a real question in a FAQ, else a title.

    Args:
        share: Of the titles that are asked; questions and words of a dictionary are, all of them.
    """
    seen: Counter[str] = Counter()
    for place in places:
        passage = found.passages[place]
        path, leaf = (
            passage.context.rsplit(" > ", 1) if " > " in passage.context else ("", passage.context)
        )
        question = re.sub(r"^(Chapter |Section )?[\dA-Z]{0,2}[\d.]*\.?\s+", "", leaf).strip()
        body = re.sub(r"^#+ [^\n]*\n+", "", passage.body)
        if not 1 <= len(words(question)) <= 20 or len(words(body)) < 12:
            continue
        seen[question] += 1
        faq = question.endswith("?")
        dictionary = passage.source.startswith("dict-")
        if not faq and not dictionary and (rng.random() > share or seen[question] > 3):
            continue
        if not faq and not dictionary and len(words(question)) < 3:
            title = path.split(" > ")[0]
            question = f"{title} {question}".strip()
        kind = "faq" if faq else "definition" if dictionary else "title"
        if dictionary:
            question = str(
                rng.choice(["{}", "what is {}", "define {}", "{} meaning", "what does {} mean"])
            ).format(question)
        context = passage.context if rng.random() < _KEPT_HEADING else path
        shown = replace(passage, context=context, body=body)
        held_out = passage.source in HELD_OUT_PACKAGES
        found.ask(kind, question, place, shown=shown, held_out=held_out)


def without_help(
    found: Collection, places: Sequence[int], rng: np.random.Generator, *, share: float
) -> None:
    """Sentences taken out of their text (Lee et al., 2019), and keywords."""
    frequency: Counter[str] = Counter()
    for place in places:
        frequency.update(set(words(found.passages[place].body)))
    for place in places:
        passage = found.passages[place]
        held_out = passage.source in HELD_OUT_PACKAGES
        if rng.random() < share:
            spans = [
                s for s in sentence_spans(passage.body)
                if 6 <= len(passage.body[s.start : s.end].split()) <= 40
            ]  # fmt: skip
            if len(spans) >= 3:
                taken = spans[int(rng.integers(len(spans)))]
                question = passage.body[taken.start : taken.end].strip("#*->| \n")
                body = passage.body
                if rng.random() > _KEPT_SENTENCE:
                    body = body[: taken.start] + body[taken.end :]
                found.ask(
                    "sentence", " ".join(question.split()), place,
                    shown=replace(passage, body=body), held_out=held_out,
                )  # fmt: skip
        elif rng.random() < share / 2:
            counts = Counter(w for w in words(passage.body) if w.isalpha() and len(w) > 2)
            weight = {
                w: n**0.5 * np.log(len(places) / (1 + frequency[w]))
                for w, n in counts.items()
                if w not in STOP_WORDS and frequency[w] > 1
            }
            best = sorted(weight, key=lambda w: -weight[w])[:8]
            if len(best) >= 4:
                drawn = rng.permutation(best)[: int(rng.integers(2, 6))]
                found.ask("keywords", " ".join(drawn), place, held_out=held_out)


def place_of(text: str) -> str:
    """A short name of a text."""
    return _essence(text)[:60]


def _essence(text: str) -> str:
    return "".join(words(text))


def _occurrences(answer: str, body: str) -> Iterator[Span]:
    if answer:
        for match in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", body, re.IGNORECASE):
            yield Span(match.start(), match.end())


def _untokenized(text: str) -> str:
    """Wikipedia as it was before blanks were put around its marks."""
    text = text.replace("`` ", "“").replace(" ''", "”").replace("``", "“").replace("''", "”")
    text = re.sub(r" ([,.;:!?%)\]]|'s\b|n't\b)", r"\1", text)
    return re.sub(r"([(\[$]) ", r"\1", text).replace(" -- ", " – ")


def _lines(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as rows:
        for row in rows:
            yield json.loads(row)
