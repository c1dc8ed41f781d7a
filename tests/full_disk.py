"""A disk that is full from a chosen write on, or loses files at a chosen moment, for real processes.

A seccomp filter (Linux 5.5, no privileges) stops every system call of a program and of its children that needs room
on a disk or opens a file; a thread of the test looks which file it is for and lets it pass, or has it answered with
ENOSPC, or removes other files first. Nothing of the program is replaced: Python, SQLite, Arrow and torch meet the
error where a full disk, or somebody who tidies up, would show it.
"""

import ctypes
import errno
import fcntl
import os
import platform
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

#: Numbers of the calls that need room, with a descriptor (its place among the arguments) and with a path; of opening.
_CALLS: Final = {
    "x86_64": {
        "audit": 0xC000003E, "seccomp": 317,
        "descriptor": {1: 0, 18: 0, 20: 0, 40: 0, 285: 0, 296: 0, 326: 2, 328: 0}, "path": {83: 0, 258: 1},
        "open": {257: 1},
    },
    "aarch64": {
        "audit": 0xC00000B7, "seccomp": 277,
        "descriptor": {64: 0, 68: 0, 66: 0, 71: 0, 47: 0, 70: 0, 285: 2, 287: 0}, "path": {34: 1},
        "open": {56: 1},
    },
}  # fmt: skip
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE: Final = 1


def install() -> int:
    """Put this process under the filter; returns the descriptor on which the kernel asks."""
    calls: Any = _CALLS[platform.machine()]
    wanted = [*calls["descriptor"], *calls["path"], *calls["open"]]
    code = [(0x20, 0, 0, 4), (0x15, 1, 0, calls["audit"]), (0x06, 0, 0, 0x7FFF0000), (0x20, 0, 0, 0)]
    code += [(0x15, len(wanted) - i, 0, number) for i, number in enumerate(wanted)]
    code += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x7FC00000)]
    program = b"".join(struct.pack("HBBI", *line) for line in code)
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)  # no new privileges: whoever has none may filter himself
    listener = int(libc.syscall(calls["seccomp"], 1, 8, ctypes.c_char_p(header)))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "this kernel does not let the test play a full disk")
    return listener


class Disk:
    """The disk of `home` as processes under the filter see it.

    Args:
        home: Writes elsewhere always pass.

    Attributes:
        room: So many further writes pass, then none; None: all.
        spared: Files whose names begin so, below `home`, are on another disk.
        writes: The files of the writes that were asked for since `restart`, refused ones included.
    """

    def __init__(self, home: Path) -> None:
        self.home: Final = str(home.resolve()) + "/"
        self.room: int | None = None
        self.spared: tuple[str, ...] = ()
        self.writes: list[str] = []
        self._trigger: str | None = None
        self._victims: tuple[Path, ...] = ()
        self._threads: list[threading.Thread] = []

    def restart(self, room: int | None = None, spared: Sequence[str] = ()) -> None:
        """Count anew."""
        self.room, self.spared, self.writes = room, tuple(spared), []

    def lose(self, trigger: str, *victims: Path) -> None:
        """Remove files and folders just before `trigger`, a path below `home`, is opened for the first time."""
        self._trigger, self._victims = self.home + trigger, victims

    @property
    def lost(self) -> bool:
        """Whether what was to be lost is gone."""
        return self._trigger is None

    def start(self, command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
        """Start a program under the filter, as `subprocess.Popen` does."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            wrapped = [sys.executable, __file__, str(theirs.fileno()), *command]
            process = subprocess.Popen(wrapped, pass_fds=(theirs.fileno(),), **options)
            theirs.close()
            _, (listener, *_), _, _ = socket.recv_fds(ours, 1, 1)
        thread = threading.Thread(target=self._answer, args=(listener,), daemon=True)
        thread.start()
        self._threads.append(thread)
        return process

    def close(self) -> None:
        """Wait until no process is under the filter any more."""
        for thread in self._threads:
            thread.join(timeout=60)

    def _answer(self, listener: int) -> None:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while not any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll()):
            question = bytearray(80)
            try:
                fcntl.ioctl(listener, _RECEIVE, question)
                number, pid, _, call, *rest = struct.unpack("QIIiIQ6Q", question)
                refused = self._refuses(pid, call, rest[2:])
                answer = (number, 0, -errno.ENOSPC, 0) if refused else (number, 0, 0, _CONTINUE)
                fcntl.ioctl(listener, _SEND, struct.pack("QqiI", *answer))
            except FileNotFoundError:  # the process was killed while it waited
                continue
        os.close(listener)

    def _refuses(self, pid: int, call: int, arguments: Sequence[int]) -> bool:
        calls: Any = _CALLS[platform.machine()]
        if call in calls["open"]:
            if self._trigger is not None and _text_at(pid, arguments[calls["open"][call]]) == self._trigger:
                self._remove()
            return False
        try:
            if call in calls["descriptor"]:
                path = str(Path(f"/proc/{pid}/fd/{arguments[calls['descriptor'][call]]}").readlink())
            else:
                path = _text_at(pid, arguments[calls["path"][call]])
        except OSError:
            return False
        if not path.startswith(self.home) or path[len(self.home) :].startswith(self.spared or ("\0",)):
            return False
        self.writes.append(path[len(self.home) :])
        return self.room is not None and len(self.writes) > self.room

    def _remove(self) -> None:
        self._trigger = None
        for victim in self._victims:
            if victim.is_dir():
                shutil.rmtree(victim)
            else:
                victim.unlink(missing_ok=True)


def _text_at(pid: int, address: int) -> str:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return os.fsdecode(memory.read(4096).partition(b"\0")[0])


def _become(channel: int, command: Sequence[str]) -> None:
    with socket.socket(fileno=channel) as ours:
        socket.send_fds(ours, [b"."], [install()])
    os.execvp(command[0], list(command))


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
