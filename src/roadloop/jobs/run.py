"""The worker, a job's main process: what `roadloop.jobs.keeper` forks, or `python -m roadloop.jobs.run TASK_ID TOKEN GPU_UUIDS`.

With a fourth argument, its place among the job's hosts, it is a follower (`roadloop.jobs.following`).

It has a session of its own, its settings in the environment and the job's log as its output. It ends with 0 whenever it
could write the job's end into the row, with UNWRITTEN_EXIT when it could not, and with LOST_EXIT when it has lost processes
that it needs.
"""

import gc
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, NoReturn

from roadloop.errors import (
    BusyError,
    DatabaseAwayError,
    OvertakenError,
    RoadloopError,
    StaleRunError,
    Text,
    WorkerLostError,
    missing_package,
)
from roadloop.jobs import confine, endings, logs, queue
from roadloop.jobs.context import JobCancelled, Outcome, TaskContext
from roadloop.jobs.endings import LOST_EXIT, STALE_EXIT, UNWRITTEN_EXIT
from roadloop.jobs.following import Following
from roadloop.jobs.identity import boot_id, start_ticks
from roadloop.jobs.registry import FOLLOWERS, TASKS
from roadloop.jobs.states import JobState
from roadloop.jobs.temporary import own_temporary
from roadloop.settings import Settings
from roadloop.storage import publish
from roadloop.storage.platform import Platform, open_platform


def main() -> int:
    """Run one claimed job to its end, with temporary files of its own."""
    place = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    with own_temporary(sys.argv[1], place):
        return _run(lambda: _run_follower(place) if place else _run_claimed())


def _run(work: Callable[[], None]) -> int:
    endings.say_who_exits()
    try:
        work()
    except StaleRunError as error:
        logs.write(f"ERROR {error.text.en} Nothing more is written.")
        return STALE_EXIT
    except BusyError as error:
        logs.write(f"ERROR {error.text.en} The job's row could not be written; the supervisor goes on with it.")
        return UNWRITTEN_EXIT
    except WorkerLostError as error:
        logs.write(f"WARNING {error.text.en} | {error.text.zh}")
        return LOST_EXIT
    return 0


def _open() -> Platform:
    platform = open_platform(Settings())
    platform.database.patient = True  # a locked or absent database ends no job: its supervisor waits as well
    return platform


def _run_claimed() -> None:
    task_id, token = sys.argv[1], int(sys.argv[2])
    gpus = tuple(uuid for uuid in sys.argv[3].split(",") if uuid)
    process = {"pid": os.getpid(), "pid_ticks": start_ticks(os.getpid()), "boot_id": boot_id()}
    platform = _open()
    job = platform.database.write(lambda: lambda db: queue.fenced(db, task_id, token, process))
    _say_begins(job)
    run(platform, job, gpus)


def _run_follower(place: int) -> None:
    following = Following(_open(), sys.argv[1], int(sys.argv[2]), place)
    _say_begins(following.job)
    follow: Callable[[Following], None] = _load(FOLLOWERS[following.job.kind])
    follow(following)


def _load(name: str) -> Any:
    """What stands at a name of the registry; garbage, which the keeper's fork left alone until here, is looked for."""
    found = pkgutil.resolve_name(name)
    if not gc.isenabled():
        gc.freeze()  # what was loaded stays, and is not looked through
        gc.enable()
    return found


def _say_begins(job: queue.Job) -> None:
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
    logs.write(f"--- {now} {job.kind} {job.title} attempt={job.attempt} ---")


def run(platform: Platform, job: queue.Job, gpus: tuple[str, ...] = ()) -> None:
    """Call the job's function and write how it ended.

    Raises:
        StaleRunError: Another attempt took the job over.
        BusyError: The row, or the place of a finished output, could not be written; the row says how to go on.
        WorkerLostError: The job goes on as after any loss; why stands in the row.
    """
    context = TaskContext(platform, job, gpus)
    try:
        context.begin()
        outcome = _attempt(context)
        if outcome is not None:
            context.succeed(outcome)
    except WorkerLostError as error:
        context.leave_reason(error.text)
        raise
    except (StaleRunError, BusyError):
        raise
    except Exception as error:  # noqa: BLE001 - as in _attempt
        _fail(context, error)
    finally:
        context.close()


def _attempt(context: TaskContext) -> Outcome | None:
    """What the job's function returns; None when it did not, and that was written."""
    try:
        task: Callable[[TaskContext], Outcome] = _load(TASKS[context.job.kind])
        with publish.disk_errors(context.platform.workspace.home):
            return task(context)
    except (StaleRunError, WorkerLostError, OvertakenError, DatabaseAwayError):  # the next attempt goes on
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the outermost frame: whatever it is becomes the job's reason
        context.drop_scratch()
        _fail(context, error)
        return None


def _fail(context: TaskContext, error: BaseException) -> None:
    if isinstance(error, JobCancelled):
        context.log("The job was stopped.")
        context.end(JobState.CANCELLED)
        return
    if isinstance(error, ImportError):
        error = missing_package(error) or error
    if isinstance(error, RoadloopError):
        text, code = error.text, error.code
        context.log(f"ERROR {code}: {text.en} | {text.zh}")
    else:
        text, code = _unforeseen(error)
        context.log("".join(traceback.format_exception(error)))
    limit = confine.limit_met(error, context.platform.settings)
    if limit is not None:
        context.log(f"ERROR {limit.en} | {limit.zh}")
        text, code = Text(limit.zh + text.zh, f"{limit.en} {text.en}"), "out_of_memory"
    context.end(JobState.FAILED, text, code)


def _unforeseen(error: BaseException) -> tuple[Text, str]:
    """The reason of an error that nobody raised on purpose, and its code."""
    if isinstance(error, MemoryError):
        text = Text(
            "主机内存不足。请减小批大小或进程数后重试。", "Out of host memory. Use a smaller batch or fewer processes."
        )
        return text, "out_of_memory"
    if isinstance(error, SystemExit):
        return endings.ended_by(error), "internal_error"
    what = f"{type(error).__name__}: {error}"[:500]
    text = Text(f"程序内部错误：{what}。日志中有完整的调用栈。", f"Internal error: {what}. The log has the traceback.")
    return text, "internal_error"


def leave(code: int) -> NoReturn:
    """End this process at once: threads of libraries must not keep a finished job alive."""
    with suppress(OSError):  # the disk of the log is full
        sys.stdout.flush()
    endings.leave(code)


if __name__ == "__main__":
    leave(main())
