"""The deployed front-end as a client, written from clients.md: what it sends, and how it decides that a job is finished."""

import json
import re
import time
from typing import Any

import httpx2 as httpx

#: What jQuery's page says.
JSON = "application/json; charset=UTF-8"


class LetGoError(Exception):
    """A job's progress was answered with another errno than 1: that client stops asking."""


class OldClient:
    """Calls as that front-end does.

    Args:
        url: `window.trainUrl`: an absolute address that ends in /api.
        headers: Those that it lies behind, such as a proxy's.
    """

    def __init__(self, url: str, **headers: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60, headers={"accept-language": "zh", **headers}, verify=False)

    def post(self, path: str, **sent: Any) -> Any:
        """POST a JSON object; what is read."""
        return read(self.http.post(path.removeprefix("/"), content=json.dumps(sent), headers={"content-type": JSON}))

    def get(self, path: str, **sent: Any) -> Any:
        """GET with a query; what is read."""
        return read(self.http.get(path.removeprefix("/"), params=sent))

    def started(self, path: str, **sent: Any) -> str:
        """Submit a form; the id that it polls with."""
        answer = self.post(path, **sent)
        assert answer["errno"] == 1, answer
        assert answer["message"]
        task_id: str = answer["data"]["task_id"]
        assert not {"'", '"'} & set(task_id)  # it stands inside onclick='...'
        return task_id

    def finished(self, path: str, task_id: str, *, seconds: float = 200) -> Any:
        """Poll, faster than that client, until `completed!`; the row.

        Raises:
            LetGoError: With the message.
        """
        deadline = time.monotonic() + seconds
        while True:
            answer = self.post(path, task_id=task_id)
            if answer["errno"] != 1:
                raise LetGoError(answer["message"])
            row = answer["data"][0]
            if row["status"] == "completed!":
                return row
            assert re.fullmatch("[0-9]{1,2}%", row["status"]), row["status"]  # a width in CSS
            assert time.monotonic() < deadline, row
            time.sleep(0.1)

    def close(self) -> None:
        """Leave."""
        self.http.close()


def read(answer: httpx.Response) -> Any:
    """What jQuery makes of an answer: it goes by the content type, and reads only strict JSON of a success."""
    assert answer.status_code == 200, (answer.status_code, answer.text)
    assert answer.headers["content-type"].partition(";")[0] == "application/json"

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(answer.text, parse_constant=refuse)
