"""Object stores on loopback: moto's server, which speaks S3, and one that answers as it is told."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx

KEYS = {"AWS_ACCESS_KEY_ID": "team", "AWS_SECRET_ACCESS_KEY": "planted-secret", "AWS_REGION": "us-east-1"}


class Bucket:
    """One bucket of a store.

    Args:
        url: The store.
        name: The bucket's; made anew.
    """

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        from botocore.session import Session  # noqa: PLC0415 - machines that run the tests of a GPU alone have none

        self.client: Any = Session().create_client(
            "s3", endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1"
        )
        self.client.create_bucket(Bucket=name)

    @property
    def environment(self) -> dict[str, str]:
        """What lets botocore find the store."""
        return KEYS | {"AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_DISABLED": "true"}

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def put_folder(self, folder: Path, prefix: str) -> None:
        """Write all files of a folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def remove(self, key: str) -> None:
        """Remove an object."""
        self.client.delete_object(Bucket=self.name, Key=key)


class S3Server:
    """moto's server in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        found = next(found for line in self._process.stderr if (found := re.search(r"http://[\d.]+:\d+", line)))
        self.url = found[0]
        self._drain = threading.Thread(target=self._process.stderr.read, daemon=True)
        self._drain.start()
        self._buckets = 0

    def bucket(self) -> Bucket:
        """A new bucket."""
        self._buckets += 1
        return Bucket(self.url, f"roads-{self._buckets}")

    def check_keys(self, *, on: bool) -> None:
        """Let in only whom the store's own users are, or everybody."""
        httpx.post(f"{self.url}/moto-api/reset-auth", content=b"0" if on else b"inf").raise_for_status()

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait()
        self._drain.join()
        assert self._process.stderr is not None
        self._process.stderr.close()


class Reply(NamedTuple):
    """What a scripted store says; `promised` is the length that it claims."""

    status: int
    body: bytes = b""
    promised: int = -1
    headers: Mapping[str, str] = {}


def failure(status: int, code: str) -> Reply:
    """An answer in which S3 says what is wrong."""
    return Reply(status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode())


class ScriptedStore:
    """A store that answers as it is told.

    Args:
        answer: Gives the reply to a path and its query, and the number of the request from 1.
    """

    def __init__(self, answer: Callable[[str, dict[str, list[str]], int], Reply]) -> None:
        store = self
        self.requests = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                store.requests += 1
                parts = urlsplit(self.path)
                reply = answer(parts.path, parse_qs(parts.query), store.requests)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(max(reply.promised, len(reply.body))))
                self.end_headers()
                with suppress(ConnectionError):
                    self.wfile.write(reply.body)
                self.close_connection = reply.promised > len(reply.body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that hangs up is nobody's fault."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
