"""A `roadloop serve` of the demo's own: a child process on a loopback port."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from roadloop.errors import JobError, Text
from roadloop.settings import Settings
from roadloop.storage.folders import Folders

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
ANNOUNCED: Final = re.compile(r"http://\S+:\d+")


class ServerChild:
    """The running server.

    Attributes:
        url: Where it answers; known when it is ready.
        log: Its output.
    """

    def __init__(self, settings: Settings, log: Path) -> None:
        self.url = ""
        self.log = log
        self._begin = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "roadloop", "serve", "--stop-jobs"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=settings.child_environment(),
                start_new_session=True,  # Ctrl-C reaches the demo, which then stops the server in order
            )

    def check(self) -> None:
        """Whether it still runs.

        Raises:
            JobError: It does not; carries the end of its log.
        """
        code = self._process.poll()
        if code is not None:
            tail = self._tail()
            raise JobError(
                Text(
                    f"服务进程已退出（{code}）。日志：{self.log}\n{tail}",
                    f"The server has ended ({code}). Its log: {self.log}\n{tail}",
                )
            )

    def wait_until_ready(self) -> None:
        """Return when it answers: it then says where.

        Raises:
            JobError: It ended, or does not answer within a minute.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.check()
            announced = ANNOUNCED.search(self._output())
            if announced:
                self.url = announced[0]
                return
            time.sleep(0.1)
        raise JobError(
            Text(
                f"服务在 {START_SECONDS:.0f} 秒内没有应答。日志：{self.log}\n{self._tail()}",
                f"The server did not answer within {START_SECONDS:.0f} s. Its log: {self.log}\n{self._tail()}",
            )
        )

    def stop(self) -> None:
        """End it and its jobs."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def wait(self) -> None:
        """Return when it ends by itself."""
        self._process.wait()

    def _output(self) -> str:
        return self.log.read_bytes()[self._begin :].decode(errors="replace")

    def _tail(self) -> str:
        return "\n".join(self._output().splitlines()[-12:])


@contextmanager
def serving(settings: Settings) -> Iterator[ServerChild]:
    """A server for `settings.home` while the block runs; it and its jobs end with the block.

    Raises:
        JobError: It does not start; carries the end of its log.
    """
    logs = Folders(settings.home).logs
    logs.mkdir(parents=True, exist_ok=True)
    child = ServerChild(settings, logs / "demo-serve.log")
    try:
        child.wait_until_ready()
        yield child
    finally:
        child.stop()
