"""A real Ray cluster on this machine: each node a process of its own that can be killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.support.paths import ROOT

_HEAD = "127.0.0.2"  # Ray takes 127.0.0.1 for a mistake
_MEMORY = 100_000_000  # bytes of a node's object store
_STARTING_S = 60.0
_HASTY = {  # a lost node is known to be lost within seconds
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
}


class Node:
    """A node of one CPU: `ray start --block` and all that it starts."""

    def __init__(self, folder: Path, ip: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *arguments]
        command += [f"--node-ip-address={ip}", "--num-cpus=1", "--disable-usage-stats"]
        command += [f"--object-store-memory={_MEMORY}"]
        with (folder / "nodes.log").open("ab") as log:
            self._process = psutil.Popen(
                command,
                env=os.environ | _HASTY | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
            )

    def all(self) -> list[psutil.Process]:
        """Its processes."""
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> list[psutil.Process]:
        """Processes of ours that read files: each has a process of its own that parses them."""
        workers = [process for process in self.all() if "ClusterWorker" in _title(process)]
        return [worker for worker in workers if _has_children(worker)]

    def kill(self) -> None:
        """As if someone pulled the plug."""
        for process in self.all():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait()


class RayCluster:
    """Two nodes, or as many as are added. Use it as a context manager."""

    def __init__(self, folder: Path, nodes: int = 2) -> None:
        self._folder = folder
        self._count = nodes
        self.nodes: list[Node] = []
        self.address = ""

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            probe.bind((_HEAD, 0))
            port = int(probe.getsockname()[1])
        self.address = f"{_HEAD}:{port}"
        temp = f"--temp-dir={self._folder}"
        head = ["--head", f"--port={port}", "--include-dashboard=false", temp]
        self.nodes.append(Node(self._folder, _HEAD, *head))
        _wait(port)
        for _ in range(1, self._count):
            self.add()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for node in reversed(self.nodes):
            node.kill()

    def add(self) -> Node:
        """One more node."""
        self.nodes.append(
            Node(self._folder, f"127.0.0.{2 + len(self.nodes)}", f"--address={self.address}")
        )
        return self.nodes[-1]


def _wait(port: int) -> None:
    end = time.monotonic() + _STARTING_S
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex((_HEAD, port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the Ray cluster did not start")


def _has_children(process: psutil.Process) -> bool:
    try:
        return bool(process.children())
    except psutil.Error:
        return False


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()[:1])
    except psutil.Error:
        return ""
