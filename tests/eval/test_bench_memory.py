"""The memory that a benchmark reports is held by somebody, and by each once."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from eval.bench.child import Unavailable
from eval.bench.confine import container
from tests.support.paths import ROOT

pytest.importorskip("psutil")

_FORKING = """
import os, time
from eval.bench.memory import peak_memory

held = bytearray(os.urandom(1 << 20) * 256)
with peak_memory() as alone:
    time.sleep(0.5)
with peak_memory() as peak:
    child = os.fork()
    if not child:
        time.sleep(60)
    time.sleep(0.5)
    os.kill(child, 9)
    os.waitpid(child, 0)
print(peak.mb / alone.mb, peak.own_mb / alone.own_mb)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not forked here")
def test_starting_a_process_does_not_look_as_if_memory_had_doubled() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FORKING], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert max(map(float, done.stdout.split())) < 1.5


def test_a_container_ends_what_takes_more_than_it_holds() -> None:
    with ExitStack() as stack:
        try:
            enter = stack.enter_context(container(60))
        except Unavailable as missing:
            pytest.skip(str(missing))
        kept, killed = (
            subprocess.run([sys.executable, "-c", f"b'x' * {mb}_000_000"], preexec_fn=enter)
            for mb in (1, 200)
        )
    assert (kept.returncode, killed.returncode) == (0, -signal.SIGKILL)
