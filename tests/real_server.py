"""Other people's servers, as processes on loopback."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def serving(
    command: Sequence[str], settings: Mapping[str, str], port: int, log: Path, *, seconds: float
) -> Iterator[str]:
    """Run a server until the block ends; its URL, as soon as its `/health` answers.

    Args:
        command: Starts it in the foreground.
        settings: Added to the environment.
        port: Where it listens.
        log: Takes what it says.
        seconds: How long it may take to answer.
    """
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env=os.environ | settings, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, log, seconds)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(1)
    raise AssertionError(log.read_text(errors="replace")[-2000:])
