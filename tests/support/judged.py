"""A small judged set in BEIR's form."""

from __future__ import annotations

import json
from pathlib import Path

TEXTS = {
    "leave": ("Annual leave", "Every full-time employee gets 28 days of paid leave a year."),
    "hotels": ("Hotels", "The hotel limit in Stockholm is 185 euros a night."),
    "pumps": ("Pump catalogue", "The warranty of a dosing pump ends after 36 months."),
    "empty": ("A scan without text", ""),
}
QUESTIONS = {
    "q1": ("How many days of paid leave do employees get?", "leave"),
    "q2": ("What may a night in Stockholm cost?", "hotels"),
    "q3": ("How long is the warranty of a dosing pump?", "pumps"),
}


def write_beir(folder: Path) -> None:
    """Write the set into `folder`; a judgement of grade 0 and an unasked question are among it."""
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": key, "title": title, "text": text} for key, (title, text) in TEXTS.items()]
    queries = [{"_id": key, "text": text} for key, (text, _) in QUESTIONS.items()]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        lines = "\n".join(map(json.dumps, rows))
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    grades = [f"{key}\t{answer}\t1" for key, (_, answer) in QUESTIONS.items()]
    table = ["query-id\tcorpus-id\tscore", *grades, "q1\thotels\t0", "q9\tleave\t1"]
    (folder / "qrels" / "test.tsv").write_text("\n".join(table) + "\n", encoding="utf-8")
