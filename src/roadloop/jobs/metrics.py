"""What a monitoring system is told, in Prometheus' text format: jobs, GPUs, disk, requests and this server itself.

What is in the rows is read from them at each scrape, so that every server of an installation says the same and a restart
changes nothing; requests, connections and waits are this server's, counted since it started. A scrape waits for no
driver and walks over nothing that grows with the history. docs/operation.md explains every metric.

Sources: prometheus.io/docs/practices/naming, prometheus.io/docs/instrumenting/exposition_formats.
"""

import shutil
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics, exposition
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from roadloop import __version__
from roadloop.devices import service as devices
from roadloop.jobs import queue, totals
from roadloop.jobs.states import JobState
from roadloop.jobs.store import WAITING, jobs
from roadloop.jobs.totals import BOUNDS, Measure
from roadloop.storage import migrate, search
from roadloop.storage.platform import Platform
from roadloop.web.latency import LABELS

CONTENT_TYPE: Final = exposition.CONTENT_TYPE_PLAIN_0_0_4
#: Waiting jobs that a scrape counts by pool and kind, from an index: 3 ms. More are in `roadloop_jobs` alone.
MOST_WAITING: Final = 20_000
REQUEST_SECONDS: Final = (0.05, 0.25, 1, 5)
LOCK_SECONDS: Final = (0.001, 0.01, 0.1, 1, 10)


class Metrics:
    """All metrics of one server.

    Args:
        platform: The installation; its database tells this object from now on what transactions wait for.

    Attributes:
        requests: Seconds of requests, by the labels of `web.latency`.
    """

    def __init__(self, platform: Platform) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # one more line a series: when it began
        self._registry: Final = CollectorRegistry()
        self.requests: Final = Histogram(
            "roadloop_http_request_duration_seconds",
            "From a request's head to the end of its answer, by route, method and class of the status.",
            LABELS,
            buckets=REQUEST_SECONDS,
            registry=self._registry,
        )
        waits = Histogram(
            "roadloop_database_wait_seconds",
            "What this server's transactions waited for the write lock.",
            buckets=LOCK_SECONDS,
            registry=self._registry,
        )
        #: Seconds since the supervisor's last whole round; 0 where nobody supervises.
        self.silence: Callable[[], float] = lambda: 0.0
        platform.database.waited = waits.observe
        self._registry.register(_Installation(platform))

    def watch(self, connections: Callable[[], int], limit: int, silence: Callable[[], float]) -> None:
        """Show what only a server that listens and supervises has.

        Args:
            connections: How many there are.
            limit: How many there may be.
            silence: Seconds since the supervisor's last whole round.
        """
        self.silence = silence
        self._gauge("roadloop_http_connections", "Open connections.").set_function(connections)
        self._gauge("roadloop_http_connections_limit", "Connections that there may be at once.").set(limit)
        self._gauge(
            "roadloop_supervisor_silence_seconds", "Since the supervisor's last round that came to its end."
        ).set_function(silence)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return exposition.generate_latest(self._registry)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(name, meaning, registry=self._registry)


class _Rows(NamedTuple):
    """What one scrape reads from the database, all as of one moment."""

    states: dict[str, int]
    waiting: Sequence[sa.Row[Any]]
    running: Sequence[sa.Row[Any]]
    totals: Sequence[sa.Row[Any]]
    leases: dict[str, str]


