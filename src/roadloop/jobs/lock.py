"""One server, or one repair, at a time: the lock on a workspace."""

import fcntl
import os
from pathlib import Path

from roadloop.errors import ConflictError, Text
from roadloop.storage import publish


class HomeLock:
    """An exclusive lock on a workspace, freed by the system when the process ends.

    Args:
        home: The workspace.

    Raises:
        ConflictError: Another process has it.
        DiskFullError: The lock's file cannot be made.
    """

    def __init__(self, home: Path) -> None:
        path = home / ".supervisor.lock"
        with publish.disk_errors(path):
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._handle)
            raise ConflictError(
                Text(
                    f"另一个 roadloop 服务正在使用 {home}。请先停止它，或用 --home 指定别的目录。",
                    f"Another roadloop server is using {home}. Stop it first, or choose another folder with --home.",
                )
            ) from error

    def close(self) -> None:
        """Give the workspace free."""
        os.close(self._handle)
