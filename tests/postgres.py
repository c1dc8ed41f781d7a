"""A PostgreSQL server of the distribution's, for the tests alone: on loopback, with a folder of its own."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import psycopg

USER: Final = "postgres"  #: who runs it where the tests run as root, which it refuses


def installed() -> bool:
    """Whether the distribution's package postgresql is here."""
    return _folder() is not None


class Cluster:
    """A server and its folder; both go when the block ends.

    Args:
        durable: As people run it. Else nothing is written through, which is several times as fast.
        address: Where it listens; who comes to another one than loopback, from its /24 network, is let in.
    """

    def __init__(self, *, durable: bool = False, address: str = "127.0.0.1") -> None:
        self._address: Final = address
        self._folder: Final = Path(tempfile.mkdtemp(prefix="roadloop-postgresql-"))
        self._data: Final = self._folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: Final[int] = probe.getsockname()[1]
        lazy = "" if durable else "-c fsync=off -c synchronous_commit=off -c full_page_writes=off "
        self._options: Final = f"{lazy}-p {self.port} -k {self._folder} -c listen_addresses={address}"
        if os.geteuid() == 0:
            shutil.chown(self._folder, USER)
        try:
            self._run("initdb", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "-D", self._data)
            with (self._data / "pg_hba.conf").open("a") as allowed:
                allowed.write(f"host all all {address}/24 trust\n")
            self.start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def url(self, name: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://{USER}@{self._address}:{self.port}/{name}"

    def create(self, name: str, template: str = "template0") -> str:
        """Make a database, in the place of one of that name; its URL."""
        with self._connected() as db:
            db.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            db.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever uses it."""
        with self._connected() as db:
            db.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", self._folder / "log", "-o", self._options)

    def stop(self, mode: str = "fast") -> None:
        """Stop it: fast, or immediate, which is a kill."""
        self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", self._data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(subprocess.CalledProcessError):  # a test has stopped it
            self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def _connected(self) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
        import psycopg  # noqa: PLC0415 - make gpu has none

        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            yield db

    def _run(self, program: str, *arguments: str | Path) -> None:
        folder = _folder()
        assert folder is not None, "install the distribution's package postgresql"
        user: dict[str, object] = {}
        if os.geteuid() == 0:
            known = pwd.getpwnam(USER)
            user = {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": []}
        command = [str(folder / program), *map(str, arguments)]
        with tempfile.TemporaryFile() as said:  # a pipe would stay open in the server
            done = subprocess.run(
                command,
                stdout=said,
                stderr=said,
                stdin=subprocess.DEVNULL,
                cwd="/",
                check=False,
                **user,  # type: ignore[call-overload]
            )
            said.seek(0)
            if done.returncode:
                raise subprocess.CalledProcessError(done.returncode, command, said.read())


def _folder() -> Path | None:
    """Where its programs are, those of the newest version."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return max(folders, default=None, key=lambda path: [int(part) for part in path.parts if part.isdecimal()])
