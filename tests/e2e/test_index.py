"""`footnote index` with the real command line: refused, rebuilt, killed, moved."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from app.core.exchange import Ask
from app.core.settings import load_settings
from app.core.types import Scope
from app.wiring import open_footnote
from tests.e2e.test_bad_input import environment, runner

DOCUMENTS = 24
SMALL = {"FOOTNOTE_INGESTION__CHUNK_TOKENS": "48"}
UNCACHED = {"FOOTNOTE_INGESTION__VECTOR_CACHE_MB": "0"}


def text(number: int) -> str:
    """A document that no other is like."""
    dice = random.Random(number)
    days = dice.randrange(10, 99)
    filler = "\n\n".join(
        f"Paragraph {n} of guide {number} is about {dice.choice('ABCDEFG')}{dice.randrange(999)} "
        "and goes on for a few more words, so that it fills some room in a chunk."
        for n in range(8)
    )
    return f"# Guide {number}\n\nOffice number {number} gives {days} days of leave.\n\n{filler}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of some guides."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "docs").mkdir()
    for number in range(DOCUMENTS):
        (folder / "docs" / f"{number}.md").write_text(text(number), "utf-8")
    assert runner(folder)("ingest", "docs").status == 0
    return folder


@pytest.fixture
def kept(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    import shutil

    shutil.copytree(made, tmp_path / "kept")
    return tmp_path / "kept"


def documents(folder: Path, **env: str) -> Any:
    """The register, but for the number of chunks."""
    listed = runner(folder)("documents", "list", "--json", env=env)
    assert listed.status == 0, listed.err
    return [{**d, "chunks": None} for d in json.loads(listed.out)]


def found(folder: Path, number: int, **env: str) -> str:
    query = f"days of leave in office number {number}"
    outcome = runner(folder)("search", query, "-k", "1", "--json", env=env)
    assert outcome.status == 0, outcome.err
    return str(outcome.document["passages"][0]["text"])


def test_other_chunks_are_refused_with_the_command_that_mends_it(kept: Path) -> None:
    run = runner(kept)
    before = documents(kept)

    refused = run("search", "leave", env=SMALL)
    assert refused.status == 2
    assert "run `footnote index rebuild`" in refused.error
    assert f"documents:  {DOCUMENTS}\n" in run("index", "info").out
    seen = run("index", "info", "--json", env=SMALL).document
    assert (seen["documents"], seen["differs"]) == (DOCUMENTS, ["chunker"])

    rebuilt = run("index", "rebuild", "--json", env=SMALL)
    assert rebuilt.status == 0, rebuilt.err
    assert rebuilt.document["documents"] == DOCUMENTS
    assert rebuilt.document["chunks"] > seen["chunks"]

    assert f"Office number 7 gives {text(7).split('gives ')[1][:7]}" in found(kept, 7, **SMALL)
    assert documents(kept, **SMALL) == before
    assert run("index", "info", "--json", env=SMALL).document["differs"] == []
    again = run("ingest", "docs", "--json", env=SMALL)
    assert again.document["documents"]["unchanged"] == DOCUMENTS
    assert run("search", "leave").status == 2, "the old settings are the other ones now"


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_killed_at_any_moment_the_old_index_answers_and_another_run_does_it(
    kept: Path, share: float
) -> None:
    before = documents(kept)
    started = time.monotonic()
    whole = runner(kept)("index", "info")
    to_start = time.monotonic() - started
    assert whole.status == 0

    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", "index", "rebuild"],
        cwd=kept, env=environment({**SMALL, **UNCACHED}),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not [*(kept / ".footnote" / "index").glob("g*/fingerprint.json")]:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    time.sleep(share * to_start)
    process.kill()
    process.wait()

    pointer = kept / ".footnote" / "index" / "CURRENT"
    env = SMALL if pointer.exists() else {}  # on a fast machine it may have been done
    assert documents(kept, **env) == before
    assert f"Office number 3 gives {text(3).split('gives ')[1][:7]}" in found(kept, 3, **env)
    assert len([*(kept / ".footnote" / "index").rglob("fingerprint.json")]) == 1, "swept"

    assert runner(kept)("index", "rebuild", env=SMALL).status == 0
    assert documents(kept, **SMALL) == before


def test_an_index_that_a_server_holds_is_said_to_be_so(kept: Path) -> None:
    async def hold() -> None:
        async with open_footnote(load_settings(data_dir=kept / ".footnote")):
            outcome = await asyncio.to_thread(runner(kept), "index", "rebuild")
            assert outcome.status == 1
            assert "stop the server that holds it" in outcome.error

    asyncio.run(hold())


def test_an_index_moves_in_one_file(kept: Path) -> None:
    run, there = runner(kept), {"FOOTNOTE_DATA_DIR": "there"}
    before = documents(kept)

    assert run("index", "export", "all.footnote").status == 0
    whole = (kept / "all.footnote").read_bytes()
    (kept / "half.footnote").write_bytes(whole[: len(whole) // 2])
    half = run("index", "import", "half.footnote", env=there)
    assert (half.status, "damaged" in half.error) == (1, True)
    moved = run("index", "import", "all.footnote", "--json", env=there)
    assert moved.document["documents"] == DOCUMENTS

    assert documents(kept, **there) == before
    assert found(kept, 5, **there) == found(kept, 5)
    assert run("index", "import", "all.footnote", env=there).status == 1
    assert run("index", "import", "all.footnote", "--merge", env=there).status == 0


async def test_a_service_answers_throughout_its_own_rebuild(kept: Path) -> None:
    question = "How many days of leave does office number 4 give?"
    settings = load_settings(data_dir=kept / ".footnote", cache={"enabled": False})
    async with open_footnote(settings) as footnote:
        before = await footnote.ask(Ask(question, Scope()))
        done, answers = asyncio.Event(), 0

        async def ask() -> None:
            nonlocal answers
            while not done.is_set():
                answer = await footnote.ask(Ask(question, Scope()))
                assert answer.status == before.status
                # What is said further on comes from passages that are equally good.
                assert answer.sentences[:1] == before.sentences[:1]
                assert answer.citations[:1] == before.citations[:1]
                answers += 1

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ask())
            tasks.create_task(ask())
            report = await footnote.rebuild()
            done.set()

        assert (report.documents, report.embedded, report.in_use) == (DOCUMENTS, 0, True)
        assert answers > 2
        assert before.citations
        ingested = await footnote.ingest([kept / "docs"], tenant="default", tags={})
        assert ingested.unchanged + ingested.added == DOCUMENTS


async def test_a_service_builds_the_index_of_other_settings_and_answers_from_its_own(
    kept: Path,
) -> None:
    question = "How many days of leave does office number 4 give?"
    settings = load_settings(data_dir=kept / ".footnote")
    others = load_settings(data_dir=kept / ".footnote", ingestion={"chunk_tokens": 48})
    async with open_footnote(settings) as footnote:
        before = (await footnote.store.info()).chunks
        report = await footnote.rebuild(settings=others)
        assert not report.in_use and report.chunks > before
        assert (await footnote.store.info()).chunks == before
        assert (await footnote.ask(Ask(question, Scope()))).citations

    async with open_footnote(others) as footnote:
        assert (await footnote.store.info()).chunks == report.chunks
        assert (await footnote.ask(Ask(question, Scope()))).citations
