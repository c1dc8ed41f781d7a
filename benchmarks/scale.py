"""`python -m benchmarks scale`: a site of many GPUs over some hours, in virtual time, with the real queue on a real database.

Only the processes of jobs are left out: how long each runs is drawn. Every submission, claim and end goes through
`roadloop.jobs.queue` in transactions of its own, as the supervisor makes them, and is timed; a sign of life and a
supervisor's look at everything that runs are timed at the site's busiest moment. docs/scale.md says what follows.
"""

import heapq
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.jobs.store import job_events
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform

HOUR: Final = 3600.0
#: Of each training: GPUs and how often; the rest of the mix is one evaluation and one job without a GPU.
TRAININGS: Final = ((1, 0.7), (2, 0.2), (4, 0.1))
TRAINING_HOURS: Final = 6.0  #: median; the logarithm's deviation is 1
EVALUATION_HOURS: Final = 0.15
OTHER_HOURS: Final = 0.3
BUSY: Final = 0.9  #: of the GPUs, that the arrivals ask for
BEATS: Final = 200  #: timed


@dataclass
class Figures:
    """What one site cost. Times in milliseconds of one transaction: median and 99th percentile.

    Attributes:
        gpus: Of the site.
        hours: Of virtual time.
        submitted: Jobs that came.
        running: At the end, when signs of life and looks are timed.
        waiting: At the end.
        events: Rows that were added to the log of events.
        times: What -> every measured seconds.
    """

    gpus: int
    hours: float
    submitted: int = 0
    running: int = 0
    waiting: int = 0
    events: int = 0
    times: dict[str, list[float]] = field(default_factory=dict)

    def milliseconds(self, what: str) -> tuple[float, float]:
        """Median and 99th percentile."""
        seconds = sorted(self.times[what])
        return 1000 * statistics.median(seconds), 1000 * seconds[int(0.99 * (len(seconds) - 1))]

    @property
    def turns(self) -> float:
        """Share of the time in which somebody holds the turn to write, signs of life left out."""
        held = sum(sum(self.times.get(what, ())) for what in ("submit", "claim", "end"))
        return held / (self.hours * HOUR)

    @property
    def beats(self) -> float:
        """Seconds of signs of life in a second: one a second from each running job, each in a transaction of its own."""
        return self.running * statistics.median(self.times["beat"])


