"""A small client of roadloop's HTTP interface: documented endpoints only."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

import httpx2

from roadloop.errors import JobError, Text

POLL_SECONDS: Final = 0.4
ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})

Row = dict[str, Any]


class Client:
    """Talks to one server.

    Args:
        url: Such as `http://127.0.0.1:8600`.
        language: Of messages, `zh` or `en`.
        alive: Raises when the server is gone; asked when it does not answer.
    """

    def __init__(self, url: str, language: str, alive: Callable[[], None]) -> None:
        self.url = url
        self._alive = alive
        self._http = httpx2.Client(
            base_url=url, headers={"Accept-Language": language}, timeout=httpx2.Timeout(120.0, connect=10.0)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """GET with query parameters; the reply's JSON.

        Raises:
            JobError: The server refuses, or is gone.
        """
        return self._answer("GET", path, params=parameters)

    def post(self, path: str, **parameters: Any) -> dict[str, Any]:
        """POST with a JSON body; the reply's JSON.

        Raises:
            JobError: The server refuses, or is gone.
        """
        return self._answer("POST", path, json=parameters)

    def read(self, path: str) -> bytes:
        """GET a file, such as a picture of an evaluation."""
        return self._send("GET", path).content

    def follow(self, read: Callable[[], Row], show: Callable[[Row], None]) -> Row:
        """Ask for a job's row until the job has ended.

        Args:
            read: Fetches the row.
            show: Called with every row.

        Returns:
            The row of the succeeded job.

        Raises:
            JobError: The job failed or was stopped: says why and where its log is.
        """
        while True:
            row = read()
            show(row)
            if row["state"] in ENDED:
                break
            time.sleep(POLL_SECONDS)
        if row["state"] != "succeeded":
            raise JobError(self._failure(row), task_id=row["task_id"])
        return row

    def _failure(self, row: Row) -> Text:
        reason = row.get("reason") or row["status"]
        try:
            tail = "\n".join(self.get("/output_log", task_id=row["task_id"])["data"][-5:])
        except JobError:
            tail = ""
        log = f"{self.url}/output_log?task_id={row['task_id']}"
        return Text(
            f"任务 {row['task_id']} 没有完成：{reason}\n日志：{log}\n{tail}",
            f"Job {row['task_id']} did not succeed: {reason}\nIts log: {log}\n{tail}",
        )

    def _answer(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        reply: Mapping[str, Any] = self._send(method, path, **content).json()
        return dict(reply)

    def _send(self, method: str, path: str, **content: Any) -> httpx2.Response:
        try:
            reply = self._http.request(method, path, **content)
        except httpx2.TransportError as error:
            self._alive()
            raise JobError(
                Text(f"{path} 没有应答：{error!r}", f"{path} does not answer: {error!r}"), path=path
            ) from error
        if reply.status_code != 200:
            message = _message(reply)
            raise JobError(
                Text(
                    f"{path} 返回 {reply.status_code}：{message}",
                    f"{path} answered {reply.status_code}: {message}",
                ),
                path=path,
                status=reply.status_code,
            )
        return reply


def _message(reply: httpx2.Response) -> str:
    try:
        content = reply.json()
    except ValueError:
        return reply.text[:300]
    return str(content.get("message", content))
