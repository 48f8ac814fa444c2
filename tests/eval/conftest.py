"""A tiny dataset and a suite over it: three documents, five questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml

DOCUMENTS = {
    "leave.md": """# Leave

## Annual leave

Every full-time employee gets 28 days of paid annual leave a year.

## Sick leave

Report sick to your manager by telephone before nine in the morning.
""",
    "travel.md": """# Business travel

## Hotels

The hotel limit in Stockholm is 185 euros a night.

## Trains

Trains are booked in second class through the travel desk.
""",
    "pumps.md": """# Pump catalogue

## Warranty

The warranty of a dosing pump ends after 36 months.

## Service

A technician visits within four working days.
""",
}

QUESTIONS = [
    ("t1", "How many days of paid annual leave does an employee get?", "leave.md", "28 days"),
    ("t2", "What is the hotel limit in Stockholm a night?", "travel.md", "185 euros"),
    ("t3", "After how many months does the pump's warranty end?", "pumps.md", "36 months"),
    ("t4", "Who won the chess tournament of Reykjavik?", "", ""),
    ("t5", "What does the moon's mantle consist of?", "", ""),
]

MakeSuite = Callable[..., Path]


def line(identifier: str, text: str, document: str, expected: str) -> dict[str, Any]:
    """A line of a dataset."""
    return {
        "id": identifier,
        "question": text,
        "answerable": bool(document),
        "documents": [document] if document else [],
        "expected": [expected] if document else [],
        "answer": f"It is {expected}." if document else "",
        "kind": "fact" if document else "absent",
    }


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """The folder of a dataset."""
    folder = tmp_path / "tiny"
    (folder / "documents").mkdir(parents=True)
    for name, text in DOCUMENTS.items():
        (folder / "documents" / name).write_text(text, "utf-8")
    lines = [json.dumps(line(*question)) for question in QUESTIONS]
    (folder / "questions.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture
def make_suite(dataset: Path, tmp_path: Path) -> MakeSuite:
    """Write a suite over the tiny dataset; returns its file."""

    def make(gates: Mapping[str, Mapping[str, object]], **parts: object) -> Path:
        suite = {"name": "tiny", "dataset": dataset.name, "gates": gates, **parts}
        file = tmp_path / "tiny.yaml"
        file.write_text(yaml.safe_dump(suite), "utf-8")
        return file

    return make


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command sets up logs for its process, which here is the tests'."""
    yield
    structlog.reset_defaults()
