"""What works on chunks on a node: one object of `Hand` in a process of its own, which ends by itself when nobody asks any more."""

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Final, NamedTuple

from roadloop.cluster.wire import PROOF
from roadloop.settings import Settings, learn_store_keys
from roadloop.storage.paths import Workspace

#: Without a sign of who gives out the chunks; what was given up writes nothing more.
ALONE_SECONDS: Final = 15.0


@dataclass(frozen=True)
class Post:
    """Where a hand works: all that it has of an installation. It knows no rows.

    Attributes:
        settings: Without secrets that the job's kind is not told, and without the database's address.
        workspace: At the same path as everywhere.
        cores: Processors that it may keep busy.
    """

    settings: Settings
    workspace: Workspace
    cores: int


class Opening(NamedTuple):
    """What a hand is told once.

    Attributes:
        settings: Of its post.
        begin: `begin(post, told)` makes what works on a stream of items; a function of a module.
        told: What that needs to know.
        keys: Variables of the job's environment by which object stores are read.
    """

    settings: Mapping[str, Any]
    begin: Callable[[Post, Any], Callable[[Iterable[Any]], Iterable[Any]]]
    told: Any
    keys: Mapping[str, str]


class Failure(NamedTuple):
    """What a chunk raised, and where."""

    error: Exception
    trace: str


def pack(value: Any) -> bytes:
    """A value for another process of the same job, as `multiprocessing` sends it."""
    return bytes(ForkingPickler.dumps(value))


def unpack(data: bytes) -> Any:
    """What `pack` has packed; of nobody else's bytes."""
    return ForkingPickler.loads(data)


class Hand:
    """One process. Its methods are called from several threads.

    Args:
        opening: A packed `Opening`.
        cores: Processors that it may keep busy.
    """

    def __init__(self, opening: bytes, cores: int) -> None:
        self._opening: Final = opening
        self._cores: Final = cores
        self._heard = time.monotonic()
        self._work: Callable[[Iterable[Any]], Iterable[Any]] = iter
        self._proof = Path()
        threading.Thread(target=self._end_alone, name="alone", daemon=True).start()

    def beat(self) -> None:
        """A sign of life in both directions."""
        self._heard = time.monotonic()

    def begin(self) -> bytes:
        """Open what works; packed, None or a `Failure`."""
        try:
            told: Opening = unpack(self._opening)
            learn_store_keys(told.keys)
            settings = Settings(**told.settings)
            workspace = Workspace(settings.home, settings.roots)
            self._proof = workspace.home / PROOF
            self._work = told.begin(Post(settings, workspace, self._cores), told.told)
        except Exception as error:  # noqa: BLE001 - whoever gives out the chunks decides
            return _failed(error)
        return pack(None)

    def work(self, items: bytes) -> bytes:
        """Work on a packed list of items; packed, the list of results or a `Failure`."""
        try:
            answer = pack(list(self._work(unpack(items))))
        except Exception as error:  # noqa: BLE001 - it is raised again where the job is
            answer = _failed(error)
        if not self._proof.exists():
            os._exit(1)  # the workspace has gone from this node: pictures that cannot be read mean nothing
        return answer

    def _end_alone(self) -> None:
        while time.monotonic() - self._heard < ALONE_SECONDS:
            time.sleep(1)
        os._exit(1)


def _failed(error: Exception) -> bytes:
    trace = traceback.format_exc()
    try:
        return pack(Failure(error, trace))
    except Exception:  # noqa: BLE001 - not every exception can be sent
        return pack(Failure(RuntimeError(f"{type(error).__name__}: {error}"), trace))
