"""A client of roadloop's HTTP interface, for scripts: docs/client.md. It needs nothing of the server but its address."""

import time
from collections.abc import Callable
from typing import Any, Final, Self

import httpx2

from roadloop.errors import JobError, Language, RoadloopError, Text

__all__ = ["Client", "JobError", "RefusedError", "Row", "UnreachableError"]

Row = dict[str, Any]

POLL_SECONDS: Final = 0.4
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
        alive: Asked when the server does not answer; may raise what explains it better.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8600", language: Language = "zh", *, alive: Callable[[], None] | None = None
    ) -> None:
        self.url: Final = url.rstrip("/")
        self._alive: Final = alive
        self._http: Final = httpx2.Client(
            base_url=self.url, headers={"Accept-Language": language}, timeout=httpx2.Timeout(120.0, connect=10.0)
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
        if reply.status_code != 200:
            raise _refusal(path, reply)
        return reply


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
