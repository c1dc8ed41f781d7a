"""Who supervises: one server, or one repair, at a time.

With SQLite it is who holds a lock on the workspace, and a second server is refused. With PostgreSQL any number of servers
answer, and it is who holds a lock of the database's; the others ask again and again, and one takes over when that session
ends, whatever ended it.
"""

import fcntl
import os
from pathlib import Path
from typing import Protocol

from roadloop.errors import ConflictError, Text
from roadloop.storage import publish
from roadloop.storage.platform import Platform
from roadloop.storage.postgresql import SessionLock


class Lead(Protocol):
    """The right to supervise."""

    def hold(self) -> bool:
        """Take it if it is free; whether it is ours now."""

    def close(self) -> None:
        """Give it back."""


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
            raise _in_use(home) from error

    def hold(self) -> bool:
        """It is ours until the end."""
        return True

    def close(self) -> None:
        """Give the workspace free."""
        os.close(self._handle)


def lead(platform: Platform) -> Lead:
    """The right to supervise an installation, for a server.

    Raises:
        ConflictError: It has SQLite, and another server.
    """
    database = platform.database
    return HomeLock(platform.workspace.home) if database.is_local else SessionLock(database.engine)


def alone(platform: Platform) -> Lead:
    """The right to supervise, for a repair: taken at once.

    Raises:
        ConflictError: A server has it.
    """
    taken = lead(platform)
    if not taken.hold():
        taken.close()
        raise _in_use(platform.workspace.home)
    return taken


def _in_use(home: Path) -> ConflictError:
    return ConflictError(
        Text(
            f"另一个 roadloop 服务正在使用 {home}。请先停止它，或用 --home 指定别的目录。",
            f"Another roadloop server is using {home}. Stop it first, or choose another folder with --home.",
        )
    )
