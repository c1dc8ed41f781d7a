"""How a job's process ended without saying so in its row: the reason for people, and whether the job is to blame.

A crash leaves the interpreter's stack in the job's log (`faulthandler`); a call of `os._exit`, which runs nothing
else, is made to leave one too. So the reason names the place where the code of a network, or anything else, ended it.
"""

import faulthandler
import os
import re
import signal
import sys
import sysconfig
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, NoReturn

from roadloop.errors import Text
from roadloop.jobs import logs
from roadloop.jobs.store import Job

STALE_EXIT: Final = 75
UNWRITTEN_EXIT: Final = 74
LOST_EXIT: Final = 73

leave: Final = os._exit

_LOOK_BYTES: Final = 64 * 1024  # of the end of a log
_CRASHES: Final = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
_BEGIN: Final = re.compile(r"--- .* attempt=\d+ ---")
_STACK: Final = re.compile(r"(Current thread .*|Stack) \(most recent call first\):")
_FRAME: Final = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)')
_PACKAGE: Final = Path(__file__).parents[2]
_LIBRARIES: Final = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


class Cause(StrEnum):
    """What took a job's process away, in a word."""

    CRASHED = "crashed"  # SIGSEGV and the like
    EXITED = "exited"  # by itself, without a word in its row
    KILLED = "killed"  # kill -9: an operator, the system out of memory
    NODE_LOST = "node_lost"  # silent, on a machine that does not answer
    NOT_STARTED = "not_started"
    OVER_MEMORY = "over_memory"  # the setting job_memory_mib
    RANKS = "ranks"  # it lost processes that it needs
    RESTARTED = "restarted"  # the server or the machine
    SIGNALLED = "signalled"  # another signal
    SILENT = "silent"  # no sign of life for a lease
    STOPPED = "stopped"  # asked to, it did not leave
    UNSEEN = "unseen"  # no server saw its end
    UNWRITTEN = "unwritten"  # the row could not be written


@dataclass(frozen=True)
class Loss:
    """Why a job has no process any more.

    Attributes:
        cause: For programs.
        reason: For people.
        counts: It is the job's own; so many in a row end it.
    """

    cause: Cause
    reason: Text
    counts: bool


def say_who_exits() -> None:
    """From now on `os._exit` in this process leaves in the log who called it."""
    pid = os.getpid()

    def say_and_leave(status: int) -> NoReturn:
        if os.getpid() == pid:  # forks end so in order
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                print(f"ERROR os._exit({status}) was called", file=sys.stderr, flush=True)  # noqa: T201 - the log
                faulthandler.dump_traceback(sys.stderr, all_threads=False)
        leave(status)

    os._exit = say_and_leave


def node_lost(job: Job) -> Loss:
    """Its node does not answer. A job may be what ends its nodes, so this counts where it had begun there."""
    return Loss(
        Cause.NODE_LOST,
        Text(
            "任务所在的节点没有响应，任务会在别处从最新的检查点继续。",
            "The node that the job ran on does not answer; the job goes on elsewhere, from its newest checkpoint.",
        ),
        counts=job.beat > 0,
    )


