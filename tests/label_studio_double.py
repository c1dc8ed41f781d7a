"""A small HTTP server that speaks the part of Label Studio's API that we use, for tests over loopback.

It keeps what it is told, counts requests, and can be told to fail. What the real server does is checked by
tests/services.
"""

import email.parser
import email.policy
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "0123456789abcdef0123456789abcdef01234567"


class Double:
    """The server; `url` says where it is."""

    def __init__(self) -> None:
        self.projects: dict[int, dict[str, Any]] = {}
        self.files: list[dict[str, Any]] = []
        self.tasks: dict[int, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.writes_left = 10**9
        self.failing_reads = 0
        self.cut_after = -1  # so many writes are answered, the next is done and its connection cut; -1: none
        self._lock = threading.Lock()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                double.answer(self, "GET")

            def do_POST(self) -> None:
                double.answer(self, "POST")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def annotate(self, task: int, result: list[dict[str, Any]], *, cancelled: bool = False) -> None:
        """An annotator submits."""
        annotations = self.tasks[task]["annotations"]
        number = 1 + sum(len(t["annotations"]) for t in self.tasks.values())
        at = f"2026-11-23T10:00:{number:02d}Z"
        annotations.append({"id": number, "result": result, "was_cancelled": cancelled, "updated_at": at})

    def answer(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        url = urlsplit(handler.path)
        with self._lock:
            self.requests.append(f"{method} {url.path}")
            status, value = self._route(handler, method, url.path, body)
            if method == "POST" and self.cut_after >= 0:
                self.cut_after -= 1
                if self.cut_after < 0:
                    handler.close_connection = True
                    handler.connection.shutdown(socket.SHUT_RDWR)
                    return
        data = json.dumps(value).encode()
        handler.send_response(status)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def _route(self, handler: BaseHTTPRequestHandler, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if handler.headers.get("authorization") not in {f"Token {TOKEN}", "Bearer access"}:
            if path == "/api/token/refresh/" and json.loads(body)["refresh"] == "a.b.c":
                return 200, {"access": "access"}
            return 401, {"detail": "Invalid token."}
        if method == "GET" and self.failing_reads:
            self.failing_reads -= 1
            return 502, {"detail": "Bad gateway"}
        if method == "POST":
            if not self.writes_left:
                return 503, {"detail": "down"}
            self.writes_left -= 1
        query = {k: v[0] for k, v in parse_qs(urlsplit(handler.path).query).items()}
        for verb, pattern, answer in (
            ("GET", r"/api/projects/", self._list_projects),
            ("POST", r"/api/projects/", self._create_project),
            ("GET", r"/api/projects/(\d+)/", self._project),
            ("GET", r"/api/projects/(\d+)/file-uploads", self._uploads),
            ("POST", r"/api/projects/(\d+)/import", self._import),
            ("GET", r"/api/import/file-upload/(\d+)", self._upload),
            ("GET", r"/api/tasks/", self._list_tasks),
            ("GET", r"/api/tasks/(\d+)/", self._task),
        ):
            found = re.fullmatch(pattern, path)
            if verb == method and found:
                return answer(*(int(g) for g in found.groups()), query=query, body=body, headers=handler.headers)
        return 404, {"detail": "Not found."}

    def _list_projects(self, *, query: dict[str, str], **_: Any) -> tuple[int, Any]:
        page, size = int(query["page"]), 2  # smaller pages than asked for, so that paging is used
        rows = list(self.projects.values())[(page - 1) * size : page * size]
        return 200, {"results": rows, "next": "more" if page * size < len(self.projects) else None}

    def _create_project(self, *, body: bytes, **_: Any) -> tuple[int, Any]:
        value = json.loads(body)
        if len(value["title"]) > 50:
            return 400, {"detail": "title too long"}
        number = len(self.projects) + 1
        self.projects[number] = {"id": number, **value}
        return 201, self.projects[number]

    def _project(self, number: int, **_: Any) -> tuple[int, Any]:
        if number not in self.projects:
            return 404, {"detail": "Not found."}
        mine = [task for task in self.tasks.values() if task["project"] == number]
        return 200, {**self.projects[number], "num_tasks_with_annotations": sum(bool(t["annotations"]) for t in mine)}

    def _uploads(self, project: int, **_: Any) -> tuple[int, Any]:
        return 200, [{"id": f["id"], "file": f["file"]} for f in self.files if f["project"] == project]

    def _import(self, project: int, *, body: bytes, headers: Any, **_: Any) -> tuple[int, Any]:
        if headers["content-type"].startswith("multipart/"):
            text = b"content-type: " + headers["content-type"].encode() + b"\r\n\r\n" + body
            (part,) = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(text).iter_parts()
            number = len(self.files) + 1
            name = f"upload/{project}/{number:08x}-{part.get_filename()}"
            self.files.append({"id": number, "project": project, "file": name, "data": part.get_payload(decode=True)})
            return 201, {"file_upload_ids": [number]}
        ids = []
        for task in json.loads(body):
            number = 100 + len(self.tasks)
            self.tasks[number] = {"id": number, "project": project, "annotations": [], **task}
            ids.append(number)
        return 201, {"task_ids": ids}

    def _upload(self, number: int, **_: Any) -> tuple[int, Any]:
        return 200, {"id": number, "file": self.files[number - 1]["file"]}

    def _list_tasks(self, *, query: dict[str, str], **_: Any) -> tuple[int, Any]:
        found = [t for t in self.tasks.values() if t["project"] == int(query["project"])]
        page, size = int(query["page"]), 3
        return 200, {"tasks": found[(page - 1) * size : page * size], "total": len(found)}

    def _task(self, number: int, **_: Any) -> tuple[int, Any]:
        return (200, self.tasks[number]) if number in self.tasks else (404, {"detail": "Not found."})