class Site:
    """GPUs, the jobs that come, and a clock of its own.

    Args:
        platform: A fresh installation.
        gpus: How many.
        hours: How long.
        seed: Of the draws.
    """

    def __init__(self, platform: Platform, gpus: int, hours: float, seed: int) -> None:
        self._platform = platform
        self._free = list(range(gpus))
        self._draw = random.Random(seed)
        self._happening: list[tuple[float, int, str]] = []  # when, a number, the job that ends; "" is an arrival
        self._numbers = 0
        self._seconds: dict[str, float] = {}
        self._held: dict[str, list[int]] = {}
        self.figures = Figures(gpus, hours)

    def run(self) -> Figures:
        """Let the hours pass, then time signs of life and looks."""
        mean_gpus = sum(gpus * share for gpus, share in TRAININGS)
        pause = TRAINING_HOURS * 1.65 * HOUR * mean_gpus / (BUSY * self.figures.gpus)  # exp(1/2): mean over median
        now = 0.0
        for _ in range(round(BUSY * self.figures.gpus / mean_gpus)):  # a site that has been at work
            self._arrive(0.0)
        self._happen(self._draw.expovariate(1 / pause), "")
        while self._happening:
            now, _, task_id = heapq.heappop(self._happening)
            if now > self.figures.hours * HOUR:
                break
            if task_id:
                self._end(task_id)
            else:
                self._arrive(now)
                self._happen(now + self._draw.expovariate(1 / pause), "")
            self._start(now)
        self._look()
        return self.figures

    def _happen(self, when: float, task_id: str) -> None:
        self._numbers += 1
        heapq.heappush(self._happening, (when, self._numbers, task_id))

    def _arrive(self, _now: float) -> None:
        draw = self._draw
        gpus = draw.choices([gpus for gpus, _ in TRAININGS], [share for _, share in TRAININGS])[0]
        wanted = ",".join(map(str, range(gpus)))
        for kind, pool, text, hours in (
            ("train", "training", wanted, TRAINING_HOURS * draw.lognormvariate(0, 1)),
            ("evaluate", "training", "0", EVALUATION_HOURS * draw.lognormvariate(0, 0.5)),
            ("create_data", "other", "", OTHER_HOURS * draw.lognormvariate(0, 0.5)),
        ):
            with self._timed("submit"), self._platform.database.transaction() as db:
                work = queue.Submission(kind, {"name": "x"}, f"{kind} {self._numbers}", pool, text)
                task_id = queue.submit(db, work)
            self._seconds[task_id] = hours * HOUR
            self.figures.submitted += 1

    def _start(self, now: float) -> None:
        """Claim what fits, as the supervisor looks for it: line by line, the oldest first."""
        for line in self._lines():
            wanted = len(line.gpus.split(",")) if line.gpus else 0
            while wanted <= len(self._free):
                with self._platform.database.reading() as db:
                    waiting = queue.queued(db, 1, line)
                if not waiting:
                    break
                taken, self._free = self._free[:wanted], self._free[wanted:]
                task_id = waiting[0].id
                with self._timed("claim"), self._platform.database.transaction() as db:
                    queue.claim(db, task_id, [f"GPU-{number}" for number in taken], f"node-{(taken or [0])[0] // 8}")
                self._held[task_id] = taken
                self._happen(now + self._seconds.pop(task_id), task_id)

    def _lines(self) -> list[queue.Line]:
        with self._timed("lines"), self._platform.database.reading() as db:
            return sorted(queue.lines(db), key=lambda line: (-line.priority, -len(line.gpus)))

    def _end(self, task_id: str) -> None:
        with self._timed("end"), self._platform.database.transaction() as db:
            queue.finish(db, queue.get(db, task_id), JobState.SUCCEEDED)
        self._free += self._held.pop(task_id)

    def _look(self) -> None:
        database = self._platform.database
        with self._timed("look"), database.reading() as db:
            running = queue.running(db)
        for job in (running * (BEATS // max(len(running), 1) + 1))[:BEATS]:
            with self._timed("beat"), database.transaction(turn=False) as db:
                queue.fenced(db, job.id, job.token, {"beat": queue.jobs.c.beat + 1})
        with database.reading() as db:
            self.figures.events = db.scalar(sa.select(sa.func.count()).select_from(job_events)) or 0
            self.figures.waiting = sum(len(queue.queued(db, 10**6, line)) for line in queue.lines(db))
        self.figures.running = len(running)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.figures.times.setdefault(what, []).append(time.perf_counter() - began)


def simulate(gpus: int, hours: float, seed: int, url: str = "") -> Figures:
    """One site in a workspace of its own, with SQLite or an empty database of PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="roadloop-scale-") as folder:
        settings = Settings(home=Path(folder) / "home", port=0, database_url=url)
        platform = open_platform(settings, upgrade=True)
        try:
            return Site(platform, gpus, hours, seed).run()
        finally:
            platform.database.close()


def table(found: list[Figures]) -> str:
    """The figures as Markdown."""
    head = [
        "GPUs",
        "hours",
        "jobs",
        "running",
        "waiting",
        "submit",
        "claim",
        "end",
        "a beat",
        "a look",
        "turns",
        "beats",
    ]
    rows = [head, ["---:"] * len(head)]
    for one in found:
        timed = [one.milliseconds(what) for what in ("submit", "claim", "end", "beat")]
        rows.append(
            [
                *map(str, (one.gpus, f"{one.hours:g}", one.submitted, one.running, one.waiting)),
                *(f"{median:.1f} ({p99:.1f})" for median, p99 in timed),
                f"{one.milliseconds('look')[0]:.1f}",
                f"{100 * one.turns:.2f} %",
                f"{100 * one.beats:.0f} %",
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
