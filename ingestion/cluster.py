"""A Ray cluster, as its driver sees it: orders out, deliveries back as they get ready.

Ray Data spreads the orders over a pool of workers that hold the models. Results wait on the
cluster, a few blocks at most, until they are asked for. The vector cache is not used: it is
on the driver's disk, and the texts are not.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import warnings
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import structlog

from app.core.errors import ConfigError, FootnoteError, TransientError
from app.core.exchange import Failure
from ingestion.cluster_worker import ClusterWorker, OpenTools
from ingestion.delivery import Delivery, Order

_GROUP = 8  # files that a worker gets at once
_BLOCK_BYTES = 8 << 20  # results that wait for each other before they set out
_AHEAD = 2  # blocks that wait in the driver
_ANSWER_S = 5.0
# Of one group of files. A lost node costs a dozen before it is known to be lost.
_MOST_TRIES = 100
_MOST_LOST = 3  # groups of files, each of which its workers did not survive
_MOST_STILLBORN = 3  # workers in a row that die while they start
# As Ray's own actors: they want a node with a CPU and do not hold it. Were it held, the
# workers of a lost node could not move to those that are left.
_CPUS = 0.01

_QUIET = {  # Ray reads them when it is imported; usage statistics would leave the machine
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS": "0",
}

log = structlog.get_logger(__name__)


class Cluster:
    """A connection to a running Ray cluster. Use it as a context manager, one at a time.

    Args:
        address: `auto` for the cluster of this machine, or `host:port`.
        workers: How many; 0 for one for each CPU of the cluster.
        open_tools: Makes a worker's tools, on its node; Ray sends it there.
    """

    def __init__(self, address: str, workers: int, open_tools: OpenTools) -> None:
        self._address = address
        self._workers = workers
        self._open_tools = open_tools

    async def __aenter__(self) -> Self:
        """Raises ConfigError without the extra `ray`, or when no cluster answers."""
        await asyncio.to_thread(_connect, self._address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        import ray

        await asyncio.to_thread(ray.shutdown)

    async def deliveries(self, orders: Sequence[Order]) -> AsyncGenerator[Delivery, None]:
        """What comes of the orders, in any order; for those that are lost, nothing.

        Raises:
            ConfigError: The workers cannot start.
            TransientError: The cluster is gone.
        """
        if not orders:
            return
        results = _Pump(lambda: self._tables(orders))
        try:
            async for table in results:
                for row in table.to_pylist():
                    delivery = Delivery.of(row)
                    if not delivery.name and isinstance(delivery.outcome, Failure):
                        why, hint = delivery.outcome.error, delivery.outcome.hint
                        raise ConfigError(f"a Ray worker cannot start: {why}", hint=hint)
                    yield delivery
        finally:
            results.stop()

    def _tables(self, orders: Sequence[Order]) -> Iterator[Any]:
        import ray

        workers = self._workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        groups = -(-len(orders) // _GROUP)
        data = ray.data.from_items([order.row() for order in orders], override_num_blocks=groups)
        with warnings.catch_warnings():
            # Retries have no other place yet; without an end they would never end for files
            # that a worker does not survive.
            warnings.simplefilter("ignore", DeprecationWarning)
            done = data.map_batches(
                ClusterWorker,
                fn_constructor_args=(self._open_tools,),
                batch_size=None,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(size=min(workers, groups)),
                num_cpus=_CPUS,
                max_task_retries=_MOST_TRIES,
            )
        yield from done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)


class _Pump:
    """An iterator that blocks, run in a thread of its own, as one that is awaited.

    The thread is a daemon: where Ray does not come back, it keeps nobody from leaving.
    """

    def __init__(self, start: Callable[[], Iterator[Any]]) -> None:
        self._start = start
        self._queue: asyncio.Queue[Any] = asyncio.Queue(_AHEAD)
        self._loop = asyncio.get_running_loop()
        self._stopped = False
        threading.Thread(target=self._run, name="ray-results", daemon=True).start()

    async def __aiter__(self) -> AsyncGenerator[Any, None]:
        while (thing := await self._queue.get()) is not None:
            if isinstance(thing, Exception):
                raise _named(thing) from thing
            yield thing

    def stop(self) -> None:
        """Nobody wants the rest."""
        self._stopped = True
        while not self._queue.empty():
            self._queue.get_nowait()

    def _run(self) -> None:
        try:
            for thing in self._start():
                if self._stopped:
                    return
                self._hand(thing)
            self._hand(None)
        except Exception as error:
            if not self._stopped:
                self._hand(error)

    def _hand(self, thing: Any) -> None:
        asyncio.run_coroutine_threadsafe(self._queue.put(thing), self._loop).result()


def _connect(address: str) -> None:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigError(
            "--engine ray needs the extra `ray`", hint="pip install 'footnote-rag[ray]'"
        ) from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    _probe(address)
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        log.info("ingest.no_cluster", exc_info=True)
        raise _no_cluster(address) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.issue_detectors_config.detectors = []
    context.target_max_block_size = _BLOCK_BYTES
    context.max_errored_blocks = _MOST_LOST
    context.max_consecutive_actor_init_deaths = _MOST_STILLBORN


def _probe(address: str) -> None:
    """Refuse in words, or at once, what Ray would stumble over, or try for minutes."""
    if "://" in address:
        raise ConfigError(
            f"Ray Data does not run over Ray Client ({address})",
            hint="run it on a node of the cluster, with --address auto, or by `ray job submit`",
        )
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return  # `auto`, or what Ray will refuse
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address) from error


def _no_cluster(address: str) -> ConfigError:
    return ConfigError(
        f"no Ray cluster answers at {address}",
        hint="start one with `ray start --head`, join it from this machine, check --address",
    )


def _named(error: Exception) -> FootnoteError:
    """What an exception out of Ray says to the one who started the run."""
    log.error("ingest.cluster_failed", exc_info=error)
    if "No module named" in str(error):
        return ConfigError(
            "the Ray workers lack a package that is here",
            hint="install the same version of footnote-rag, extras included, on every node",
        )
    return TransientError("the Ray cluster failed", hint="see its log, then run again")
