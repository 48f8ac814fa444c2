"""`kill -9` at random moments of an ingestion: no mixture, nothing lost, nothing doubled.

`FOOTNOTE_TEST_KILLS` and `FOOTNOTE_TEST_FILES` make it longer: 50 kills over 300 files take
about ten minutes.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.core.settings import load_settings
from app.core.types import Scope
from app.service import Footnote
from app.wiring import open_footnote
from tests.support.paths import ROOT

KILLS = int(os.environ.get("FOOTNOTE_TEST_KILLS", "4"))
FILES = int(os.environ.get("FOOTNOTE_TEST_FILES", "40"))
HERE = Scope()

INGEST = """
import asyncio, json, sys
from app.core.settings import load_settings
from app.wiring import open_footnote

async def main():
    async with open_footnote(load_settings()) as footnote:
        print("ready", flush=True)
        report = await footnote.ingest(
            [sys.argv[1]], tenant="default", tags={}, sync=True, yes=True
        )
        print(json.dumps([report.failures, report.chunks], default=str), flush=True)

asyncio.run(main())
"""


@dataclass
class Share:
    """Files that change from night to night, and every text that each of them ever had."""

    folder: Path
    random: random.Random
    now: dict[str, str] = field(default_factory=dict)
    ever: dict[str, set[str]] = field(default_factory=dict)
    version: int = 0

    def change(self) -> None:
        """A night's worth: some files change, some go, some come, one moves, one is copied."""
        self.version += 1
        names = sorted(self.now)
        for name in self.random.sample(names, len(names) // 5):
            self.write(name, self.text(name))
        for name in self.random.sample(names, len(names) // 20):
            self.remove(name)
        for number in range(FILES - len(self.now)):
            name = f"{self.random.randrange(12)}/{self.version}-{number}.md"
            self.write(name, self.text(name))
        moved, copied = self.random.sample(sorted(self.now), 2)
        self.write(f"moved/{self.version}.md", self.now[moved])
        self.remove(moved)
        self.write(f"copies/{self.version}.md", self.now.get(copied, "Gone.\n"))

    def text(self, name: str) -> str:
        """One to five chunks, in which file and version can be told."""
        rule = f"In version {self.version} of {name} the rule is that tea is free. "
        return f"# File {name}\n\n" + rule * self.random.randint(1, 40)

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        self.now[name] = text
        self.ever.setdefault(str(file), set()).add(text)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()
        del self.now[name]


def start(share: Share, data: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "FOOTNOTE_DATA_DIR": str(data), "FOOTNOTE_LOG__LEVEL": "error"}
    process = subprocess.Popen(
        [sys.executable, "-c", INGEST, str(share.folder)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def finish(share: Share, data: Path) -> float:
    """An uninterrupted run; returns its seconds, from when it is ready."""
    process = start(share, data)
    started = time.monotonic()
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    assert json.loads(output)[0] == []
    return time.monotonic() - started


async def contents(footnote: Footnote) -> list[tuple[tuple[str, ...], str, int]]:
    """Places, text and number of chunks of every document."""
    return sorted(
        [
            (tuple(sorted(d.sources)), await footnote.text(d.document_id, HERE), d.chunks)
            for d in await footnote.store.documents(HERE)
        ]
    )


async def check(share: Share, data: Path) -> None:
    """What answers after a kill: whole versions of documents, and none twice."""
    async with open_footnote(load_settings(data_dir=data)) as footnote:
        documents = await footnote.store.documents(HERE)
        assert not [key for key, n in Counter(d.document_id for d in documents).items() if n > 1]
        texts: dict[str, str] = {}
        for document in documents:
            chunks = await footnote.store.chunks(document.document_id, HERE)
            texts[document.document_id] = text = "".join(chunk.text for chunk in chunks)
            assert len(chunks) == document.chunks, "a part of a version"
            assert text in {t for s in document.sources for t in share.ever[s]}, "a mixture"
        for name in share.random.sample(sorted(share.now), 5):
            for passage in await footnote.search(f"tea rule of {name}", HERE):
                whole = texts[passage.document_id]
                assert whole[passage.start : passage.end] == passage.text


@pytest.mark.timeout(60 + 60 * KILLS)
async def test_killed_at_any_moment_the_index_is_whole_and_the_next_run_makes_it_right(
    tmp_path: Path,
) -> None:
    share = Share(tmp_path / "share", random.Random(20261121))
    for _ in range(2):
        share.change()
    data, killed = tmp_path / "data", 0
    await asyncio.to_thread(finish, share, tmp_path / "timing")
    share.change()
    nightly = await asyncio.to_thread(finish, share, tmp_path / "timing")

    # A first run takes longer than a nightly one, so the first few kills interrupt the same one.
    for number in range(5 * KILLS):
        if number % 3:  # else the run that was killed is begun again
            share.change()
        process = await asyncio.to_thread(start, share, data)
        await asyncio.sleep(share.random.uniform(0, nightly))
        killed += process.poll() is None
        process.kill()
        await asyncio.to_thread(process.wait)
        await check(share, data)
        if killed == KILLS:
            break
    await asyncio.to_thread(finish, share, data)
    await asyncio.to_thread(finish, share, tmp_path / "straight")

    assert killed == KILLS, "most kills came too late to mean anything"
    async with (
        open_footnote(load_settings(data_dir=data)) as ours,
        open_footnote(load_settings(data_dir=tmp_path / "straight")) as straight,
    ):
        assert await contents(ours) == await contents(straight)
        mine, theirs = await ours.store.info(), await straight.store.info()
        assert (mine.documents, mine.chunks) == (theirs.documents, theirs.chunks)
