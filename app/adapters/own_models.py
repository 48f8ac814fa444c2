"""Models made from a user's own documents, in the data folder; `footnote models` writes them.

What is there was checked and found better before it was written. A file is put in place in one
step, so that a command that was killed leaves the old state or the new one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from app.adapters import bundled
from app.adapters.answered import ABOUT, SAID
from app.adapters.ranker import VOICES
from app.core.errors import ConfigError

_HINT = "remove it: footnote models adapt --undo"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OwnReader:
    """A reader adapted to the documents, its file checked.

    Args:
        sha256: Of the file, as its record says.
    """

    file: Path
    sha256: str

    @property
    def name(self) -> str:
        """Ours, and which adaption of it: answers of another one are not given for its own."""
        return f"{bundled.READER_NAME}+{self.sha256[:12]}"


def find_reader(data_dir: Path) -> OwnReader | None:
    """The adapted reader, if there is one for the installed version.

    Raises ConfigError when it is damaged.
    """
    folder = _reader_folder(data_dir)
    if not folder.exists():
        return None
    try:
        record = json.loads((folder / "record.json").read_text("utf-8"))
        wanted, base = str(record["sha256"]), str(record["base"])
        with (folder / "model.onnx").open("rb") as data:
            found = hashlib.file_digest(data, "sha256").hexdigest()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"the adapted reader in {folder} is damaged", hint=_HINT) from error
    if found != wanted:
        raise ConfigError(f"the adapted reader in {folder} is damaged", hint=_HINT)
    if base != bundled.checksum(bundled.READER_FOLDER):
        log.warning(
            "reader.adaption_outdated",
            folder=str(folder),
            why="it was made from another version's reader, so that version's own is used",
            hint="run footnote models adapt again, or remove it with --undo",
        )
        return None
    return OwnReader(folder / "model.onnx", wanted)


def keep_reader(data_dir: Path, model: bytes, record: Mapping[str, Any]) -> OwnReader:
    """Put an adapted reader in place of any other; the checksums are added to its record."""
    folder = _reader_folder(data_dir)
    checksum = hashlib.sha256(model).hexdigest()
    new = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}")
    new.mkdir(parents=True)
    try:
        (new / "model.onnx").write_bytes(model)
        sums = {"sha256": checksum, "base": bundled.checksum(bundled.READER_FOLDER)}
        (new / "record.json").write_text(json.dumps(sums | dict(record), indent=2) + "\n", "utf-8")
        remove_reader(data_dir)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)  # gone already, unless something failed
    return OwnReader(folder / "model.onnx", checksum)


def remove_reader(data_dir: Path) -> bool:
    """Remove the adapted reader; says whether there was one."""
    folder = _reader_folder(data_dir)
    if not folder.exists():
        return False
    old = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}")
    folder.rename(old)
    shutil.rmtree(old)
    return True


def find_ranking(data_dir: Path, reranker: str) -> Path | None:
    """The final score that was fitted here for a reranker, if it was, over today's voices.

    Raises ConfigError when it is damaged.
    """
    file = _ranking_file(data_dir)
    if not file.exists():
        return None
    try:
        record = json.loads(file.read_text("utf-8"))
        fitted_for = record["reranker"]
        question = record["question"]  # in files of earlier versions one model, and not two
        models = (record["passage"], *(question.get(name, question) for name in ("about", "said")))
        voices = [tuple(model["features"]) for model in models]
        whole = True
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        whole, fitted_for = False, ""
    if not whole:
        raise ConfigError(
            f"the final score in {file} is damaged", hint="remove it: footnote models fit --undo"
        )
    if fitted_for != reranker:
        return None
    if voices != [VOICES, ABOUT, SAID]:
        log.warning(
            "ranking.fit_outdated",
            file=str(file),
            why="it was fitted for another version, so this version's own weights are used",
            hint="run footnote models fit again, or remove it with --undo",
        )
        return None
    return file


def keep_ranking(data_dir: Path, record: Mapping[str, Any]) -> Path:
    """Put a final score in place; `record` names its `reranker`."""
    file = _ranking_file(data_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
    try:
        new.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
    return file


def remove_ranking(data_dir: Path) -> bool:
    """Remove the final score that was fitted here; says whether there was one."""
    file = _ranking_file(data_dir)
    there = file.exists()
    file.unlink(missing_ok=True)
    return there


def _reader_folder(data_dir: Path) -> Path:
    return data_dir / "models" / "reader"


def _ranking_file(data_dir: Path) -> Path:
    return data_dir / "models" / "ranking.json"
