"""The guard that the tests of this folder run under."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from blockbuster import BlockingError

from app.adapters.edge_shard import open_shard


async def test_code_of_ours_that_blocks_the_event_loop_fails_its_test(tmp_path: Path) -> None:
    with pytest.raises(BlockingError):
        open_shard(tmp_path / "on the loop", 4, {})

    assert await asyncio.to_thread(open_shard, tmp_path / "off the loop", 4, {})
