"""Ingestion on a real Ray cluster of two nodes, which lose workers, themselves and the driver."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.core.settings import load_settings
from app.core.types import Scope
from app.wiring import open_footnote
from tests.support.paths import HANDBOOK, ROOT
from tests.unit.ingestion import made

if TYPE_CHECKING:
    from tests.support.ray_cluster import RayCluster

pytestmark = [
    pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="the extra `ray` is missing"),
    pytest.mark.timeout(300),  # on a machine that is busy otherwise
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),
]
_PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    from tests.support.ray_cluster import RayCluster

    with RayCluster(tmp_path_factory.mktemp("ray")) as running:
        yield running


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Several formats, copies, and files that cannot be read."""
    folder = tmp_path / "docs"
    (folder / "copies").mkdir(parents=True)
    for file in sorted(HANDBOOK.iterdir())[:4]:
        (folder / file.name).write_bytes(file.read_bytes())
        (folder / "copies" / file.name).write_bytes(file.read_bytes())
    (folder / "offer.pdf").write_bytes(made.pdf([["Our offer", "is good."]], title="Offer"))
    (folder / "memo.docx").write_bytes(made.docx("A memo on the use of memos.", "Few."))
    (folder / "german.txt").write_text("Der Urlaub beträgt dreißig Tage im Jahr. " * 9, "utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\nnothing else")
    (folder / "empty.txt").touch()
    return folder


def pile(folder: Path, files: int) -> Path:
    """A folder of files that take a few seconds to encode, no two alike."""
    folder.mkdir()
    words = " ".join(f"word{n} of the {n}th clause binds both parties." for n in range(150))
    for n in range(files):
        (folder / f"{n:03}.md").write_text(f"# Contract {n}\n\nNumber {n}. {words}\n", "utf-8")
    return folder


