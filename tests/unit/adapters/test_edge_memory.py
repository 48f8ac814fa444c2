"""Memory that goes back to the system: without it, a large ingestion would take all there is."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import pytest

from app.adapters.edge_memory import give_back_pages

SIZE = 32 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")


def resident(file: Path) -> int:
    """Bytes of the mapped file that are in memory."""
    found, inside = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if "-" in line.split(maxsplit=1)[0]:
            inside = line.endswith(str(file))
        elif inside and line.startswith("Rss:"):
            found += int(line.split()[1]) << 10
    return found


@pytest.fixture
def index(tmp_path: Path) -> Path:
    (tmp_path / "index" / "segment").mkdir(parents=True)
    return tmp_path / "index"


def test_a_mapped_index_is_let_go_of_and_nothing_of_it_is_lost(index: Path) -> None:
    file = index / "segment" / "vectors.mmap"
    file.write_bytes(bytes(SIZE))
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), SIZE) as mapped:
        mapped[:] = b"x" * SIZE
        mapped.flush()
        assert resident(file) == SIZE

        give_back_pages(index)

        assert resident(file) < SIZE / 2
        assert mapped[:] == b"x" * SIZE


def test_files_of_others_stay_in_memory(index: Path, tmp_path: Path) -> None:
    other = tmp_path / "index-of-another"
    other.write_bytes(bytes(SIZE))
    with other.open("r+b") as opened, mmap.mmap(opened.fileno(), SIZE) as mapped:
        mapped[:] = b"x" * SIZE
        mapped.flush()

        give_back_pages(index)

        assert resident(other) == SIZE