class _Installation(Collector):
    """What rows, driver and disk say; the same from every server of an installation, but for the disk."""

    def __init__(self, platform: Platform) -> None:
        self._platform: Final = platform
        self._build: Final = {"version": __version__, "schema": str(migrate.newest())}

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: registering asks no database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read and say everything."""
        yield _gauge("roadloop_build_info", "1; the labels say which version runs.", [self._build], [1])
        with self._platform.database.reading() as db:
            rows = _read(db)
        yield from _of_queue(rows)
        yield from _of_history(rows.totals)
        yield from _of_gpus(devices.last_known(self._platform.settings), rows.leases)
        disk = shutil.disk_usage(self._platform.workspace.home)
        reserve = self._platform.settings.min_free_mib * 2**20
        yield _gauge("roadloop_disk_free_bytes", "Free on the workspace's file system.", [{}], [disk.free])
        yield _gauge("roadloop_disk_used_bytes", "Used there, by whatever it is.", [{}], [disk.used])
        yield _gauge("roadloop_disk_reserve_bytes", "With less than this free, new jobs wait.", [{}], [reserve])


def _read(db: sa.Connection) -> _Rows:
    states = search.job_counts(db)
    sorts = (jobs.c.pool, jobs.c.kind)
    waiting = sa.select(*sorts, sa.func.count().label("number")).where(WAITING).group_by(*sorts)
    placed = (jobs.c.pool, jobs.c.kind, jobs.c.host)
    running = (
        sa.select(*placed, sa.func.count().label("number"))
        .where(jobs.c.state == JobState.RUNNING.value)
        .group_by(*placed)
    )
    return _Rows(
        states,
        db.execute(waiting).all() if states.get(JobState.QUEUED, 0) <= MOST_WAITING else (),
        db.execute(running).all(),
        totals.read(db),
        queue.held_gpus(db),
    )


def _of_queue(rows: _Rows) -> Iterator[Metric]:
    yield _gauge(
        "roadloop_jobs",
        "Jobs by state, all that there ever were.",
        [{"state": state.value} for state in JobState],
        [rows.states.get(state.value, 0) for state in JobState],
    )
    yield _gauge(
        "roadloop_queue_jobs",
        f"Jobs that wait, by pool and kind; not shown where more than {MOST_WAITING:,} do.",
        [{"pool": row.pool, "kind": row.kind} for row in rows.waiting],
        [row.number for row in rows.waiting],
    )
    yield _gauge(
        "roadloop_running_jobs",
        "Jobs that run, by pool, kind and node.",
        [{"pool": row.pool, "kind": row.kind, "node": row.host or ""} for row in rows.running],
        [row.number for row in rows.running],
    )


def _of_history(rows: Sequence[sa.Row[Any]]) -> Iterator[Metric]:
    of = {measure: [row for row in rows if row.measure == measure.value] for measure in Measure}
    yield _histogram(
        "roadloop_job_wait_seconds",
        "From a job's way into the queue to its claim, by pool.",
        ("pool",),
        of[Measure.WAIT],
    )
    yield _histogram(
        "roadloop_job_duration_seconds",
        "Attempts of jobs, from claim to end, by kind and outcome: succeeded, failed, cancelled, or lost and queued again.",
        ("kind", "outcome"),
        of[Measure.RUN],
    )
    yield _counter(
        "roadloop_job_losses", "Workers that were lost, by kind and cause.", ("kind", "cause"), of[Measure.LOSS]
    )
    yield _counter(
        "roadloop_job_failures", "Jobs that failed, by kind and error.", ("kind", "error"), of[Measure.FAILURE]
    )


def _of_gpus(gpus: Sequence[devices.Gpu], leases: dict[str, str]) -> Iterator[Metric]:
    yield _gauge("roadloop_gpu_leases", "GPUs that jobs have leased, on all nodes.", [{}], [len(leases)])
    here = {"node": socket.gethostname()}
    yield _gauge("roadloop_gpus", "GPUs of this node whose driver answers.", [here], [len(gpus)])
    labels = [{"node": gpu.host, "gpu": str(gpu.index), "uuid": gpu.uuid} for gpu in gpus]
    told: dict[str, tuple[str, list[float]]] = {
        "roadloop_gpu_leased": ("1 where a job has leased the GPU.", [gpu.uuid in leases for gpu in gpus]),
        "roadloop_gpu_utilization_ratio": ("How busy it is, 0 to 1.", [gpu.utilisation for gpu in gpus]),
        "roadloop_gpu_memory_total_bytes": ("Its memory.", [gpu.total_mib * 2**20 for gpu in gpus]),
        "roadloop_gpu_memory_free_bytes": ("Of it, free.", [gpu.free_mib * 2**20 for gpu in gpus]),
    }
    for name, (meaning, values) in told.items():
        yield _gauge(name, meaning, labels, values)


def _gauge(name: str, meaning: str, labels: Sequence[dict[str, str]], values: Sequence[float]) -> Metric:
    family = GaugeMetricFamily(name, meaning)
    for its, value in zip(labels, values, strict=True):
        family.add_sample(name, its, value)
    return family


def _counter(name: str, meaning: str, labels: Sequence[str], rows: Iterable[sa.Row[Any]]) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=labels)
    for row in rows:
        family.add_metric((row.whose, row.outcome), row.number)
    return family


def _histogram(name: str, meaning: str, labels: Sequence[str], rows: Iterable[sa.Row[Any]]) -> Metric:
    family = HistogramMetricFamily(name, meaning, labels=labels)
    series: dict[tuple[str, ...], list[sa.Row[Any]]] = {}
    for row in rows:
        series.setdefault((row.whose, row.outcome)[: len(labels)], []).append(row)
    for key, its in series.items():
        within = [(str(b), sum(row.number for row in its if row.bound and row.bound <= b)) for b in BOUNDS]
        buckets = [*within, ("+Inf", sum(row.number for row in its))]
        family.add_metric(key, buckets, sum(row.seconds for row in its))
    return family