def after_exit(code: int, job: Job, log: Path) -> Loss:
    """What the exit status of a job's process means.

    Args:
        code: As `subprocess` has it.
        job: As it stood.
        log: What its process has written.
    """
    if code == UNWRITTEN_EXIT:
        return Loss(
            Cause.UNWRITTEN,
            Text(
                "任务进程无法写入任务状态（磁盘已满，或数据库被锁定）；已有结果完好，任务会继续。",
                "The job's process could not write the job's row (the disk was full, or the database locked); what it had"
                " finished is safe, and the job goes on.",
            ),
            counts=False,
        )
    if code == LOST_EXIT and job.note is not None:
        return Loss(Cause.RANKS, job.note, counts=True)
    if code == -signal.SIGKILL:
        return Loss(
            Cause.KILLED,
            Text(
                "任务进程被外部终止（kill -9、内存不足或关机）。",
                "The job's process was killed from outside (kill -9, the system out of memory, or a shutdown).",
            ),
            counts=True,
        )
    place, last = _place(log), _last(job)
    if code < 0:
        name = signal.Signals(-code).name
        crashed = -code in _CRASHES
        what = Text("崩溃", "crashed") if crashed else Text("被信号终止", "was ended by a signal")
        where = place if crashed else Text("", "")
        text = Text(f"任务进程{what.zh}（{name}）{where.zh}。", f"The job's process {what.en} ({name}){where.en}.")
        cause = Cause.CRASHED if crashed else Cause.SIGNALLED
    else:
        cause = Cause.EXITED
        text = Text(
            f"任务进程自行退出（退出码 {code}）{place.zh}：是网络的代码或它使用的库结束了进程。",
            f"The job's process ended itself (exit code {code}){place.en}: the code of the network, or a library that it"
            " uses, did that.",
        )
    return Loss(cause, Text(text.zh + last.zh, text.en + last.en), counts=True)


def unseen(job: Job) -> Loss:
    """A process is gone that was not this server's child, so that nobody knows how it ended."""
    last = _last(job)
    return Loss(
        Cause.UNSEEN,
        Text(
            f"任务进程已不存在，没有服务看到它如何结束（被外部终止、内存不足或关机）。{last.zh}",
            "The job's process is gone, and no server saw how it ended (killed from outside, the system out of memory, or"
            f" a shutdown).{last.en}",
        ),
        counts=True,
    )


def ended_by(error: SystemExit) -> Text:
    """Who asked for the end of the process by `sys.exit`."""
    place = _named(reversed(traceback.extract_tb(error.__traceback__)))
    return Text(
        f"代码要求结束进程（SystemExit: {error}）{place.zh}。请改正后重试。",
        f"The code asked for the end of the process (SystemExit: {error}){place.en}. Correct it and try again.",
    )


def _last(job: Job) -> Text:
    if job.note is None:
        return Text("", "")
    return Text(f"它最后在做：{job.note.zh}。", f" It was last at: {job.note.en}.")


def _place(log: Path) -> Text:
    """The place in the newest stack that the newest attempt has left in its log."""
    size = log.stat().st_size if log.exists() else 0
    lines: list[str] = logs.read(log, max(0, size - _LOOK_BYTES), _LOOK_BYTES)["data"]
    stack: list[traceback.FrameSummary] = []
    inside = False
    for line in lines:
        found = _FRAME.fullmatch(line)
        if _BEGIN.fullmatch(line) or _STACK.fullmatch(line):
            stack, inside = [], bool(_STACK.fullmatch(line))
        elif inside and found:
            place = found["file"], int(found["line"]), found["function"]
            stack.append(traceback.FrameSummary(*place, lookup_line=False))  # a log may name any file: none is opened
        else:
            inside = False
    return _named(stack)


def _named(stack: Iterable[traceback.FrameSummary]) -> Text:
    """The innermost frame that belongs to no library."""
    for frame in stack:
        if not frame.filename.startswith((*_LIBRARIES, "<frozen")) and frame.filename != __file__:
            file = frame.filename.removeprefix(f"{_PACKAGE}/")
            return Text(
                f"，位置：{file} 第 {frame.lineno} 行（{frame.name}）",
                f" in {file}, line {frame.lineno} ({frame.name})",
            )
    return Text("", "")


RESTARTED: Final = Loss(
    Cause.RESTARTED,
    Text("服务或机器曾重新启动，任务继续。", "The server or the machine was restarted; the job goes on."),
    counts=False,
)
STOPPED: Final = Loss(Cause.STOPPED, Text("任务已按要求停止。", "The job was stopped as asked."), counts=False)
SILENT: Final = Loss(
    Cause.SILENT,
    Text("任务进程长时间没有响应，已被结束。", "The job's process showed no life for a whole lease and was ended."),
    counts=True,
)
