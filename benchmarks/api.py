"""`python -m benchmarks api`: the lists of the interface against the bare framework with the same queries, short and long.

Each side is a server of its own on loopback, asked by one client, one request after the other.
"""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import uvicorn

from benchmarks.contest import Contender, Result, contest
from benchmarks.rows import fill
from benchmarks.scripts import CHECKOUT, script
from roadloop.errors import BusyError, Text
from roadloop.settings import Settings
from roadloop.storage import search, search_sqlite
from roadloop.storage.platform import open_platform

_TABLE: Final = "datasets"
_RARE: Final = "0000500"  # in one name
_START_SECONDS: Final = 60


class _Question(NamedTuple):
    """One kind of request.

    Attributes:
        title: What is asked.
        ours: Method, path and body for roadloop.
        theirs: The same for the script.
    """

    title: str
    ours: tuple[str, str, dict[str, Any]]
    theirs: tuple[str, str, dict[str, Any]]


def race(rows: tuple[int, ...], requests: int, rounds: int) -> list[Result]:
    """Ask both sides in turns, with each number of rows.

    Args:
        rows: Lengths of the lists.
        requests: In each round.
        rounds: Times that each side is asked.
    """
    with TemporaryDirectory() as folder:
        homes = {count: Path(folder) / str(count) for count in rows}
        with _served(homes) as ports:
            return [_asked(question, ports, requests, rounds) for question in _questions()]


def serve(home: Path, port: int) -> None:
    """Run the application without a supervisor: what waits in the queue stays there."""
    platform = open_platform(Settings(home=home, port=port))
    from roadloop.server import create_app  # noqa: PLC0415 - the process that only asks needs none of it

    uvicorn.run(create_app(platform, port), port=port, log_level="error", access_log=False)


@contextmanager
def serving(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; goes on as soon as it takes connections.

    Raises:
        BusyError: It does not, within a minute.
    """
    process = subprocess.Popen(command, cwd=CHECKOUT)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BusyError(Text("服务器没有启动。", "The server has not started."))
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def own_server(home: Path, port: int) -> list[str]:
    """The command that runs `serve` in a process of its own."""
    code = "import sys; from pathlib import Path; from benchmarks.api import serve; serve(Path(sys.argv[1]), int(sys.argv[2]))"
    return [sys.executable, "-c", code, str(home), str(port)]


def _questions() -> list[_Question]:
    history = "/data_history"
    one = {"task_id": f"{600:032x}"}
    return [
        _Question("Status poll of one dataset", ("POST", history, one), ("POST", history, one)),
        _Question("A page of the history, 20 rows", ("POST", history, {"page": 2}), ("POST", history, {"page": 2})),
        *(
            _Question(
                f"A search in the history: {text}",
                ("POST", history, {"q": text, "page": 1}),
                ("POST", history, {"match": search_sqlite.phrase(search.PLACES[_TABLE], text)}),
            )
            for text in (_RARE, "苏州")
        ),
        _Question("A choice list, 1,000 names", ("GET", "/sour_datas", {}), ("GET", "/sour_datas", {})),
    ]


@contextmanager
def _served(homes: dict[int, Path]) -> Iterator[dict[int, tuple[int, int]]]:
    """Ports of both servers of each workspace, filled."""
    if not homes:
        yield {}
        return
    (count, home), *rest = homes.items()
    platform = open_platform(Settings(home=home, port=0), upgrade=True)
    fill(platform, count, (_TABLE,))
    platform.database.close()
    ours, theirs = free_port(), free_port()
    bare = [sys.executable, script("bare_api"), str(home / "roadloop.db"), str(theirs)]
    with serving(own_server(home, ours), ours), serving(bare, theirs), _served(dict(rest)) as others:
        yield {count: (ours, theirs), **others}


def _asked(question: _Question, ports: dict[int, tuple[int, int]], requests: int, rounds: int) -> Result:
    contenders = [
        Contender(f"{name}, {count:,} rows", partial(_ask, pair[place], asked, requests))
        for place, (name, asked) in enumerate((("roadloop", question.ours), ("FastAPI", question.theirs)))
        for count, pair in ports.items()
    ]
    return Result(question.title, "requests", contest(contenders, rounds))


def _ask(port: int, asked: tuple[str, str, dict[str, Any]], requests: int) -> int:
    method, path, body = asked
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    content = json.dumps(body).encode() if method == "POST" else None
    for _ in range(requests):
        connection.request(method, path, content, {"content-type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise BusyError(Text(f"{path} 应答 {response.status}。", f"{path} answered {response.status}."))
        response.read()
    connection.close()
    return requests


def _answers(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0
