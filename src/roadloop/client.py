"""A client of roadloop's HTTP interface, for scripts: docs/client.md. It needs nothing of the server but its address."""

import base64
import bisect
import hashlib
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import httpx2

from roadloop.errors import JobError, Language, RoadloopError, Text

__all__ = ["Client", "JobError", "RefusedError", "Row", "UnreachableError"]

Row = dict[str, Any]

POLL_SECONDS: Final = 0.4
PIECE_BYTES: Final = 8 * 2**20  #: of an upload, in one request
_TUS: Final = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
_ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})
_MOST_SAID: Final = 300  #: characters of an answer that is no JSON


class RefusedError(RoadloopError):
    """The server answered a request with a failure: the text is its own, and `details` are, besides `status` and `error`."""

    code = "refused"

    @property
    def status(self) -> int:
        """HTTP's, such as 404."""
        return int(self.details["status"])

    @property
    def error(self) -> str:
        """The stable code of docs/interface.md, such as `not_found`; empty where something else than roadloop answered."""
        return str(self.details["error"])


class UnreachableError(RoadloopError):
    """The server does not answer: it has ended, or the network between is at fault. Whether it did the work is not known."""

    code = "unreachable"


class Client:
    """Talks to one server; a context manager. For one thread at a time.

    Args:
        url: Of the server.
        language: Of messages, reasons and notes.
        token: Of the program, where the server has accounts: docs/accounts.md.
        alive: Asked when the server does not answer; may raise what explains it better.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8600",
        language: Language = "zh",
        *,
        token: str = "",
        alive: Callable[[], None] | None = None,
    ) -> None:
        self.url: Final = url.rstrip("/")
        self._alive: Final = alive
        headers = {"Accept-Language": language} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._http: Final = httpx2.Client(
            base_url=self.url, headers=headers, timeout=httpx2.Timeout(120.0, connect=10.0)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, /, **parameters: Any) -> dict[str, Any]:
        """GET with query parameters; the reply's JSON.

        Raises:
            RefusedError: The server answered with a failure.
            UnreachableError: It does not answer.
        """
        return dict(self._send("GET", path, params=parameters).json())

    def post(self, path: str, key: str = "", /, **parameters: Any) -> dict[str, Any]:
        """POST with a JSON body; the reply's JSON.

        Args:
            path: Of the endpoint, such as `/create_data`.
            key: An `Idempotency-Key`: the same key and request are done once, however often they are sent; so a request
                that got no answer can be sent again.
            parameters: Of the endpoint.

        Raises:
            RefusedError: The server answered with a failure.
            UnreachableError: It does not answer.
        """
        headers = {"Idempotency-Key": key} if key else {}
        return dict(self._send("POST", path, json=parameters, headers=headers).json())

    def read(self, path: str, /, **parameters: Any) -> bytes:
        """GET a file, such as a picture of a dataset.

        Raises:
            RefusedError: The server answered with a failure.
            UnreachableError: It does not answer.
        """
        return self._send("GET", path, params=parameters).content

    def wait(self, task_id: str, show: Callable[[Row], None] | None = None, *, patience: float = 60.0) -> Row:
        """Wait until a job has ended. The job does not notice: it also goes on when the wait is given up.

        Args:
            task_id: Of the job.
            show: Called again and again with the job's row in `/v1/jobs`: `state`, `progress` (0..1), `eta_seconds`, `note`.
            patience: Seconds that the server may be away, as when it starts anew, before that counts.

        Returns:
            The row of the succeeded job.

        Raises:
            JobError: The job failed or was stopped; says why, with the end of its log.
            RefusedError: There is no such job.
            UnreachableError: The server does not answer for longer than `patience`.
        """
        heard = time.monotonic()
        while True:
            try:
                row = dict(self.get("/v1/jobs", task_id=task_id)["data"])
            except (UnreachableError, RefusedError) as error:
                away = isinstance(error, UnreachableError) or error.status >= 500
                if not away or time.monotonic() - heard > patience:
                    raise
            else:
                heard = time.monotonic()
                if show is not None:
                    show(row)
                if row["state"] == "succeeded":
                    return row
                if row["state"] in _ENDED:
                    raise JobError(self._failure(row), task_id=task_id)
            time.sleep(POLL_SECONDS)

    def upload(
        self, path: Path, name: str = "", show: Callable[[int, int], None] | None = None, *, patience: float = 60.0
    ) -> str:
        """Send a folder, or a zip of one, and have it unpacked below imports/.

        The same call again goes on where an earlier one was cut off.

        Args:
            path: The folder, of which hidden files are left out, or the zip.
            name: Of the folder to be; absent: the stem of `path`.
            show: Called with the bytes sent, and all of them.
            patience: As in `wait`.

        Returns:
            `imports/<name>`, which is what `/offimport` takes as `src`.

        Raises:
            JobError: It could not be unpacked: says why.
            RefusedError: The server does not take it.
            UnreachableError: As in `wait`.
        """
        sent = _Sending(path)
        name = name or path.resolve().stem
        address = self._begin_upload(name, sent)
        self._send_rest(address, sent, show, patience)
        try:
            task_id = self.post(f"{address}/unpack")["data"]
        except RefusedError as error:
            if "task_id" not in error.details:
                raise
            task_id = error.details["task_id"]  # an earlier call has got so far
        self.wait(task_id, patience=patience)
        return f"imports/{name}"

    def _send_rest(
        self, address: str, sent: "_Sending", show: Callable[[int, int], None] | None, patience: float
    ) -> None:
        offset, known, heard = 0, False, time.monotonic()
        while not known or offset < sent.size:
            try:
                if not known:
                    offset, known = int(self.get(address)["data"]["offset"]), True
                else:
                    piece, begins = sent.read(offset, PIECE_BYTES), {**_TUS, "Upload-Offset": str(offset)}
                    self._send("PATCH", address, content=piece, headers=begins)
                    offset += len(piece)
            except (UnreachableError, RefusedError) as error:
                passing = isinstance(error, UnreachableError) or error.status == 409 or error.status >= 500
                if not passing or time.monotonic() - heard > patience:
                    raise
                known = False
                time.sleep(POLL_SECONDS)
            else:
                heard = time.monotonic()
                if show is not None:
                    show(offset, sent.size)

    def _begin_upload(self, name: str, sent: "_Sending") -> str:
        for row in self.get("/v1/uploads")["data"]:
            if (row["name"], row["fingerprint"]) == (name, sent.fingerprint):
                return f"/v1/uploads/{row['id']}"
        said = {"name": name, "filename": sent.filename, "fingerprint": sent.fingerprint}
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())
        headers = {**_TUS, "Upload-Length": str(sent.size), "Upload-Metadata": metadata}
        return str(self._send("POST", "/v1/uploads", headers=headers).headers["location"])

    def _failure(self, row: Row) -> Text:
        reason = row["reason"] or row["status"]
        try:
            tail = "\n".join(self.get("/output_log", task_id=row["task_id"])["data"][-5:])
        except (RefusedError, UnreachableError):
            tail = ""
        log = f"{self.url}/output_log?task_id={row['task_id']}"
        return Text(
            f"任务 {row['task_id']} 没有完成：{reason}\n日志：{log}\n{tail}",
            f"Job {row['task_id']} did not succeed: {reason}\nIts log: {log}\n{tail}",
        )

    def _send(self, method: str, path: str, **content: Any) -> httpx2.Response:
        try:
            reply = self._http.request(method, path, **content)
        except httpx2.TransportError as error:
            if self._alive is not None:
                self._alive()
            text = Text(f"{self.url}{path} 没有应答：{error!r}", f"{self.url}{path} does not answer: {error!r}")
            raise UnreachableError(text, path=path) from error
        if not reply.is_success:
            raise _refusal(path, reply)
        return reply


class _Sending:
    """The bytes of a file, or of a folder as a tar (POSIX.1-2001), from any place on: only what is sent is read.

    Args:
        path: The file or folder.
    """

    def __init__(self, path: Path) -> None:
        self._parts: Final = list[tuple[int, bytes | Path, int]]()  # where each begins, what it is, its bytes
        self.size = 0
        self.filename: Final = path.resolve().name
        marks = hashlib.sha256()
        files = _visible(path) if path.is_dir() else [path]
        for file in files:
            name, status = file.relative_to(path).as_posix() if path.is_dir() else "", file.stat()
            marks.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
            if name:
                info = tarfile.TarInfo(name)
                info.size, info.mtime = status.st_size, int(status.st_mtime)
                self._add(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
            self._add(file, status.st_size)
            if name:
                self._add(bytes(-status.st_size % tarfile.BLOCKSIZE))
        if path.is_dir():
            self._add(bytes(2 * tarfile.BLOCKSIZE))
        self.fingerprint: Final = marks.hexdigest()

    def _add(self, part: bytes | Path, size: int = -1) -> None:
        size = len(part) if isinstance(part, bytes) else size
        self._parts.append((self.size, part, size))
        self.size += size

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset` on.

        Raises:
            ValueError: A file has become shorter since.
        """
        read, at = bytearray(), bisect.bisect_right(self._parts, offset, key=lambda part: part[0]) - 1
        for begin, part, length in self._parts[at:]:
            if len(read) == size:
                break
            first = offset + len(read) - begin
            most = min(length - first, size - len(read))
            piece = part[first : first + most] if isinstance(part, bytes) else _read_file(part, first, most)
            if len(piece) != most:
                message = f"{part!r} has changed while it was sent"
                raise ValueError(message)
            read += piece
        return bytes(read)


def _visible(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part[0] == "." for part in path.relative_to(folder).parts))


def _read_file(path: Path, first: int, most: int) -> bytes:
    with path.open("rb") as file:
        file.seek(first)
        return file.read(most)


def _refusal(path: str, reply: httpx2.Response) -> RefusedError:
    try:
        said = dict(reply.json())
    except (ValueError, TypeError):
        said = {"message": reply.text[:_MOST_SAID]}
    status, message = reply.status_code, said.get("message", "")
    return RefusedError(
        Text(f"{path} 返回 {status}：{message}", f"{path} answered {status}: {message}"),
        **{**said.get("details", {}), "status": status, "error": said.get("error", "")},
    )
