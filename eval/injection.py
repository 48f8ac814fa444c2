"""How often are documents that give instructions to a model flagged, and how often others?

    python -m eval.injection DATA_FOLDER [--missed]

Public sets: BIPIA's attacks, each put at the start, in the middle or at the end of a mail,
a table or a post about code (Yi et al. 2023); NotInject's harmless prompts full of trigger
words (Li and Liu 2024) and the mixed set beside them; ordinary documents. The rules were
written looking at one half, chosen by hash of the text; the table shows both.
"""

from __future__ import annotations

import json
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingestion.safety.poison import find


@dataclass(frozen=True, slots=True)
class Case:
    """A text, where it is from, and whether it should be flagged."""

    group: str
    text: str
    flagged: bool
    key: str
    """What decides the half that it is in."""

    @property
    def held_out(self) -> bool:
        """Whether it is of the half that the rules were not written for."""
        return zlib.crc32(self.key.encode()) % 2 == 1


def main() -> None:
    """Print a table: group, texts and flagged ones, on the half looked at and on the other."""
    cases = list(read(Path(sys.argv[1])))
    lines = ["| texts | wanted | tuned on | held out |", "| --- | --- | --- | --- |"]
    results = [(case, bool(find(case.text))) for case in cases]
    for group, wanted in dict.fromkeys((case.group, case.flagged) for case in cases):
        halves = [
            [hit for case, hit in results
             if (case.group, case.flagged, case.held_out) == (group, wanted, half)]
            for half in (False, True)
        ]  # fmt: skip
        shares = [f"{sum(h)} of {len(h)} ({100 * sum(h) / max(1, len(h)):.1f} %)" for h in halves]
        lines.append(f"| {group} | {'flag' if wanted else 'none'} | {shares[0]} | {shares[1]} |")
    sys.stdout.write("\n".join(lines) + "\n")
    if "--missed" in sys.argv:
        for case, hit in results:
            if hit != case.flagged and not case.held_out:
                sys.stdout.write(f"\n{case.group}: {case.key[:400]!r}\n")


def read(folder: Path) -> Iterator[Case]:
    """All cases below a folder that holds the sets by name."""
    yield from _bipia(folder / "bipia" / "benchmark")
    yield from _notinject(folder / "notinject")
    yield from _ordinary(folder)


def _bipia(folder: Path) -> Iterator[Case]:
    contexts = {
        name: [_plain(row["context"]) for row in _rows(folder / name / "train.jsonl")]
        for name in ("email", "table", "code")
    }
    for kind, into in (("text", ("email", "table")), ("code", ("code",))):
        attacks = json.loads((folder / f"{kind}_attack_train.json").read_text())
        for category, texts in attacks.items():
            for text in texts:
                for name in into:
                    for number, context in enumerate(_chosen(contexts[name], text)):
                        poisoned = _insert(text, context, number % 3)
                        yield Case(f"BIPIA {kind}: {category}", poisoned, True, text)
    for name, texts in contexts.items():
        for text in texts:
            yield Case(f"BIPIA {name} without attack", text, False, text)


def _chosen(contexts: list[str], attack: str, count: int = 3) -> list[str]:
    start = zlib.crc32(attack.encode())
    return [contexts[(start + n * 7919) % len(contexts)] for n in range(count)]


def _insert(attack: str, context: str, place: int) -> str:
    """As the benchmark does: before, after a line in the middle, or behind."""
    lines = context.split("\n")
    at = (0, len(lines) // 2, len(lines))[place]
    return "\n".join([*lines[:at], attack, *lines[at:]])


def _notinject(folder: Path) -> Iterator[Case]:
    for row in json.loads((folder / "NotInject_one.json").read_text()):
        yield Case("NotInject", row["prompt"], False, row["prompt"])
    for row in json.loads((folder / "valid.json").read_text()):
        group = f"valid: {re.sub('_(one|two|three)$', '', row['source'])}"
        yield Case(group, row["prompt"], bool(row["label"]), row["prompt"])


def _ordinary(folder: Path) -> Iterator[Case]:
    for name in ("scifact", "cranfield", "cisi", "medline"):
        for row in _rows(folder / name / "corpus.jsonl"):
            yield Case(name, row["text"], False, row["text"])
    for section in json.loads((folder / "docs_rag" / "anthropic_docs.json").read_text()):
        yield Case("docs_rag", section["text"], False, section["text"])
    for file in sorted((folder / "chunking_eval" / "corpora").glob("*.md")):
        for part in re.findall(r"[\s\S]{1,2000}", file.read_text()):
            yield Case("chunking_eval", part, False, part)
    for file in sorted((folder / "xquad").glob("*.json")):
        for article in json.loads(file.read_text())["data"]:
            for paragraph in article["paragraphs"]:
                yield Case("xquad", paragraph["context"], False, paragraph["context"])


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as rows:
        yield from map(json.loads, rows)


def _plain(context: str | list[str]) -> str:
    return context if isinstance(context, str) else "\n".join(context)


if __name__ == "__main__":
    main()
