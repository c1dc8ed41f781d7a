"""Pack the shards of a plan in worker processes, and take over what an earlier attempt finished."""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from roadloop.cluster.hand import Post
from roadloop.cluster.line import Work
from roadloop.datasets.pack import (
    ShardPlan,
    ShardReport,
    pack_shard,
    read_report,
    shard_key,
    start_worker,
)
from roadloop.datasets.plan import Plan
from roadloop.errors import OutOfMemoryError, Text
from roadloop.labels.table import ClassTable
from roadloop.storage import publish, reading

POLL_SECONDS: Final = 0.2
_AHEAD: Final = 2  # shards handed out per worker, so that memory does not grow with the plan

Watch = Callable[[int], None]


def take_over(plan: Plan, older: Iterable[Path], folder: Path) -> list[ShardReport]:
    """Move the finished shards of earlier attempts into this attempt's folder.

    A shard counts when its report is whole, its sources have not changed since, and its sha256 fits.

    Args:
        plan: What this attempt will build.
        older: Folders of earlier attempts, oldest first.
        folder: This attempt's folder.

    Returns:
        The reports of the shards that were taken.
    """
    taken: list[ShardReport] = []
    plans = {p.file: p for p in plan.shards}
    for old in older:
        for path in sorted(old.glob("*.json")):
            report = _read(path)
            shard = plans.get(report.file) if report else None
            if report is None or shard is None or not _fits(report, shard, plan, old):
                continue
            if report.rows:
                (old / report.file).replace(folder / report.file)
            path.replace(folder / path.name)
            taken.append(report)
            del plans[report.file]
    return taken


class Packing(NamedTuple):
    """How shards are packed.

    Attributes:
        tables: Class table of each source set.
        folder: Where the shards go.
        processes: Worker processes, capped at the cores.
        max_pixels: Larger pictures are left out.
    """

    tables: Mapping[str, ClassTable]
    folder: Path
    processes: int
    max_pixels: int


def pack_all(shards: Iterable[ShardPlan], packing: Packing, watch: Watch) -> Iterator[ShardReport]:
    """Pack shards; yields reports as they come.

    Args:
        shards: What to build.
        packing: How.
        watch: Called several times a second with the number of pictures read; raises to stop the work.

    Raises:
        OutOfMemoryError: A worker process was killed.
    """
    workers = max(1, min(packing.processes, len(os.sched_getaffinity(0))))
    with _pool(workers) as (pool, counter):
        waiting: set[Future[dict[str, Any]]] = set()
        queue = iter(shards)
        while True:
            for shard in islice(queue, workers * _AHEAD - len(waiting)):
                waiting.add(pool.submit(pack_shard, shard, packing.tables, packing.folder, packing.max_pixels))
            if not waiting:
                return
            ended, waiting = wait(waiting, POLL_SECONDS, FIRST_COMPLETED)
            watch(counter.value)
            for future in ended:
                yield read_report(future.result())


def open_packing(post: Post, packing: Packing) -> Work[ShardPlan, ShardReport]:
    """The same on another node."""
    packing = packing._replace(processes=min(packing.processes, post.cores))
    return lambda shards: pack_all(shards, packing, lambda _pictures: None)


@contextmanager
def _pool(workers: int) -> Iterator[tuple[ProcessPoolExecutor, Any]]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["roadloop.datasets.pack"])
    counter, stop = context.Value("q", 0), context.Event()
    pool = ProcessPoolExecutor(workers, context, initializer=start_worker, initargs=(counter, stop))
    try:
        yield pool, counter
    except BrokenProcessPool as error:
        raise OutOfMemoryError(
            Text(
                "一个打包进程被系统终止，通常是内存不足；请减小 thread 后重试，已完成的部分不会丢失",
                "A packing process was killed, usually for want of memory; try again with a smaller `thread`",
            )
        ) from error
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _read(path: Path) -> ShardReport | None:
    try:
        return read_report(json.loads(reading.read_bytes(path)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fits(report: ShardReport, shard: ShardPlan, plan: Plan, old: Path) -> bool:
    if report.key != shard_key(shard, plan.tables):
        return False
    path = old / report.file
    return not report.rows or (path.is_file() and publish.sha256_file(path) == report.sha256)
