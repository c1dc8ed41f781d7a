"""The entry point of a job's process: `python -m roadloop.jobs.run TASK_ID TOKEN GPU_UUIDS`.

The supervisor starts it in a session of its own, with the settings in its environment and the job's log as its
output. It ends with 0 whenever it could write the job's end into the row.
"""

import os
import pkgutil
import sys
import traceback
from collections.abc import Callable
from datetime import datetime

import psutil

from roadloop.errors import RoadloopError, StaleRunError, Text
from roadloop.jobs import queue
from roadloop.jobs.context import JobCancelled, Outcome, TaskContext
from roadloop.jobs.registry import TASKS
from roadloop.jobs.states import JobState
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform

STALE_EXIT = 75
MARK = "ROADLOOP_JOB_MARK"  # in the environment of every process of a job: "<task id>:<token>"


def main() -> int:
    """Run one claimed job to its end."""
    task_id, token = sys.argv[1], int(sys.argv[2])
    gpus = tuple(uuid for uuid in sys.argv[3].split(",") if uuid)
    platform = open_platform(Settings())
    process = psutil.Process()
    try:
        with platform.database.transaction() as db:
            job = queue.fenced(db, task_id, token, {"pid": process.pid, "pid_started": process.create_time()})
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        print(f"--- {now} {job.kind} {job.title} attempt={job.attempt} ---", flush=True)  # noqa: T201 - the log
        run(platform, job, gpus)
    except StaleRunError as error:
        print(f"ERROR {error.text.en} Nothing more is written.", flush=True)  # noqa: T201 - the log
        return STALE_EXIT
    return 0


def run(platform: Platform, job: queue.Job, gpus: tuple[str, ...] = ()) -> None:
    """Call the job's function and write how it ended.

    Raises:
        StaleRunError: Another attempt took the job over.
    """
    context = TaskContext(platform, job, gpus)
    try:
        context.begin()
        task: Callable[[TaskContext], Outcome] = pkgutil.resolve_name(TASKS[job.kind])
        context.succeed(task(context))
    except StaleRunError:
        raise
    except JobCancelled:
        context.log("The job was stopped.")
        context.end(JobState.CANCELLED)
    except RoadloopError as error:
        context.log(f"ERROR {error.code}: {error.text.en} | {error.text.zh}")
        context.end(JobState.FAILED, error.text, error.code)
    except MemoryError:
        traceback.print_exc()
        text = Text(
            "主机内存不足。请减小批大小或进程数后重试。", "Out of host memory. Use a smaller batch or fewer processes."
        )
        context.end(JobState.FAILED, text, "out_of_memory")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the outermost frame: whatever it is becomes the job's reason
        traceback.print_exc()
        context.end(JobState.FAILED, _bug(error), "internal_error")
    finally:
        context.close()


def _bug(error: BaseException) -> Text:
    what = f"{type(error).__name__}: {error}"[:500]
    return Text(f"程序内部错误：{what}。日志中有完整的调用栈。", f"Internal error: {what}. The log has the traceback.")


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # threads of libraries must not keep a finished job alive
