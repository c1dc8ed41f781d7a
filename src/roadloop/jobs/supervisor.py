"""The supervisor: one per installation, a thread of `roadloop serve`.

Where several servers share an installation, one of them leads, and only that one supervises; each of the others ends the
processes on its own machine whose jobs have ended or were given to somebody else. It claims queued jobs for which there is room, starts their processes, notices at once when one of its own has gone
and within lease + sweep when any other has, ends cancelled ones, and completes what a killed worker had chosen. It
holds nothing that the next supervisor could not read from the rows: stopping the server leaves jobs running.
"""

import logging
import shutil
import socket
import threading
import time
from contextlib import suppress
from typing import Final

from roadloop.errors import BrokenDatabaseError, BusyError, InvalidTransitionError, StaleRunError, Text
from roadloop.jobs import endings, placing, queue, totals, trash_moves
from roadloop.jobs.confine import OVER_MEMORY
from roadloop.jobs.context import apply_moves, chosen_moves
from roadloop.jobs.endings import Cause, Loss
from roadloop.jobs.hosts import Hosts, OneHost
from roadloop.jobs.keeping import keep_tidy
from roadloop.jobs.lock import lead
from roadloop.jobs.silence import Silence
from roadloop.jobs.states import JobState
from roadloop.jobs.store import Job
from roadloop.storage.platform import Platform

log: Final = logging.getLogger(__name__)

DISK_LOW: Final = Text(
    "磁盘剩余空间不足，任务在排队等待；腾出空间后会自动开始。",
    "The disk is nearly full, so the job waits; it starts by itself once there is space.",
)


START_SECONDS: Final = 60  # a new process has so long until its first sign of life
PROBE_SECONDS: Final = 0.2  # a write that waits longer says that the way is blocked
LEAVE_SECONDS: Final = 5  # an ended job's process may take so long to leave


