"""S04: every route with every method, for each role by session and by token, and for nobody. Counts are printed by -s."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from roadloop.accounts import service
from roadloop.server import FILES, every_route, refuse_undeclared
from roadloop.storage.platform import Platform
from roadloop.web.admission import declared
from roadloop.web.rights import HOLDERS, RIGHTS, ROLES, Right
from signed_in import Team, make, make_each, token_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
#: Roles of the issue and what each may, said once more and by hand.
MAY = {
    "viewer": {"open", "self", "package", "see"},
    "annotator": {"open", "self", "package"},
    "engineer": {"open", "self", "package", "see", "work"},
    "admin": {"open", "self", "package", "see", "work", "rule"},
}
#: What only admins may, and what is open; a new route of either kind is a decision, and stands here.
RULE = {
    ("GET", "/v1/audit"), ("GET", "/v1/audit/table"), ("GET", "/v1/audit/verify"), ("POST", "/v1/accounts"),
    ("POST", "/v1/accounts/change"), ("POST", "/v1/networks"), ("POST", "/v1/trash/{id}/purge"),
}  # fmt: skip
OPEN = {
    ("GET", "/v1/me"),
    ("POST", "/v1/log_in"),
    ("POST", "/v1/sign_on"),
    ("POST", "/v1/sign_on/begin"),
    ("POST", "/v1/accounts/first"),
    ("GET", "/v1/health"),
    ("GET", "/v1/ready"),
}
STREAMS = {"/v1/events"}
#: What refusals below /api are called, where the status is 200 for all: the client there reads no other.
CALLED = {"log_in_needed": 401, "access_refused": 403}


def endpoints(app: FastAPI) -> Iterator[tuple[str, str, Right]]:
    for path, methods, endpoint in every_route(app):
        right = declared(endpoint)
        for method in sorted(methods if right else ()):
            assert right is not None
            yield method, path, right


def filled(path: str) -> str:
    """A path with something in the place of its parameters; package 7 is not given to anybody."""
    return re.sub(
        r"\{(\w+)(:path)?\}", lambda m: {"n": "7", "token": "999", "index": "0", "number": "0"}.get(m[1], "x"), path
    )


def status(answer: httpx.Response, path: str) -> int:
    """The status of an answer, or what it stands for."""
    if path.startswith("/api/") and answer.status_code == 200:
        if answer.request.method == "HEAD":
            return 401 if "www-authenticate" in answer.headers else 200
        return CALLED.get(str(answer.json().get("error")), 200)
    return answer.status_code


@pytest.fixture
def team(platform: Platform) -> Team:
    make_each(platform)
    return Team(platform)


def test_holders__are_as_they_are_said() -> None:
    assert {role: {right for right in RIGHTS if role in HOLDERS[right]} for role in ROLES} == MAY


def test_routes__each_declares_a_right_and_what_is_open_or_for_admins_is_known(team: Team) -> None:
    found = list(endpoints(team.app))
    assert len(found) > 120
    assert {(method, path) for method, path, right in found if right == "rule"} == RULE
    assert {(method, path) for method, path, right in found if right == "open"} == OPEN
    lists = {"/v1/packages", "/api/label_tasks", "/api/label_status"}  # of the packages that are theirs
    assert {path for _, path, right in found if right == "package" and "{n}" not in path} == lists


def test_start__a_route_that_declares_no_right_is_refused(team: Team) -> None:
    @team.app.get("/v1/forgotten")
    def forgotten() -> dict[str, Any]:
        return {}

    with pytest.raises(RuntimeError, match="/v1/forgotten"):
        refuse_undeclared(team.app)


def test_nobody__is_refused_by_every_route_with_every_method(team: Team) -> None:
    client, counts = team.browser(), Counter[str]()
    rights = {(method, path): right for method, path, right in endpoints(team.app)}
    for path in sorted({path for path, _, _ in every_route(team.app)} - FILES):
        for method in METHODS:
            answer = client.request(method, filled(path))
            right = rights.get((method.replace("HEAD", "GET"), path))
            if right is None:
                # 401: another path, with a name in that place, takes the method
                assert answer.status_code in {401, 405}, (method, path, answer.status_code)
            elif right != "open":
                assert status(answer, path) == 401, (method, path, answer.text)
                assert answer.headers["www-authenticate"].startswith("Bearer")
            else:
                assert answer.status_code in {200, 403, 409, 422}, (method, path)
            counts[str(int(answer.status_code))] += 1
    print(f"\nnobody: {sum(counts.values())} requests, {dict(counts)}")


@pytest.mark.parametrize("how", ["session", "token"])
@pytest.mark.parametrize("role", ["viewer", "annotator", "engineer", "admin"])
def test_roles__each_is_refused_what_it_may_not_and_nothing_else(team: Team, role: Any, how: str) -> None:
    client = team.browser(role) if how == "session" else team.program(token_of(team.platform, "admin", role))
    counts = Counter[str]()
    for method, path, right in endpoints(team.app):
        if (path in STREAMS and right in MAY[role]) or path == "/v1/log_out":
            continue
        answer = client.request(method, filled(path))
        refused = status(answer, path) == 403 and "right" in answer.json()["message"]
        if right not in MAY[role]:
            assert refused, (method, path, answer.status_code, answer.text)
        elif right == "package" and "{n}" in path and role == "annotator":
            assert answer.status_code == 403, (method, path, answer.text)
            assert "not given" in answer.json()["message"]
        else:
            assert not refused, (method, path, answer.text)
            assert answer.status_code not in {401, 500}, (method, path, answer.text)
        counts[f"{right} {'refused' if refused else 'let in'}"] += 1
    print(f"\n{role} by {how}: {sum(counts.values())} requests, {dict(sorted(counts.items()))}")


def test_scope__a_token_has_no_right_that_its_owner_has_lost(team: Team) -> None:
    make(team.platform, "li", "engineer")
    client = team.program(token_of(team.platform, "li", "engineer"))
    assert client.post("/create_data", json={}).status_code == 422
    team.platform.database.write(lambda: service.change("li", role="viewer"))
    assert client.post("/create_data", json={}).status_code == 403
    assert client.get("/v1/jobs").status_code == 200


def test_nothing__of_the_page_s_files_needs_a_log_in(team: Team) -> None:
    client: TestClient = team.browser()
    for path in ("/", "/docs", "/openapi.json", "/static/icon.svg"):
        assert client.get(path).status_code == 200
