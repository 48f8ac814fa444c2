"""Files that came with a job, kept until it ends.

They lie under numbers: no name that a client chose ever becomes a path.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import IO

_ABANDONED_S = 3600  # a folder without a job may yet get one: its files are still coming


class Spool:
    """A folder with a folder for each job."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, job_id: str, number: int) -> Path:
        """Where a job's file of this number lies."""
        return self._folder / job_id / str(number)

    async def keep(self, job_id: str, files: Sequence[IO[bytes]]) -> None:
        """Write the files of a job, from where each stands to its end."""
        await asyncio.to_thread(self._keep, job_id, files)

    async def drop(self, job_id: str) -> None:
        """Delete the files of a job."""
        await asyncio.to_thread(shutil.rmtree, self._folder / job_id, ignore_errors=True)

    async def sweep(self, wanted: Collection[str]) -> None:
        """Delete what killed servers left of jobs that are not wanted any more."""
        await asyncio.to_thread(self._sweep, wanted)

    def _keep(self, job_id: str, files: Sequence[IO[bytes]]) -> None:
        (self._folder / job_id).mkdir(parents=True)
        for number, file in enumerate(files):
            with self.path(job_id, number).open("xb") as copy:
                shutil.copyfileobj(file, copy)

    def _sweep(self, wanted: Collection[str]) -> None:
        if not self._folder.is_dir():
            return
        old = time.time() - _ABANDONED_S
        for folder in self._folder.iterdir():
            if folder.name not in wanted and folder.stat().st_mtime < old:
                shutil.rmtree(folder, ignore_errors=True)
