"""Test sets: questions in a JSONL file, next to the documents that they are about.

`eval/datasets/<name>/` holds `questions.jsonl` and the documents. A line that does not fit
is refused with its number; nothing is skipped, because a test set that shrinks in silence
makes every score look better.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.core.errors import ConfigError

FOLDER = Path(__file__).parent / "datasets"
QUESTIONS = "questions.jsonl"
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


class Question(BaseModel):
    """A question and what a right answer is.

    Args:
        documents: File names that hold the answer, or a part of it; any of them is a hit.
        expected: Strings of which a right answer contains at least one.
        answer: A reference answer.
        kind: What sort of question it is; scores are also given by kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Text
    question: Text
    answerable: bool
    documents: list[Text]
    expected: list[Text]
    answer: str
    kind: Text

    @model_validator(mode="after")
    def _whole(self) -> Self:
        filled = [bool(self.documents), bool(self.expected), bool(self.answer.strip())]
        if self.answerable and not all(filled):
            raise ValueError("an answerable question needs documents, expected and answer")
        if not self.answerable and any(filled):
            raise ValueError("an unanswerable question has no documents, expected or answer")
        return self


@dataclass(frozen=True, slots=True)
class Dataset:
    """A test set, read and checked.

    Args:
        paths: What to ingest.
        digest: SHA-256 over questions and documents: equal digests make runs comparable.
    """

    name: str
    questions: Sequence[Question]
    paths: Sequence[Path]
    digest: str


def load_dataset(
    wanted: str, ingest: Sequence[str] = ("documents",), beside: Path | None = None
) -> Dataset:
    """Read a test set.

    Args:
        wanted: A name under `eval/datasets/`, or a folder.
        ingest: Files and folders to ingest, relative to the test set's folder.
        beside: The folder that a relative folder is relative to, before the working one.

    Raises:
        ConfigError: There is no such test set, or something in it is wrong.
    """
    folder = _find(wanted, beside)
    questions = list(_questions(folder / QUESTIONS))
    paths = [folder / path for path in ingest]
    files = _files(paths)
    _refuse_doubles("question id", [q.id for q in questions])
    _refuse_doubles("document name", [file.name for file in files])
    _refuse_strangers(questions, {file.name for file in files})
    return Dataset(folder.name, questions, paths, _digest([folder / QUESTIONS, *files]))


def _find(wanted: str, beside: Path | None) -> Path:
    for folder in (FOLDER / wanted, (beside or Path()) / wanted, Path(wanted)):
        if (folder / QUESTIONS).is_file():
            return folder.resolve()
    names = sorted(path.parent.name for path in FOLDER.glob(f"*/{QUESTIONS}"))
    raise ConfigError(
        f"there is no dataset {wanted}", hint=f"there is: {', '.join(names)}; or name a folder"
    )


def _questions(file: Path) -> Iterator[Question]:
    try:
        text = file.read_text(encoding="utf-8").removesuffix("\n")
    except ValueError as error:
        raise ConfigError(f"{file} is not UTF-8", hint="save it as UTF-8") from error
    if not text:
        raise ConfigError(f"{file} holds no questions", hint="write one JSON object a line")
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            yield Question.model_validate_json(line)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in fault["loc"]) or "the line"
            raise ConfigError(
                f"{file.name} line {number}: {key}: {fault['msg']}", hint="mend the line"
            ) from error


def _files(paths: Sequence[Path]) -> list[Path]:
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise ConfigError(f"{missing[0]} is missing", hint="mend `ingest` of the suite")
    walked = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    return sorted(f for f in walked if f.is_file() and not f.name.startswith("."))


def _refuse_doubles(what: str, names: Sequence[str]) -> None:
    doubles = [name for name, count in Counter(names).items() if count > 1]
    if doubles:
        raise ConfigError(f"the {what} {doubles[0]} occurs twice", hint="give each its own")


def _refuse_strangers(questions: Sequence[Question], known: set[str]) -> None:
    for question in questions:
        for name in question.documents:
            if name not in known:
                raise ConfigError(
                    f"question {question.id} names {name}, which is not ingested",
                    hint="mend the question, or `ingest` of the suite",
                )


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
