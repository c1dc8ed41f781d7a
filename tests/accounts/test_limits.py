"""S03 and S08 with accounts: what is sent to open routes has limits, and what is sent without a right is not even read."""

import json
from collections import Counter
from typing import Any

import pytest
from fastapi.testclient import TestClient

from roadloop.storage.platform import Platform
from signed_in import PAGE, URL, Team, make_each

#: Bodies of every wrong size, depth, kind and coding.
BODIES: dict[str, tuple[bytes, str]] = {
    "deep": (b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "application/json"),
    "wide": (b"{" + b",".join(b'"k%d": 1' % n for n in range(50_000)) + b"}", "application/json"),
    "an array": (b"[1, 2]", "application/json"),
    "no object": (b'"text"', "application/json"),
    "not a number": (b'{"name": NaN, "password": Infinity, "page": 1e999, "state": -0}', "application/json"),
    "a long name": (json.dumps({"name": "x" * 900_000, "password": "y", "page": "p", "state": "s"}).encode(), "application/json"),
    "a long secret": (json.dumps({"name": "li", "password": "y" * 900_000, "code": "z" * 9000, "page": "p", "state": "s"}).encode(), "application/json"),
    "lone surrogates": (b'{"name": "\\ud800", "password": "\\udfff", "code": "\\ud800", "page": "\\ud800", "state": "\\ud800"}', "application/json"),
    "zeros": (b'{"name": "a\\u0000b", "password": "\\u0000", "code": "\\u0000", "page": "\\u0000", "state": "\\u0000"}', "application/json"),
    "no utf-8": (b'{"name": "\xff\xfe"}', "application/json"),
    "half": (b'{"name": "li"', "application/json"),
    "nothing": (b"", "application/json"),
    "a form": (b"name=" + b"%00" * 2000 + b"&password=%ff&page=%&state=&&&", "application/x-www-form-urlencoded"),
    "parts": (b"--x\r\nContent-Disposition: form-data; name=\"name\"; filename=\"a\"\r\n\r\n\xff\r\n--x--", "multipart/form-data; boundary=x"),
    "no boundary": (b"--x", "multipart/form-data"),
    "another kind": (b"<a/>", "application/xml"),
    "too long": (b" " * (2 << 20), "application/json"),
}  # fmt: skip
OPEN = ("/v1/log_in", "/v1/accounts/first", "/v1/sign_on", "/v1/sign_on/begin")


@pytest.fixture
def team(platform: Platform) -> Team:
    make_each(platform)
    return Team(platform)


@pytest.mark.parametrize("how", BODIES)
def test_open_routes__refuse_every_odd_body_and_say_so_briefly(team: Team, how: str) -> None:
    body, kind = BODIES[how]
    for path in OPEN:
        client = TestClient(team.app, base_url=URL, headers=PAGE | {"content-type": kind})
        answer = client.post(path, content=body)
        assert 400 <= answer.status_code < 500, (path, answer.status_code, answer.text[:300])
        assert len(answer.content) < 16_000, path
        assert set(answer.json()) == {"errno", "message", "error", "details"}


def test_without_the_right__an_archive_or_a_long_body_is_refused_unread(team: Team) -> None:
    """Nobody, and who may not work: uploads cannot be begun, continued, unpacked, and nothing of a body is parsed."""
    engineer = team.browser("engineer")
    tus = {"tus-resumable": "1.0.0"}
    begin = {**tus, "upload-length": "100", "upload-metadata": "name eA=="}
    place = engineer.post("/v1/uploads", headers=begin).headers["location"]
    counts = Counter[int]()
    broken = b"{" * 900_000  # 400 for whoever may, if it were read
    for who in ("", "viewer", "annotator"):
        client: Any = team.browser(who)
        patch = {**tus, "upload-offset": "0", "content-type": "application/offset+octet-stream"}
        answers = [
            client.post("/v1/uploads", headers=begin),
            client.patch(place, headers=patch, content=b"PK\x03\x04" * 25),
            client.delete(place, headers=tus),
            client.post(f"{place}/unpack"),
            client.post("/v1/imports/preview", content=broken, headers={"content-type": "application/json"}),
            client.post("/create_data", content=broken, headers={"content-type": "application/json"}),
        ]
        counts.update(int(answer.status_code) for answer in answers)
        assert {answer.status_code for answer in answers} == ({403} if who else {401})
    assert counts == {401: 6, 403: 12}
    assert engineer.head(place, headers=tus).headers["upload-offset"] == "0"
