"""Worker processes that read files, each file within a limit of time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

import structlog

from app.core.exchange import Failure
from ingestion.prepare import OUT_OF_MEMORY, OUT_OF_MEMORY_HINT, Prepared, Recipe, Source
from ingestion.wire import LENGTH_BYTES, Finished, Reply, frame, message

_FILES_A_PROCESS = 5000  # then a new one takes over, also where leaks cannot be measured
_SPARE_S = 60.0
_TAIL = 2000  # bytes of a dead worker's last words

log = structlog.get_logger(__name__)


class ParserPool:
    """Prepares files in worker processes: the first starts at once, the others when needed.

    Args:
        recipe: What becomes of a file's bytes.
        workers: How many processes, at least 1.
        seconds: Longest time for one document of a file.
        megabytes: Memory that a worker may take on top of what its libraries need.
        spare: Keeps a process for the next pool of the same recipe and limits.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        workers: int,
        seconds: float,
        megabytes: int,
        spare: Spare | None = None,
    ) -> None:
        self.size = workers
        self._spare = spare or Spare(0)
        self._workers = [_Worker(recipe, seconds, megabytes) for _ in range(workers)]
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()  # those that run go first
        for worker in reversed(self._workers):
            self._idle.put_nowait(worker)

    async def __aenter__(self) -> Self:
        # It takes a while to load its libraries, and the files are yet to be listed.
        await self._workers[0].start(self._spare.take())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for worker in self._workers:
            if process := worker.give_up():
                await self._spare.keep(process)

    async def documents(self, source: Source) -> AsyncGenerator[Prepared | Failure, None]:
        """The documents of a file as they get ready; its members first, itself last.

        A file that breaks its worker ends with a Failure that says how.
        """
        worker = await self._idle.get()
        try:
            async with aclosing(worker.documents(source)) as outcomes:
                async for outcome in outcomes:
                    yield outcome
        finally:
            self._idle.put_nowait(worker)


class Spare:
    """A worker process that waits for the next run, so that this begins at once.

    Args:
        seconds: How long it waits.
    """

    def __init__(self, seconds: float = _SPARE_S) -> None:
        self._seconds = seconds
        self._process: _Process | None = None
        self._end: asyncio.Task[None] | None = None

    def take(self) -> _Process | None:
        """The process, if there is one that lives."""
        if self._end:
            self._end.cancel()
        process, self._process = self._process, None
        return process if process and process.lives() else None

    async def keep(self, process: _Process) -> None:
        """Hold a process that has nothing to do, unless there is one already."""
        if self._process or not self._seconds:
            await process.kill()
            return
        self._process = process
        self._end = asyncio.create_task(self._wait())

    async def close(self) -> None:
        """End the process."""
        if process := self.take():
            await process.kill()

    async def _wait(self) -> None:
        await asyncio.sleep(self._seconds)
        if process := self._process:
            self._process = None
            await process.kill()


@dataclass(slots=True)
class _Process:
    """A worker process, the pipes to and from it, and the file of its last words."""

    process: asyncio.subprocess.Process
    requests: asyncio.StreamWriter
    replies: asyncio.StreamReader
    words: IO[bytes]
    files: int = 0

    @classmethod
    async def start(cls, recipe: Recipe, megabytes: int) -> _Process:
        words = await asyncio.to_thread(tempfile.TemporaryFile)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # a folder `ingestion` in the working directory is not ours
            *("-m", "ingestion.worker", str(megabytes)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=words,
        )
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        process.stdin.write(frame(recipe, Recipe))
        return cls(process, process.stdin, process.stdout, words)

    async def send(self, source: Source) -> None:
        self.requests.write(frame(source, Source))
        with contextlib.suppress(OSError):  # it is dead: the lack of a reply will say so
            await self.requests.drain()

    async def reply(self, seconds: float) -> Prepared | Failure | Finished:
        """Raises TimeoutError, or IncompleteReadError when the process is dead."""
        async with asyncio.timeout(seconds):
            length = await self.replies.readexactly(LENGTH_BYTES)
            body = await self.replies.readexactly(int.from_bytes(length, "big"))
        reply: Prepared | Failure | Finished = message(body, Reply)
        return reply

    def lives(self) -> bool:
        try:
            os.kill(self.process.pid, 0)  # asyncio hears of a death with some delay
        except ProcessLookupError:
            return False
        return self.process.returncode is None

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        self.words.close()

    async def cause_of_death(self, source: str) -> Failure:
        status = await self.process.wait()
        words = await asyncio.to_thread(self._last_words)
        log.warning("ingest.parser_died", source=source, status=status, words=words)
        if "memory allocation" in words or "MemoryError" in words:
            return Failure(source, OUT_OF_MEMORY, OUT_OF_MEMORY_HINT)
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return Failure(source, f"the parser crashed on it ({how})", "save it anew, or as PDF")

    def _last_words(self) -> str:
        end = self.words.seek(0, io.SEEK_END)
        self.words.seek(max(0, end - _TAIL))
        return self.words.read().decode(errors="replace")


class _Worker:
    """One process at a time, a new one after every death."""

    def __init__(self, recipe: Recipe, seconds: float, megabytes: int) -> None:
        self._recipe = recipe
        self._seconds = seconds
        self._megabytes = megabytes
        self._process: _Process | None = None

    async def start(self, process: _Process | None = None) -> _Process:
        """The process, a new one where there is none."""
        if self._process is None:
            self._process = process or await _Process.start(self._recipe, self._megabytes)
        return self._process

    async def documents(self, source: Source) -> AsyncGenerator[Prepared | Failure, None]:
        process = await self.start()
        process.files += 1
        fit = False
        try:
            await process.send(source)
            while not isinstance(reply := await process.reply(self._seconds), Finished):
                yield reply
            fit = not reply.worn and process.files < _FILES_A_PROCESS
        except TimeoutError:
            why = f"reading it takes longer than {self._seconds:g} s"
            yield Failure(source.name, why, "raise ingestion.parse_timeout_s, or split it")
        except asyncio.IncompleteReadError:
            yield await process.cause_of_death(source.name)
        finally:  # also when nobody wants the rest: a process in mid-file is of no use
            if not fit and (ended := self.give_up()):
                await ended.kill()

    def give_up(self) -> _Process | None:
        """The process, if there is one, for others to use or to end."""
        process, self._process = self._process, None
        return process