class Driver:
    """`footnote ingest --engine ray --json` in a process of its own."""

    def __init__(self, cluster: RayCluster, data_dir: Path, *paths: Path, **more: str) -> None:
        arguments = ["--engine", "ray", "--address", cluster.address, "--json", *map(str, paths)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", "ingest", *arguments],
            env={**os.environ, **more, "PYTHONPATH": str(ROOT), "FOOTNOTE_DATA_DIR": str(data_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def wait_until(self, holds: Callable[[], Any]) -> None:
        """Fails when the driver ends before."""
        end = time.monotonic() + _PATIENCE_S
        while not holds():
            assert self._process.poll() is None, self._process.communicate()[1]
            assert time.monotonic() < end
            time.sleep(0.02)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def stop(self) -> tuple[int, str]:
        """As Ctrl-C does; what it says then."""
        self._process.send_signal(signal.SIGINT)
        said = self._process.communicate(timeout=_PATIENCE_S)[1]
        return self._process.returncode, said

    def report(self) -> tuple[dict[str, int], int, list[dict[str, str]]]:
        """Documents, chunks, and failures by source, of the one JSON document on stdout."""
        out, said = self._process.communicate(timeout=_PATIENCE_S)
        assert out, said
        found = json.loads(out)
        failures = sorted(found["failures"], key=lambda failure: str(failure["source"]))
        return found["documents"], found["chunks"], failures


async def contents(data_dir: Path, **settings: Any) -> list[Any]:
    """All that an index says of its documents, but for when, and which of two that are nearly
    the same came first."""
    async with open_footnote(load_settings(data_dir=data_dir, **settings)) as footnote:
        here = Scope("default")
        return [
            (
                document.model_dump(exclude={"ingested_at", "flags"}),
                await footnote.store.chunks(document.document_id, here),
            )
            for document in sorted(
                await footnote.store.documents(here), key=lambda document: document.document_id
            )
        ]


async def ingested_here(data_dir: Path, *paths: Path, **settings: Any) -> tuple[Any, ...]:
    """What the local engine makes of the same files: its report, as `Driver.report`."""
    async with open_footnote(load_settings(data_dir=data_dir, **settings)) as footnote:
        report = await footnote.ingest(paths, tenant="default", tags={})
    counts = {name: getattr(report, name) for name in ("added", "updated", "unchanged", "deleted")}
    failures = [
        {"source": failure.source, "error": failure.error, "hint": failure.hint}
        for failure in sorted(report.failures, key=lambda failure: failure.source)
    ]
    return counts | {"failed": len(failures)}, report.chunks, failures


async def test_a_cluster_makes_the_same_index_and_report_as_this_machine(
    cluster: RayCluster, docs: Path, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    expected = await ingested_here(here, docs)

    assert await asyncio.to_thread(Driver(cluster, there, docs).report) == expected
    assert await contents(there) == await contents(here)
    assert expected[0]["failed"] == 2
    again, chunks, _ = await asyncio.to_thread(Driver(cluster, there, docs).report)
    assert (again["added"], again["updated"], chunks) == (0, 0, 0)


async def test_a_lost_worker_and_a_lost_node_cost_time_alone(
    cluster: RayCluster, tmp_path: Path
) -> None:
    folder = pile(tmp_path / "pile", 120)
    driver = Driver(cluster, tmp_path / "there", folder)
    await asyncio.to_thread(driver.wait_until, lambda: all(n.workers() for n in cluster.nodes))
    cluster.nodes[0].workers()[0].kill()
    cluster.nodes.pop().kill()

    documents, _, failures = await asyncio.to_thread(driver.report)
    cluster.add()

    assert (documents["added"], failures) == (120, [])
    await ingested_here(tmp_path / "here", folder)
    assert await contents(tmp_path / "there") == await contents(tmp_path / "here")


async def test_what_a_stopped_driver_left_the_local_engine_finishes(
    cluster: RayCluster, tmp_path: Path
) -> None:
    folder = pile(tmp_path / "pile", 100)
    there = tmp_path / "there"
    driver = Driver(cluster, there, folder)
    await asyncio.to_thread(driver.wait_until, lambda: any(n.workers() for n in cluster.nodes))
    await asyncio.sleep(1)

    status, said = await asyncio.to_thread(driver.stop)

    assert status == 130 and "run the same command again" in said
    await ingested_here(there, folder)
    await ingested_here(tmp_path / "here", folder)
    assert await contents(there) == await contents(tmp_path / "here")


async def test_workers_write_to_a_server_themselves_and_a_killed_driver_shows_nothing(
    cluster: RayCluster, docs: Path, tmp_path: Path
) -> None:
    from tests.support.shared_qdrant import SharedQdrant

    with SharedQdrant() as qdrant:
        server = {"FOOTNOTE_QDRANT__URL": qdrant.url}
        settings = {"qdrant": {"url": qdrant.url}}
        qdrant.may_switch.clear()
        killed = Driver(cluster, tmp_path / "there", docs, **server)
        await asyncio.to_thread(killed.wait_until, lambda: qdrant.switches)
        killed.kill()
        assert await contents(tmp_path / "there", **settings) == []
        assert qdrant.points(), "they were staged"
        qdrant.may_switch.set()

        report = await asyncio.to_thread(Driver(cluster, tmp_path / "there", docs, **server).report)

        assert report == await ingested_here(tmp_path / "here", docs)
        assert await contents(tmp_path / "there", **settings) == await contents(tmp_path / "here")
        assert qdrant.points() == sum(
            len(chunks) for _, chunks in await contents(tmp_path / "here")
        )


def test_no_cluster_at_the_address_is_said_at_once(tmp_path: Path, free_port: int) -> None:
    command = [sys.executable, "-m", "app.cli.main", "ingest", str(tmp_path), "--engine", "ray"]
    done = subprocess.run(
        [*command, "--address", f"127.0.0.1:{free_port}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert f"no Ray cluster answers at 127.0.0.1:{free_port}; start one" in done.stderr
    assert done.stderr.count("\n") == 1
