"""Label Studio's REST API, the few calls we need. No redirects, time-outs on everything, reads tried again."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2 as httpx

from roadloop.errors import JobError, Text

TIMEOUT: Final = 60.0  # seconds that an answer may take
SHORT: Final = 3.0  # where somebody looks at the page meanwhile
_TRIES: Final = 4
_PAGE: Final = 100
_PAUSE: Final = 0.3  # seconds before the second try; doubled each time


class LabelStudio:
    """A Label Studio server.

    Args:
        url: Where it is.
        token: An access token: 40 hex digits, or a personal access token (a JWT), which is exchanged.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url: Final = url.rstrip("/")
        self._token: Final = token
        self._access = ""
        self._client: httpx.Client | None = None

    @property
    def _http(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(base_url=self.url, timeout=TIMEOUT)
        return self._client

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def find_project(self, key: str) -> int | None:
        """The project whose description is `key`."""
        page = 1
        while True:
            answer = self._get("/api/projects/", {"page": page, "page_size": _PAGE})
            for project in answer["results"]:
                if project.get("description") == key:
                    return int(project["id"])
            if not answer.get("next"):
                return None
            page += 1

    def has_project(self, project: int) -> bool:
        """Whether a project is still there."""
        return bool(self._get(f"/api/projects/{project}/", missing={}))

    def finished(self, project: int) -> int | None:
        """How many tasks of a project have an annotation; None when it is gone. For people who wait: one short try."""
        try:
            path = f"/api/projects/{project}/"
            response = self._http.get(path, headers=self._headers(), timeout=SHORT)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if response.status_code == 404:
            return None
        if not response.is_success:
            raise self._refused(response)
        return int(response.json().get("num_tasks_with_annotations", 0))

    def create_project(self, title: str, key: str, config: str) -> int:
        """Make a project; returns its id."""
        body = {"title": title, "description": key, "label_config": config}
        return int(self._post("/api/projects/", body)["id"])

    def tasks(self, project: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """(id, data) of each task of a project."""
        page, seen = 1, 0
        while True:
            answer = self._get("/api/tasks/", {"project": project, "page": page, "page_size": _PAGE}, missing={})
            for task in answer.get("tasks", ()):
                yield int(task["id"]), task["data"]
            seen += len(answer.get("tasks", ()))
            if not answer.get("tasks") or seen >= int(answer["total"]):
                return
            page += 1

    def uploads(self, project: int) -> dict[str, str]:
        """Uploaded files of a project: the name that we gave -> its URL path."""
        files = self._get(f"/api/projects/{project}/file-uploads", {"all": "true"})
        return {file["file"].rpartition("/")[2].partition("-")[2]: f"/data/{file['file']}" for file in files}

    def upload(self, project: int, name: str, data: bytes) -> str:
        """Upload a picture without making a task of it; returns its URL path."""
        answer = self._checked(
            "POST",
            f"/api/projects/{project}/import",
            params={"commit_to_project": "false"},
            files={"file": (name, data)},
        )
        (upload,) = answer["file_upload_ids"]
        return f"/data/{self._get(f'/api/import/file-upload/{upload}')['file']}"

    def add_task(self, project: int, data: Mapping[str, Any], regions: list[dict[str, Any]]) -> int:
        """Make a task, with a prediction where there are regions; returns its id."""
        task: dict[str, Any] = {"data": data}
        if regions:
            task["predictions"] = [{"model_version": "roadloop", "result": regions}]
        answer = self._post(f"/api/projects/{project}/import?return_task_ids=true", [task])
        (task_id,) = answer["task_ids"]
        return int(task_id)

    def task(self, task_id: int) -> Mapping[str, Any] | None:
        """A task with its annotations; None when it is gone."""
        answer: Mapping[str, Any] = self._get(f"/api/tasks/{task_id}/", missing={})
        return answer or None

    def _get(self, path: str, params: Mapping[str, Any] | None = None, missing: Any = None) -> Any:
        return self._checked("GET", path, missing=missing, params=dict(params or {}))

    def _post(self, path: str, body: Any) -> Any:
        return self._checked("POST", path, json=body)

    def _checked(self, method: str, path: str, missing: Any = None, **content: Any) -> Any:
        response = self._send(method, path, **content)
        if response.status_code == 404 and missing is not None:
            return missing
        if not response.is_success:
            raise self._refused(response)
        try:
            return response.json()
        except ValueError as error:
            raise self._refused(response) from error

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send a request; a read is tried again when the connection or the server fails, a write never."""
        tries = _TRIES if method == "GET" else 1
        for attempt in range(1, tries + 1):
            try:
                response = self._http.request(method, path, headers=self._headers(), **content)
            except httpx.TransportError as error:
                if attempt == tries:
                    raise self._unreachable(error) from error
            else:
                if response.status_code == 401 and self._access:  # an access token lives for minutes
                    self._access = ""
                    response = self._http.request(method, path, headers=self._headers(), **content)
                if response.status_code < 500 or attempt == tries:
                    return response
            time.sleep(_PAUSE * 2 ** (attempt - 1))
        raise AssertionError

    def _headers(self) -> dict[str, str]:
        if self._token.count(".") != 2:
            return {"Authorization": f"Token {self._token}"}
        if not self._access:
            answer = self._http.post("/api/token/refresh/", json={"refresh": self._token})
            if not answer.is_success:
                raise self._refused(answer)
            self._access = str(answer.json()["access"])
        return {"Authorization": f"Bearer {self._access}"}

    def _unreachable(self, error: httpx.TransportError) -> JobError:
        what = str(error) or type(error).__name__
        return JobError(
            Text(
                f"无法连接 Label Studio（{self.url}）：{what}。已完成的部分都已保存；恢复后重新提交即可接着做。",
                f"Label Studio at {self.url} cannot be reached: {what}. What was done is kept; submit again when it is"
                " back, and the work goes on from there.",
            ),
            url=self.url,
        )

    def _refused(self, response: httpx.Response) -> JobError:
        said = response.text[:300]
        if response.status_code in (401, 403):
            return JobError(
                Text(
                    f"Label Studio（{self.url}）拒绝了访问令牌；请检查设置 label_studio_token。",
                    f"Label Studio at {self.url} refused the token; check the setting label_studio_token.",
                ),
                url=self.url,
            )
        where = f"{response.request.method} {response.request.url.path}"
        return JobError(
            Text(
                f"Label Studio 对 {where} 的回答是 {response.status_code}：{said}",
                f"Label Studio answered {response.status_code} to {where}: {said}",
            ),
            url=self.url,
            status=response.status_code,
        )
