"""Who may talk to the server: hosts, origins, and the pages of configured origins below /api."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from roadloop.errors import InvalidValueError
from roadloop.web.access import Access, origins_of
from roadloop.web.admission import visit_of

FRONT, SAME_HOST = "http://front.example:8080", "http://10.0.0.5:8080"
HOST = "10.0.0.5:9000"
ALLOWED = "access-control-allow-origin"


def ours(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(visit_of(request).ours))


@pytest.fixture
def client() -> TestClient:
    app = Starlette(routes=[Route(path, ours, methods=["GET", "POST"]) for path in ("/data", "/api/data", "/apis")])
    app.add_middleware(Access, hosts=frozenset({HOST}), clients=origins_of([FRONT, SAME_HOST]))
    return TestClient(app, base_url=f"http://{HOST}")


def preflight(client: TestClient, path: str, origin: str) -> tuple[int, str | None]:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    answer = client.options(path, headers=asked)
    return answer.status_code, answer.headers.get(ALLOWED)


def test_preflight__of_a_configured_origin_below_api(client: TestClient) -> None:
    assert preflight(client, "/api/data", FRONT) == (204, FRONT)
    answer = client.options("/api/data", headers={"origin": FRONT, "access-control-request-method": "POST"})
    assert "content-type" in answer.headers["access-control-allow-headers"]
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize("path", ["/data", "/apis", "/"])
def test_origins__open_nothing_besides_api(client: TestClient, path: str) -> None:
    assert preflight(client, path, FRONT) == (403, None)
    answer = client.post(path, headers={"origin": FRONT})
    assert (answer.status_code, answer.headers.get(ALLOWED)) == (403, None)


@pytest.mark.parametrize(
    "origin",
    [
        "http://front.example", "https://front.example:8080", "http://front.example:80800", "http://front.example:8080.evil.com",
        "http://evil.front.example:8080", "null", "*", "http://front.example:8080/", "file://",
    ],
)  # fmt: skip
def test_origins__are_exact(client: TestClient, origin: str) -> None:
    assert preflight(client, "/api/data", origin) == (403, None)
    assert client.post("/api/data", headers={"origin": origin}).status_code == 403


def test_answers__name_the_origin_that_asked_and_never_all(client: TestClient) -> None:
    answer = client.post("/api/data", headers={"origin": FRONT})
    assert (answer.status_code, answer.headers[ALLOWED]) == (200, FRONT)
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.text == "False"  # a session's cookie writes nothing from there
    assert "origin" in client.get("/api/data").headers["vary"]  # caches keep them apart


def test_cookies__are_for_an_origin_on_the_same_host(client: TestClient) -> None:
    answer = client.post("/api/data", headers={"origin": SAME_HOST})
    assert (answer.headers[ALLOWED], answer.headers["access-control-allow-credentials"]) == (SAME_HOST, "true")
    assert answer.text == "True"


def test_hosts__are_exact_for_configured_origins_too(client: TestClient) -> None:
    assert client.post("/api/data", headers={"origin": FRONT, "host": "evil.example"}).status_code == 403


def test_nothing_configured__every_other_origin_is_refused() -> None:
    app = Starlette(routes=[Route("/api/data", ours)])
    app.add_middleware(Access, hosts=frozenset({HOST}))
    client = TestClient(app, base_url=f"http://{HOST}")
    assert preflight(client, "/api/data", FRONT) == (403, None)
    assert client.get("/api/data", headers={"origin": FRONT}).status_code == 403
    assert "vary" not in client.get("/api/data").headers


@pytest.mark.parametrize(
    "said", ["*", "null", "", "front.example", "http://front.example/old", "http://*.example", "ftp://a"]
)
def test_setting__what_is_no_origin_is_refused_at_the_start(said: str) -> None:
    with pytest.raises(InvalidValueError, match="client_origins"):
        origins_of([said])


def test_setting__a_usual_port_is_left_out_as_browsers_do() -> None:
    said = ["HTTP://Front.example:80", "https://front.example:443", "http://front.example:443"]
    assert origins_of(said) == {"http://front.example", "https://front.example", "http://front.example:443"}
