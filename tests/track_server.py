"""A track service on loopback that can be told to misbehave."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import numpy as np

from roadloop.imaging.encode import encode_jpeg

JPEG = encode_jpeg(np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (1, 48, 3)))


class Handler(BaseHTTPRequestHandler):
    """Answers as the contract says, unless the server is in a mood."""

    protocol_version = "HTTP/1.1"
    owner: ClassVar["TrackServer"]

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        task = parse_qs(url.query).get("taskId", [""])[0]
        if url.path == "/api/track/get/trackIds/bytask" and task == "77":
            self.json({"code": "0", "result": ["t1", "t2"]})
        else:
            self.json({"code": "404", "message": "no such task"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = body.get("trackId") or body.get("trackPointId")
        self.owner.bodies.append(body)
        self.owner.asked[name] += 1
        moods = self.owner.moods.get(name, [])
        mood = self.owner.always or (moods.pop(0) if moods else "")
        if mood.isdigit():
            self.answer(int(mood), b"oops")
        else:
            getattr(self, mood or "behave")(name)

    def behave(self, name: str) -> None:
        if self.path == "/api/track/get" and name in self.owner.tracks:
            points = [{"trackPointId": p, "time": "x", **self.owner.facts} for p in self.owner.tracks[name]]
            self.json({"code": "0", "result": {"pointList": points}})
        elif self.path == "/api/image/get" and name.startswith("t"):
            self.answer(200, JPEG, "image/jpeg")
        else:
            self.json({"code": "1", "message": f"没有 {name}"})

    def slow(self, _name: str) -> None:
        time.sleep(0.6)
        self.close_connection = True

    def html(self, _name: str) -> None:
        self.answer(200, b"<html>login</html>", "text/html")

    def truncated(self, _name: str) -> None:
        self.answer(200, JPEG[:-30], "image/jpeg")

    def cut(self, _name: str) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(JPEG)))
        self.end_headers()
        self.wfile.write(JPEG[:100])
        self.close_connection = True

    def redirect(self, _name: str) -> None:
        self.send_response(302)
        self.send_header("location", "http://169.254.169.254/latest")
        self.send_header("content-length", "0")
        self.end_headers()

    def drip(self, _name: str) -> None:
        self.stream([bytes([byte]) for byte in JPEG[:60]], 0.05)

    def huge(self, _name: str) -> None:
        self.stream([bytes(2**20)] * 80, 0)

    def stream(self, parts: list[bytes], pause: float) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for part in parts:
                self.wfile.write(part)
                time.sleep(pause)
        except OSError:
            pass
        self.close_connection = True

    def json(self, value: Any) -> None:
        self.answer(200, json.dumps(value).encode(), "application/json")

    def answer(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class TrackServer:
    """Tracks t1 and t2 with three points each. `moods` says how the next answers about a point or track fail."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.moods: dict[str, list[str]] = {}
        self.always = ""
        self.facts: dict[str, Any] = {"longitude": 120.5}
        self.tracks = {t: [f"{t}_{i:03d}" for i in (2, 0, 1)] for t in ("t1", "t2")}
        handler = type("BoundHandler", (Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