class Supervisor:
    """Runs the jobs of one installation, or waits until it may.

    Args:
        platform: The installation.
        hosts: Where its jobs run; this machine by default.

    Raises:
        ConflictError: Another server already supervises this workspace, and its database is this machine's.
    """

    def __init__(self, platform: Platform, hosts: Hosts | None = None) -> None:
        self.platform: Final = platform
        self._hosts: Final = hosts or OneHost(platform)
        self._silence = Silence(platform.settings.lease_seconds)
        self._losses: dict[str, Loss] = {}  # not yet written
        self._cancel_seen: dict[str, float] = {}
        self._watched: dict[str, Job] = {}  # as last seen running
        self._ended: dict[str, float] = {}  # since when their row has ended
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._tidying: threading.Thread | None = None
        self._next_sweep = 0.0
        self._rounded = time.monotonic()  # the end of the last whole round
        self._lead = lead(platform)
        self._leads = False

    @property
    def leads(self) -> bool:
        """Whether this is the server that supervises."""
        return self._leads

    def start(self) -> None:
        """Look after what an earlier server left, if this one may, then begin."""
        with suppress(BusyError):  # then the first round does it
            self._ask_for_lead()
        self._thread = threading.Thread(target=self._loop, name="supervisor", daemon=True)
        self._thread.start()
        self._tidying = threading.Thread(
            target=keep_tidy, args=(self.platform, self._stop, lambda: self._leads), name="tidy", daemon=True
        )
        self._tidying.start()

    def silent_for(self) -> float:
        """Seconds since its last round that came to its end."""
        return time.monotonic() - self._rounded

    def close(self, *, stop_jobs: bool = False) -> list[Job]:
        """End the supervision.

        Args:
            stop_jobs: Also stop the running jobs, as if each had been cancelled.

        Returns:
            The jobs that go on running without a server.
        """
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._tidying is not None:
            self._tidying.join()
        if stop_jobs and self._lead.hold():
            self._stop_all()
        with self.platform.database.reading() as db:
            left = queue.running(db)
        self._hosts.let_go({job.id for job in left})
        self._lead.close()
        return left

    def _ask_for_lead(self) -> bool:
        """Whether this server leads; who has just come to it looks after what an earlier one left."""
        held = self._lead.hold()
        if held and not self._leads:
            log.info("supervisor: this server leads")
            self._take_over()
        elif self._leads and not held:
            log.warning("supervisor: this server has lost the lead; another one, or the next round, goes on")
        self._leads = held
        return held

    def _take_over(self) -> None:
        trash_moves.settle(self.platform)
        self._hosts.take_over()
        self._losses, self._cancel_seen = {}, {}
        self._silence = Silence(self.platform.settings.lease_seconds)
        with self.platform.database.reading() as db:
            left = queue.running(db)
        for job in left:
            if self._hosts.of(job).is_alive(job) is False:
                with suppress(BusyError):  # then the first round does it
                    self._recover(job, endings.RESTARTED)

    def _stop_all(self) -> None:
        deadline = time.monotonic() + self.platform.settings.stop_seconds
        while time.monotonic() < deadline:
            active = self.platform.database.write(lambda: queue.cancel_running)
            if not active:
                return
            for job in active:
                self._look_after(job, time.monotonic(), sweep=False)
            time.sleep(0.1)

    def _loop(self) -> None:
        while not self._stop.wait(self.platform.settings.poll_seconds):
            try:
                if self._ask_for_lead():
                    self.tick()
                else:
                    self._tidy_own()
                self._rounded = time.monotonic()
            except (BusyError, BrokenDatabaseError) as error:
                log.warning("supervisor: %s", error.text.en)
            except Exception:  # the supervisor outlives its own bugs; each is in the log
                log.exception("supervisor: unexpected error")

    def tick(self) -> None:
        """One round: look after the running jobs, then start what may start."""
        now = time.monotonic()
        self._silence.look(now)
        free = self._is_way_free()
        try:
            with self.platform.database.reading() as db:
                active = queue.running(db)
        except BusyError:  # the database is away: nobody can be heard
            self._silence.blocked()
            raise
        for job in active:
            self._silence.hear(job.id, (job.token, job.beat))
        if not free:
            holder = self.platform.database.holder()
            self._silence.blocked(by={job.id for job in active if holder and job.pid == holder})
        sweep = now >= self._next_sweep
        if sweep:
            self._next_sweep = now + self.platform.settings.sweep_seconds
            self._hosts.sweep()
        for job in active:
            try:
                self._look_after(job, now, sweep=sweep)
            except BusyError as error:  # again in the next round; the other jobs do not wait for it
                log.warning("supervisor: job %s: %s", job.id, error.text.en)
        self._tidy({job.id: job for job in active}, now)
        if free:
            self._start_queued()

    # --- running jobs ------------------------------------------------------------------------------------------

    def _is_way_free(self) -> bool:
        """Whether a sign of life could be written just now: the row of a job that seems silent is, as it would do.

        Where it cannot, because the database is locked or the disk full, nobody is silent, except who holds the lock.
        """
        for task_id in self._silence.suspected()[:1]:
            try:
                with self.platform.database.transaction(PROBE_SECONDS) as db:
                    queue.touch(db, task_id)
            except BusyError:
                return False
        return True

    def _look_after(self, job: Job, now: float, *, sweep: bool) -> None:
        host = self._hosts.of(job)
        if job.id in self._losses:
            self._recover(job, self._losses[job.id])
            return
        code = host.exit_code(job)
        if code is not None:
            with self.platform.database.reading() as db:
                job = queue.get(db, job.id)  # its last words count
            log_file = self.platform.workspace.home / job.log
            self._recover(job, endings.after_exit(code, job, log_file))
            return
        if job.cancel_requested:
            asked = self._cancel_seen.setdefault(job.id, now)
            if now - asked > self.platform.settings.stop_seconds * 0.7:
                host.kill_tree(job, seconds=self.platform.settings.stop_seconds * 0.2)
                self._recover(job, endings.STOPPED)
                return
        if not sweep:
            return
        alive = host.is_alive(job)
        if job.pid is not None and alive is False and not host.is_watched(job):
            self._recover(job, endings.unseen(job))
        elif self._silence.of(job.id) > self._patience(job, alive):
            self._recover(job, host.why_silent(job))

    def _patience(self, job: Job, alive: bool | None) -> float:  # noqa: FBT001 - as a host says it
        """How long a job may be silent; a process that is still being loaded gets longer, unless its host is silent, too."""
        lease = self.platform.settings.lease_seconds
        begun = job.beat or (job.pid is not None and alive is None)
        return lease if begun else max(lease, START_SECONDS)

    def _recover(self, job: Job, loss: Loss) -> None:
        """End what is left of a worker, then complete, end or requeue its job; what happened is kept until then."""
        host = self._hosts.of(job)
        if host.went_over(job):
            loss = Loss(Cause.OVER_MEMORY, OVER_MEMORY, counts=True)
        self._losses[job.id] = loss
        if not host.kill_tree(job):
            log.error("supervisor: processes of job %s do not end", job.id)
            return
        host.forget(job.id)
        with self.platform.database.reading() as db:
            job = queue.get(db, job.id)  # its last writes count
        if job.state is JobState.RUNNING:
            self._write_loss(job, loss)
        del self._losses[job.id]

    def _write_loss(self, job: Job, loss: Loss) -> None:
        try:
            apply_moves(chosen_moves(self.platform.workspace, job))
            with self.platform.database.transaction() as db:
                if job.finishing:
                    queue.finish(db, job, JobState.SUCCEEDED)
                elif job.cancel_requested:
                    queue.finish(db, job, JobState.CANCELLED)
                else:
                    state = queue.requeue(db, job, loss.reason, counts=loss.counts)
                    totals.count(db, totals.Measure.LOSS, job.kind, loss.cause.value)
                    log.warning("supervisor: job %s %s: %s", job.id, state, loss.reason.en)
        except StaleRunError:
            log.info("supervisor: job %s ended by itself", job.id)
        except OSError as error:
            text = Text(f"无法放置结果：{error}。", f"The result could not be put in place: {error}.")
            with self.platform.database.transaction() as db:
                queue.finish(db, job, JobState.FAILED, reason=text, error="publish_failed")

    def _tidy(self, active: dict[str, Job], now: float) -> None:
        """Clear up behind jobs that have ended: processes that they left, and what was remembered about them."""
        for task_id in [t for t in self._watched if t not in active]:
            job = self._watched[task_id]
            host = self._hosts.of(job)
            since = self._ended.setdefault(task_id, now)
            if job.pid is None or host.is_alive(job) is False or now - since > LEAVE_SECONDS:
                host.kill_tree(job)
                host.forget(task_id)
                del self._watched[task_id], self._ended[task_id]
        self._watched |= active
        self._silence.keep(active)
        self._losses = {t: s for t, s in self._losses.items() if t in active}
        self._cancel_seen = {t: s for t, s in self._cancel_seen.items() if t in active}

    def _tidy_own(self) -> None:
        """As one that does not lead: clear up behind jobs of this host that have ended or run elsewhere now."""
        now = time.monotonic()
        if now < self._next_sweep:
            return
        self._next_sweep = now + self.platform.settings.sweep_seconds
        with self.platform.database.reading() as db:
            active = {job.id: job for job in queue.running(db)}
        own = {t: j for t, j in active.items() if t in self._watched and j.token == self._watched[t].token}
        self._tidy(own, now)

    # --- queued jobs -------------------------------------------------------------------------------------------

    def _start_queued(self) -> None:
        found = self._hosts.ready()
        hosts = [] if isinstance(found, Text) else found
        with self.platform.database.reading() as db:
            lines = queue.lines(db)
            if not lines:
                return
            running = queue.running(db)
            names = [(j, name) for j in running for name in (j.hosts if j.seats else [self._hosts.of(j).name])]
            room = placing.room_left(self.platform.settings, hosts, names)
            waiting = [job for line in lines for job in queue.queued(db, placing.most(line, room), line)]
            titles = {job.id: job.title for job in running}
            held = {uuid: titles.get(holder, holder) for uuid, holder in queue.held_gpus(db).items()}
        waiting.sort(key=lambda job: (-job.priority, job.queued_seq))
        if shutil.disk_usage(self.platform.workspace.home).free < self.platform.settings.min_free_mib * 2**20:
            self._explain(waiting[0], DISK_LOW)
            return
        if isinstance(found, Text):
            self._explain(waiting[0], found)
            return
        for decision in placing.place(waiting, hosts, room, held, socket.gethostname()):
            if isinstance(decision, placing.Start):
                self._launch(decision)
            else:
                self._explain(decision.job, decision.reason)

    def _explain(self, job: Job, reason: Text) -> None:
        if job.reason == reason:
            return
        with self.platform.database.transaction() as db:
            db.execute(
                queue.jobs.update()
                .where(queue.jobs.c.id == job.id, queue.jobs.c.state == JobState.QUEUED.value)
                .values(reason=list(reason))
            )

    def _launch(self, start: placing.Start) -> None:
        try:
            with self.platform.database.transaction() as db:
                claimed = queue.claim(db, start.job.id, start.gpu_uuids, start.host.name, start.seats)
        except InvalidTransitionError:
            return  # cancelled a moment ago
        self._watched[claimed.id] = claimed
        try:
            start.host.start(claimed, start.gpu_uuids)
        except OSError as error:
            reason = Text(f"无法启动进程：{error}。", f"The process could not be started: {error}.")
            away = isinstance(error, TimeoutError | ConnectionError)  # the host, which is no fault of the job's
            self._recover(claimed, Loss(Cause.NOT_STARTED, reason, counts=not away))
