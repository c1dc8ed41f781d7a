import os
import subprocess
import sys
import time

from roadloop.jobs.identity import MARK, boot_id, mark_in, start_ticks


def test_start_ticks__are_the_same_whoever_looks_and_none_of_a_zombie() -> None:
    own = start_ticks(os.getpid())
    code = f"from roadloop.jobs.identity import *; print(boot_id(), start_ticks({os.getpid()}))"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.split() == [boot_id(), str(own)]
    with subprocess.Popen(["sh", "-c", "exit"], stdout=subprocess.PIPE) as ended:
        assert ended.stdout is not None
        ended.stdout.read()
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert start_ticks(ended.pid) is None
    assert start_ticks(ended.pid) is None


def test_start_ticks__a_name_like_a_line_of_numbers_harms_nothing() -> None:
    code = "import ctypes, os; ctypes.CDLL(None).prctl(15, b'x) Z 1 2 ('); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        ticks = start_ticks(process.pid)
        assert ticks is not None
        assert ticks >= (start_ticks(os.getpid()) or 0)
        process.stdin.write(b"\n")


def test_mark_in__a_process_with_and_without_one() -> None:
    with subprocess.Popen(["sleep", "60"], env={MARK: "a:1"}) as process:
        deadline = time.monotonic() + 10
        while not mark_in(process.pid) and time.monotonic() < deadline:  # the kernel shows it a moment after the start
            time.sleep(0.01)
        assert mark_in(process.pid) == "a:1"
        process.kill()
    assert mark_in(process.pid) == mark_in(os.getpid()) == ""
