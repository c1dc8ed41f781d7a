"""What a job's function sees of the world: progress, warnings, stopping, and the guarded way to publish.

Life goes on in a thread: once a second it writes a sign of life together with the newest progress, under the job's
token, and learns whether somebody asked to stop. When the token has been raised by another claim, the whole process
group ends at once, so that a worker that was given up does no more work.
"""

import os
import signal
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from roadloop.errors import BusyError, RoadloopError, StaleRunError, Text
from roadloop.jobs import logs, queue, seals
from roadloop.jobs.states import JobState
from roadloop.parameters import Parameters, stored
from roadloop.storage import publish
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform

Move = tuple[Path, Path]
P = TypeVar("P", bound=Parameters)
KEPT: Final = "kept"  # in the memo: how much finished work an attempt has left behind at most


class JobCancelled(RoadloopError):  # noqa: N818 - not an error: somebody asked
    """Somebody asked this job to stop."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__(Text("任务已被停止。", "The job was stopped."))


@dataclass(frozen=True)
class Outcome:
    """What a finished job leaves.

    Attributes:
        result: Facts for its row.
        moves: Scratch names to be made visible.
        kept: Files and folders that are visible already and are its output, too.
    """

    result: dict[str, Any] = field(default_factory=dict)
    moves: Sequence[Move] = ()
    kept: Sequence[Path] = ()


class Eta:
    """Seconds left, from the pace since this attempt first said how far it is. Pure: the clock is an argument."""

    def __init__(self) -> None:
        self._begun: tuple[float, float] | None = None

    def update(self, share: float, now: float) -> float | None:
        """Seconds left at `share` (0..1) of the work; None before there is a pace."""
        first, start = self._begun = self._begun or (share, now)
        if share <= first or now <= start:
            return None
        return (1 - share) * (now - start) / (share - first)


class TaskContext:
    """One attempt of one job.

    Args:
        platform: The installation.
        job: The claimed job.
        gpus: UUIDs of the GPUs leased to it, in the order asked for.
    """

    def __init__(self, platform: Platform, job: queue.Job, gpus: tuple[str, ...] = ()) -> None:
        self.platform: Final = platform
        self.job: Final = job
        self.gpus: Final = gpus
        self.memo: dict[str, Any] = dict(job.memo)
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # what is pending is older than what another thread writes
        self._pending: dict[str, Any] = {}
        self._warnings = list(job.warnings)
        self._scratch: set[Path] = set()
        self._cancel = threading.Event()
        self._closed = threading.Event()
        self._eta = Eta()
        self._thread: threading.Thread | None = None

    # --- what the task calls -----------------------------------------------------------------------------------

    def recipe(self, kind: type[P]) -> P:
        """What this job is to do, as its kind has it.

        Raises:
            OtherVersionError: The row holds something else.
        """
        return stored(kind, self.job.payload)

    def log(self, line: str) -> None:
        """Write one line to the job's log."""
        logs.write(line)

    def progress(self, done: float, total: float, note: Text | None = None) -> None:
        """Say how far the work is. Cheap: call it as often as you like.

        Args:
            done: Units done.
            total: Units in all.
            note: What is being done just now.
        """
        share = min(1.0, done / total) if total > 0 else 0.0
        with self._lock:
            self._pending["progress"] = share
            self._pending["eta_seconds"] = self._eta.update(share, time.monotonic())
            if note is not None:
                self._pending["note"] = list(note)

    def keep(self, done: int) -> None:
        """Say how much finished work the next attempt would find and take over. Cheap.

        More than any attempt has left so far is getting further, which forgives earlier losses of workers.

        Args:
            done: Units, always of the same kind in a kind of job.
        """
        if done <= self.memo.get(KEPT, 0):
            return
        self.memo[KEPT] = done
        with self._lock:
            self._pending |= {"memo": dict(self.memo), "losses": 0}

    def warn(self, text: Text) -> None:
        """Add a warning to the job's row and its log. The same warning is kept once."""
        with self._lock:
            if text in self._warnings:
                return
            self._warnings.append(text)
            self._pending["warnings"] = [list(w) for w in self._warnings]
        self.log(f"WARNING {text.en} | {text.zh}")

    def should_stop(self) -> bool:
        """Whether somebody asked this job to stop. Ask at least once a second."""
        return self._cancel.is_set()

    def check_stop(self) -> None:
        """Raise `JobCancelled` when somebody asked this job to stop."""
        if self.should_stop():
            raise JobCancelled

    def reach(self, point: str) -> None:
        """A named fail point: where the reliability tests kill a job's first attempt (R03), or stop it (`:stop`, R31)."""
        name, _, how = self.platform.settings.fail_point.partition(":")
        if name != point or self.job.attempt != 1:
            return
        if how != "stop":
            os.kill(os.getpid(), signal.SIGKILL)
        with self._writing:  # else a sign of life that stands still would keep everybody from the rows
            os.kill(os.getpid(), signal.SIGSTOP)

    def scratch(self, target: Path) -> Path:
        """A path beside `target` that belongs to this attempt alone. Not created."""
        path = target.with_name(publish.attempt_name(target.name, self.job.id, self.job.token))
        with self._lock:
            self._scratch.add(path)
        return path

    @contextmanager
    def filling(self, target: Path, *, take_over: bool = False, sealed: bool = True) -> Iterator[Path]:
        """Yield a new scratch folder for `target`, sealed when the block ends: for `Outcome.moves`, or `publish`.

        There is no need to clear up after an error: whatever ends the attempt does that (`drop_scratch`).

        Args:
            target: The folder to be.
            take_over: The block uses what earlier attempts left; else that is removed first, which makes room.
            sealed: Give it a manifest, unless the block has written one.

        Raises:
            DiskFullError: No space is left.
        """
        if not take_over:
            self.clear_older(target.parent)
        scratch = self.scratch(target)
        with publish.disk_errors(target):
            scratch.mkdir(parents=True)
            yield scratch
            if sealed and not (scratch / publish.MANIFEST).exists():
                publish.seal(scratch)

    def drop_scratch(self, keep: Collection[Path] = ()) -> None:
        """Remove all that this attempt and earlier ones have left under scratch names, where this one has had any.

        Args:
            keep: What is about to become visible.
        """
        for path in self._scratch.difference(keep):
            publish.remove(path)
        self.clear_older(*{path.parent for path in self._scratch})

    def older_scratch(self, target: Path) -> list[Path]:
        """What earlier attempts of this job left under scratch names of `target`, oldest first."""
        names = {publish.attempt_name(target.name, self.job.id, token): token for token in range(self.job.token)}
        return sorted((p for p in self._older(target.parent) if p.name in names), key=lambda path: names[path.name])

    def clear_older(self, *folders: Path) -> None:
        """Remove all that earlier attempts of this job left under scratch names in these folders."""
        for folder in folders:
            for path in self._older(folder):
                publish.remove(path)

    def _older(self, folder: Path) -> Iterator[Path]:
        for path in publish.scratch_in(folder):
            attempt = publish.attempt_of(path.name)
            if attempt is not None and attempt.job == self.job.id[:8] and attempt.token < self.job.token:
                yield path

    @contextmanager
    def holding(self) -> Iterator[sa.Connection]:
        """A transaction for rows of the feature, in which this attempt owns the job.

        Raises:
            StaleRunError: Another attempt owns it; nothing was written.
        """
        with self._writing, self.platform.database.transaction() as db:  # a sign of life would be in its way
            queue.fenced(db, self.job.id, self.job.token, {"token": self.job.token})
            yield db

    def publish(self, moves: Sequence[Move], memo: Mapping[str, Any] | None = None) -> None:
        """Make finished scratch files visible while the job goes on.

        One fenced row update chooses this attempt and stores the moves and `memo`; then the renames happen. When a
        kill comes between, the next attempt, or recovery, completes them. Getting further forgives earlier losses of
        workers: a new target, or a memo that is not what it was; what every attempt does anew is none.

        Args:
            moves: Pairs (scratch, target) under the workspace or a root. Files replace older files.
            memo: New values of the memo.

        Raises:
            StaleRunError: Another attempt owns the job; nothing was made visible.
        """
        for scratch, _target in moves:
            if scratch.is_file():
                publish.fsync(scratch)
        known = dict(self.memo)
        self.memo.update(memo or {})
        values: dict[str, Any] = {"moves": self._stored(moves), "memo": self.memo}
        if self.memo != known or not all(target.exists() for _scratch, target in moves):
            values["losses"] = 0
        self.reach("publish.before")
        self._write(values)
        self.reach("publish.chosen")
        apply_moves(moves)
        self.reach("publish.moved")
        self._write({"moves": None})

    # --- what jobs.run calls -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Complete what a killed attempt had chosen, and start the signs of life."""
        apply_moves(chosen_moves(self.platform.workspace, self.job))
        self._write({"moves": None, "note": None})
        self._thread = threading.Thread(target=self._live, name="heartbeat", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the signs of life."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def succeed(self, outcome: Outcome) -> None:
        """Choose this attempt's output, put it in place and end the job.

        Raises:
            StaleRunError: Another attempt owns the job; nothing was made visible.
        """
        self.drop_scratch(keep={scratch for scratch, _target in outcome.moves})
        self.reach("finish.before")
        self._write(
            {"moves": self._stored(outcome.moves), "result": outcome.result, "finishing": True},
            seals.sums(self.platform.workspace, [*outcome.moves, *((path, path) for path in outcome.kept)]),
        )
        self.reach("finish.chosen")
        apply_moves(outcome.moves)
        self.reach("finish.moved")
        self.close()  # a sign of life after the end would take itself for a lost worker's
        self._finish(JobState.SUCCEEDED)

    def end(self, state: JobState, reason: Text | None = None, error: str | None = None) -> None:
        """End the job without output: failed or cancelled."""
        self._write({})
        self.close()
        self._finish(state, reason, error)

    def leave_reason(self, text: Text) -> None:
        """Write why this process leaves where the supervisor looks for it."""
        self._write({"note": list(text)})

    def meet(self, where: Mapping[str, Any]) -> None:
        """Say where this process waits for its followers (`jobs.following`).

        Raises:
            StaleRunError: Another attempt owns the job.
        """
        self._write({"meeting": dict(where)})

    def beat(self) -> None:
        """Write one sign of life with the newest progress; learn whether to stop."""
        row = self._write({"beat": queue.jobs.c.beat + 1}, turn=False)
        if row.cancel_requested:
            self._cancel.set()

    def _stored(self, moves: Sequence[Move]) -> list[list[str]]:
        return [[self.platform.workspace.store_path(path) for path in move] for move in moves]

    def _finish(self, state: JobState, reason: Text | None = None, error: str | None = None) -> None:
        def write(db: sa.Connection) -> None:
            now = queue.get(db, self.job.id)
            if (now.state, now.token) != (state, self.job.token):  # else it is done, and only the answer was lost
                queue.finish(db, self.job, state, reason=reason, error=error)

        self.platform.database.write(lambda: write)

    def _write(
        self, values: Mapping[str, Any], sums: Mapping[str, str] | None = None, *, turn: bool = True
    ) -> queue.Job:
        with self._writing:
            with self._lock:
                pending, self._pending = self._pending, {}

            def write(db: sa.Connection) -> queue.Job:
                job = queue.fenced(db, self.job.id, self.job.token, {"token": self.job.token, **pending, **values})
                seals.store(db, self.job.id, sums or {})
                return job

            try:
                return self.platform.database.write(lambda: write, turn=turn)
            except BusyError:
                with self._lock:
                    self._pending = {**pending, **self._pending}
                raise

    def _live(self) -> None:
        pause = min(1.0, self.platform.settings.lease_seconds / 5)
        while not self._closed.wait(pause):
            try:
                self.beat()
            except BusyError as error:  # a locked database or a full disk: keep working, try again
                self.log(f"WARNING {error.text.en}")
            except StaleRunError as error:
                self.log(f"ERROR {error.text.en} This process ends.")
                os.killpg(os.getpgid(0), signal.SIGKILL)


def chosen_moves(workspace: Workspace, job: queue.Job) -> list[Move]:
    """The renames that a job's row has chosen."""
    return [(workspace.find_path(scratch), workspace.find_path(target)) for scratch, target in job.moves]


def apply_moves(moves: Sequence[Move]) -> None:
    """Give chosen scratch files their visible names; those already moved are passed over."""
    for scratch, target in moves:
        publish.move(scratch, target)
