"""Tracks behind an HTTP service: `POST track/get`, `POST image/get`, `GET track/get/trackIds/bytask`.

The address comes from the settings alone, and redirects are not followed, so nothing in a request or an answer can
send us elsewhere. Every answer has a time limit and a size limit, every picture is checked before it counts; what may
pass by itself (no connection, time-outs, 429, 5xx, broken pictures) is tried again with growing pauses.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx2

from roadloop.errors import (
    BrokenFileError,
    BusyError,
    InvalidNameError,
    JobError,
    NotFoundError,
    Text,
)
from roadloop.imaging.decode import check_image
from roadloop.settings import Datum
from roadloop.storage.paths import check_name
from roadloop.tracks.datum import declared
from roadloop.tracks.folder import degrees
from roadloop.tracks.records import UNKNOWN, Listing, Problem, TrackPoint

T = TypeVar("T")

MAX_PICTURE: Final = 64 * 2**20  #: bytes of one picture
MAX_LISTING: Final = 64 * 2**20  #: bytes of the points of one track, or of the tracks of one task
MAX_PAUSE: Final = 10.0  #: seconds between two tries
PATIENCE: Final = 6  #: one answer may take this many time-outs in all, however steadily it drips
OUTAGE: Final = 24  #: requests in a row without any answer after which the service counts as down
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class ServiceOptions:
    """How a track service is talked to.

    Attributes:
        url: Base URL, http or https.
        timeout: Seconds without a byte after which a try is given up.
        retries: Further tries after the first.
        pause: Seconds before the second try; doubles for each further one.
        image_query: The fixed fields of `image/get`: type, seq, imageType.
        parallel: Connections at once.
        max_pixels: Largest picture that counts as one.
        datum: Of positions whose point names none.
    """

    url: str
    timeout: float = 10.0
    retries: int = 3
    pause: float = 0.25
    image_query: Mapping[str, str] | None = None
    parallel: int = 8
    max_pixels: int = 64_000_000
    datum: Datum = UNKNOWN


class HttpStore:
    """A track service.

    Args:
        options: How it is talked to.
    """

    def __init__(self, options: ServiceOptions) -> None:
        self._options: Final = options
        self._client: Final = httpx2.Client(
            base_url=options.url.rstrip("/") + "/",
            timeout=httpx2.Timeout(options.timeout),
            limits=httpx2.Limits(max_connections=options.parallel, max_keepalive_connections=options.parallel),
            follow_redirects=False,
            trust_env=False,
        )
        self._lock: Final = threading.Lock()
        self._silent = 0

    def points(self, track: str) -> Listing:
        """The points of a track, in text order of their ids.

        Raises:
            NotFoundError: The service does not know the track.
            BrokenFileError: Its answer makes no sense.
            BusyError: It did not answer.
            JobError: It has not answered for many requests in a row.
        """
        answer = self._again(lambda: self._json("POST", "track/get", track, json={"trackId": track}))
        result = answer.get("result")
        entries = result.get("pointList") if isinstance(result, dict) else None
        if not isinstance(entries, list):
            raise _senseless("track/get", track)
        points: dict[str, TrackPoint] = {}
        problems: list[Problem] = []
        for entry in entries:
            name = str(entry.get("trackPointId", "")) if isinstance(entry, dict) else str(entry)[:80]
            try:
                points.setdefault(check_name(name, "trackPointId"), self._point(track, name, entry, problems))
            except InvalidNameError as error:
                problems.append(Problem(name[:80], error.text))
        return Listing([points[name] for name in sorted(points)], problems)

    def picture(self, point: TrackPoint) -> bytes:
        """The bytes of a point's picture, checked: a whole JPEG or PNG.

        Raises:
            NotFoundError: The service does not have it.
            BrokenFileError: Every try brought something that is no whole picture.
            BusyError: It did not answer.
            JobError: It has not answered for many requests in a row.
        """
        body = {"trackPointId": point.point, **(self._options.image_query or {})}

        def once() -> bytes:
            data = self._bytes("POST", "image/get", point.stem, MAX_PICTURE, json=body)
            check_image(data, self._options.max_pixels)
            return data

        return self._again(once)

    def tracks_of_task(self, task: str) -> list[str]:
        """The tracks of a survey task.

        Raises:
            NotFoundError: The service does not know the task.
            BrokenFileError: Its answer makes no sense.
            BusyError: It did not answer.
            JobError: It has not answered for many requests in a row.
        """
        path = "track/get/trackIds/bytask"
        answer = self._again(lambda: self._json("GET", path, task, params={"taskId": task}))
        tracks = answer.get("result")
        if not isinstance(tracks, list):
            raise _senseless(path, task)
        return list(dict.fromkeys(str(track) for track in tracks))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _point(self, track: str, name: str, entry: Mapping[str, Any], problems: list[Problem]) -> TrackPoint:
        """One point of an answer."""
        return TrackPoint(
            track,
            name,
            time=str(entry.get("time") or "")[:40],
            city=str(entry.get("city") or "")[:100],
            adcode=str(entry.get("adcode") or "")[:20],
        ).at(
            degrees(entry.get("longitude"), 180),
            degrees(entry.get("latitude"), 90),
            declared(str(entry.get("datum") or ""), self._options.datum, "track/get", problems),
        )

    def _again(self, once: Callable[[], T]) -> T:
        """Try until it works, or until further tries make no sense."""
        for attempt in range(self._options.retries + 1):
            if attempt:
                pause = min(MAX_PAUSE, self._options.pause * 2 ** (attempt - 1))
                time.sleep(pause * random.uniform(0.75, 1.25))  # so that parallel requests do not come back at once
            try:
                return once()
            except (BusyError, BrokenFileError) as error:
                if attempt == self._options.retries or error.details.get("final"):
                    raise
        raise AssertionError

    def _json(self, method: str, path: str, what: str, **request: Any) -> dict[str, Any]:
        data = self._bytes(method, path, what, MAX_LISTING, **request)
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise _senseless(path, what) from error
        if not isinstance(answer, dict):
            raise _senseless(path, what)
        if str(answer.get("code", "0")) != "0":
            said = str(answer.get("message") or answer.get("msg") or f"code {answer['code']}")[:200]
            raise NotFoundError(
                Text(
                    f"轨迹服务没有 {what[:100]}（{path}：{said}）。",
                    f"The track service does not have {what[:100]} ({path}: {said}).",
                ),
                name=what[:100],
            )
        return answer

    def _bytes(self, method: str, path: str, what: str, limit: int, **request: Any) -> bytes:
        """The body of one answer.

        Raises:
            BusyError: No answer, or one that says to come again.
            NotFoundError: 404, or another refusal.
            BrokenFileError: A redirect, or a body that is too large.
            JobError: The service is down.
        """
        deadline = time.monotonic() + PATIENCE * self._options.timeout
        if self._silent >= OUTAGE:
            raise self._down()
        try:
            with self._client.stream(method, path, **request) as response:
                self._heard(alive=response.status_code < 500)
                _check_status(response, path, what)
                return _body(response, limit, deadline, what)
        except httpx2.RequestError as error:
            self._heard(alive=False)
            kind = type(error).__name__
            raise BusyError(
                Text(f"轨迹服务没有回答（{path}：{kind}）。", f"The track service did not answer ({path}: {kind}).")
            ) from error

    def _heard(self, *, alive: bool) -> None:
        """Count the requests without an answer.

        Raises:
            JobError: There were so many in a row that the service is down.
        """
        with self._lock:
            self._silent = 0 if alive else self._silent + 1
            down = self._silent >= OUTAGE
        if down:
            raise self._down()

    def _down(self) -> JobError:
        return JobError(
            Text(
                f"轨迹服务 {self._client.base_url} 已连续 {OUTAGE} 次没有回答；请检查 track_service_url 与网络，然后重新提交。",
                f"The track service {self._client.base_url} has not answered {OUTAGE} times in a row; check"
                " track_service_url and the network, then submit again.",
            )
        )


def _check_status(response: httpx2.Response, path: str, what: str) -> None:
    status = response.status_code
    if status == 200:
        return
    if status in _AGAIN:
        raise BusyError(
            Text(
                f"轨迹服务暂时无法回答（{path}：HTTP {status}）。",
                f"The track service is busy ({path}: HTTP {status}).",
            )
        )
    if 300 <= status < 400:
        raise BrokenFileError(
            Text(
                f"轨迹服务要求跳转（{path}：HTTP {status}），出于安全不跟随；请在 track_service_url 中填写最终地址。",
                f"The track service redirects ({path}: HTTP {status}), which is not followed; put the final address"
                " into track_service_url.",
            ),
            final=True,
        )
    raise NotFoundError(
        Text(f"轨迹服务没有 {what[:100]}（{path}：HTTP {status}）。", f"No {what[:100]} ({path}: HTTP {status})."),
        name=what[:100],
    )


def _body(response: httpx2.Response, limit: int, deadline: float, what: str) -> bytes:
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > limit:
            raise BrokenFileError(
                Text(
                    f"{what[:100]} 的回答超过 {limit // 2**20} MiB 的上限。",
                    f"The answer for {what[:100]} exceeds {limit // 2**20} MiB.",
                ),
                final=True,
            )
        if time.monotonic() > deadline:
            raise BusyError(Text(f"{what[:100]} 的下载过慢，已放弃。", f"The answer for {what[:100]} came too slowly."))
        parts.append(part)
    return b"".join(parts)


def _senseless(path: str, what: str) -> BrokenFileError:
    return BrokenFileError(
        Text(
            f"轨迹服务对 {what[:100]} 的回答无法识别（{path}）。",
            f"The track service's answer for {what[:100]} makes no sense ({path}).",
        )
    )
