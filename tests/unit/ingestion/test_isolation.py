"""Files that break a parser cost themselves, and nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from app.core.exchange import Failure
from ingestion.isolation import ParserPool, Spare
from ingestion.prepare import Prepared, Preparer, Source
from tests.unit.ingestion import made
from tests.unit.ingestion.parsers import recipe

LARGE = "".join(f"# Rule {n}\n\nNobody reads rule {n}.\n\n" for n in range(200_000))


def pool(
    tokenizer: Any,
    *,
    workers: int = 1,
    seconds: float = 60.0,
    megabytes: int = 1000,
    spare: Spare | None = None,
) -> ParserPool:
    wanted = recipe(tokenizer, max_file_bytes=1_000_000_000)
    return ParserPool(wanted, workers=workers, seconds=seconds, megabytes=megabytes, spare=spare)


def write(folder: Path, name: str, data: bytes | str) -> Source:
    file = folder / name
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return Source(str(file), file)


async def read(parsers: ParserPool, source: Source) -> list[Prepared | Failure]:
    return [outcome async for outcome in parsers.documents(source)]


async def fails(parsers: ParserPool, source: Source) -> Failure:
    (outcome,) = await read(parsers, source)
    assert isinstance(outcome, Failure), outcome
    assert outcome.source == source.name
    return outcome


async def test_a_worker_gives_what_reading_here_gives(tmp_path: Path, tokenizer: Any) -> None:
    source = write(tmp_path, "leave.pdf", made.pdf([["Annual leave"], ["28 days, ümlaut."]]))
    here = [*Preparer(recipe(tokenizer)).documents(source)]

    async with pool(tokenizer) as parsers:
        assert await read(parsers, source) == here
        assert isinstance(here[0], Prepared)


async def test_a_given_title_wins(tmp_path: Path, tokenizer: Any) -> None:
    file = write(tmp_path, "x.md", "# Leave\n\n28 days.\n").path
    async with pool(tokenizer) as parsers:
        (found,) = await read(parsers, Source("handbook.md", file, "The handbook"))
    assert isinstance(found, Prepared)
    assert (found.source, found.title) == ("handbook.md", "The handbook")
    assert found.texts[0].startswith("The handbook")


async def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path, tokenizer: Any) -> None:
    slow, good = write(tmp_path, "a.md", LARGE), write(tmp_path, "b.md", "# B\n\nRule.\n")
    async with pool(tokenizer, seconds=1.5) as parsers:
        await warm(parsers, good)
        failure = await fails(parsers, slow)
        after = await read(parsers, good)

    assert failure.error == "reading it takes longer than 1.5 s"
    assert "parse_timeout_s" in failure.hint
    assert isinstance(after[0], Prepared)


async def warm(parsers: ParserPool, source: Source) -> None:
    """Start the process, which on a busy machine may take longer than the limit."""
    while isinstance((await read(parsers, source))[0], Failure):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory so")
async def test_a_zip_bomb_costs_one_file(tmp_path: Path, tokenizer: Any) -> None:
    bomb = tmp_path / "bomb.docx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        body = "<w:document><w:body>" + "<w:p><w:r><w:t>x</w:t></w:r></w:p>" * 20_000_000
        archive.writestr("word/document.xml", body)
    good = write(tmp_path, "b.md", "# B\n\nRule.\n")
    async with pool(tokenizer, megabytes=200) as parsers:
        failure = await fails(parsers, Source(str(bomb), bomb))
        after = await read(parsers, good)

    assert failure.error
    assert "crashed" not in failure.error
    assert isinstance(after[0], Prepared)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory so")
async def test_a_file_that_eats_memory_is_reported_as_such(tmp_path: Path, tokenizer: Any) -> None:
    async with pool(tokenizer, megabytes=40) as parsers:
        failure = await fails(parsers, write(tmp_path, "a.txt", LARGE * 8))

    assert failure.error == "reading it takes too much memory"
    assert "parse_memory_mb" in failure.hint


async def test_a_parser_that_crashes_is_reported_and_replaced(
    tmp_path: Path, tokenizer: Any
) -> None:
    slow, good = write(tmp_path, "a.md", LARGE), write(tmp_path, "b.md", "# B\n\nRule.\n")
    async with pool(tokenizer) as parsers:
        await read(parsers, good)
        reading = asyncio.create_task(fails(parsers, slow))
        await asyncio.sleep(0.3)
        for child in children():
            os.kill(child, signal.SIGSEGV)
        failure = await reading
        after = await read(parsers, good)

    assert failure.error == "the parser crashed on it (SIGSEGV)"
    assert isinstance(after[0], Prepared)


async def test_a_run_that_is_stopped_leaves_no_process_behind(
    tmp_path: Path, tokenizer: Any
) -> None:
    before = {*children()}
    async with pool(tokenizer) as parsers:
        reading = asyncio.create_task(read(parsers, write(tmp_path, "a.md", LARGE)))
        await asyncio.sleep(0.5)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert {*children()} <= before


async def test_a_run_begins_with_a_process_of_the_one_before(
    tmp_path: Path, tokenizer: Any
) -> None:
    before, good, spare = {*children()}, write(tmp_path, "b.md", "# B\n\nRule.\n"), Spare()
    async with pool(tokenizer, workers=2, spare=spare) as parsers:
        await asyncio.gather(read(parsers, good), read(parsers, good))
        assert len({*children()} - before) == 2
    (kept,) = {*children()} - before
    async with pool(tokenizer, spare=spare) as parsers:
        assert {*children()} - before == {kept}
        assert isinstance((await read(parsers, good))[0], Prepared)
    await spare.close()
    assert {*children()} <= before


async def test_a_process_that_died_while_it_waited_costs_no_file(
    tmp_path: Path, tokenizer: Any
) -> None:
    before, good, spare = {*children()}, write(tmp_path, "b.md", "# B\n\nRule.\n"), Spare()
    async with pool(tokenizer, spare=spare) as parsers:
        await read(parsers, good)
    (kept,) = {*children()} - before
    os.kill(kept, signal.SIGKILL)
    while kept in children():
        await asyncio.sleep(0.01)
    async with pool(tokenizer, spare=spare) as parsers:
        assert isinstance((await read(parsers, good))[0], Prepared)
    await spare.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's memory so")
async def test_a_process_that_has_grown_is_replaced(tmp_path: Path, tokenizer: Any) -> None:
    before, small = {*children()}, write(tmp_path, "b.md", "# B\n\nRule.\n")
    large = write(tmp_path, "a.md", LARGE[:300_000])
    async with pool(tokenizer, megabytes=64) as parsers:
        await read(parsers, small)
        assert {*children()} - before
        assert isinstance((await read(parsers, large))[0], Prepared)
        assert not {*children()} - before
        assert isinstance((await read(parsers, small))[0], Prepared)


async def test_a_process_that_nobody_needs_goes(tokenizer: Any) -> None:
    before = {*children()}
    async with pool(tokenizer, spare=Spare(0.05)):
        pass
    while {*children()} - before:
        await asyncio.sleep(0.01)


def children() -> Iterator[int]:
    """Processes that this one has started."""
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            yield from map(int, (task / "children").read_text().split())
