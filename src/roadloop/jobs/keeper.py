"""The first process of a job: `python -m roadloop.jobs.keeper TASK_ID TOKEN GPU_UUIDS PLACE GROUP DATA_BYTES PROCESSES`.

It joins the job's cgroup where there is one, forks itself into the worker (`roadloop.jobs.run`) and stays, small, as
the reaper of all that the worker's processes leave behind: a process that forks twice, begins a session of its own and
forgets its environment becomes this one's child. When the worker has ended, however it ended, and whether or not a
server runs, it ends them all and leaves with the worker's exit status.

It imports nothing of roadloop before the fork, so it costs no time and little memory.
"""

import ctypes
import gc
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from typing import Final, NoReturn

GRACE_SECONDS: Final = 1.0  #: what a worker leaves may end by itself: multiprocessing's helpers clear up behind it
_POLL_SECONDS: Final = 0.1
_SET_PDEATHSIG: Final = 1  # the numbers of linux/prctl.h
SET_DUMPABLE: Final = 4
SET_CHILD_SUBREAPER: Final = 36


def prctl(option: int, value: int) -> None:
    """Ask the kernel for something about this process (prctl(2)).

    Raises:
        OSError: It refuses.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main() -> NoReturn:
    """Keep a job from its first process to its last."""
    group, data_bytes, processes = sys.argv[5:8]
    del sys.argv[5:]
    if group:
        _join(group)
    prctl(SET_CHILD_SUBREAPER, 1)
    keeper = os.getpid()
    worker = os.fork()
    if not worker:
        _work(keeper, int(data_bytes), int(processes))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: os.kill(worker, number))
    status = _wait(worker)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _end_children()
    _leave(os.waitstatus_to_exitcode(status))


def _join(group: str) -> None:
    members = os.open(os.path.join(group, "cgroup.procs"), os.O_WRONLY | os.O_CLOEXEC)  # noqa: PTH118
    try:
        os.write(members, b"0")
    finally:
        os.close(members)


def _work(keeper: int, data_bytes: int, processes: int) -> NoReturn:
    os.setsid()
    prctl(_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:  # it was killed before the line above
        os._exit(1)
    for what, most in ((resource.RLIMIT_DATA, data_bytes), (resource.RLIMIT_NPROC, processes)):
        hard = resource.getrlimit(what)[1]
        if most:
            allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (allowed, allowed))
    gc.disable()  # while the job is loaded, a fifth of whose time this would take; see run._load
    from roadloop.jobs import run  # noqa: PLC0415 - the keeper needs none of it

    run.leave(run.main())


def _wait(worker: int) -> int:
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == worker:
            return status


def _end_children() -> None:
    """Return when this process has no children and can get none: the grandchildren come to it too."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    deadline = time.monotonic() + GRACE_SECONDS
    while _has_children():
        left = deadline - time.monotonic()
        if left <= 0:
            _kill_descendants()
        signal.sigtimedwait({signal.SIGCHLD}, max(_POLL_SECONDS, left))


def _has_children() -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _kill_descendants() -> None:
    import psutil  # noqa: PLC0415 - mostly there is nothing to end

    with suppress(psutil.Error):
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                process.kill()


def _leave(code: int) -> NoReturn:
    """End as the worker did, by the same signal if need be."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the worker has left its own
        with suppress(OSError):  # SIGKILL has no other handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
