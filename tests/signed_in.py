"""People with accounts, for tests: made in the rows, logged in over HTTP as a browser is, or calling with a token."""

from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from roadloop.accounts import passwords, service
from roadloop.server import create_app
from roadloop.storage.platform import Platform
from roadloop.web.rights import Role

HOST = "127.0.0.1:8600"
URL = f"http://{HOST}"
#: What a page of the server sends with each request that writes.
PAGE = {"origin": URL, "accept-language": "en"}
PASSWORD = "ein langer Satz aus Wörtern"
#: A password costs a tenth of a second each time, and most tests' people have the same.
hashed_once = cache(passwords.hashed)


def make(platform: Platform, name: str, role: Role, password: str = PASSWORD) -> None:
    """An account."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "hashed", hashed_once)
        platform.database.write(lambda: service.add(name, role, password))


def make_each(platform: Platform) -> None:
    """An account of each role, named after it."""
    for role in ("admin", "engineer", "annotator", "viewer"):
        make(platform, role, role)


def token_of(platform: Platform, owner: str, scope: Role, days: int = 1) -> str:
    """A token of somebody's."""
    with platform.database.transaction() as db:
        return service.add_token(db, owner, "program", scope, days)


class Team:
    """The application in this process, and a client for each person.

    Args:
        platform: The installation.
    """

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.app: FastAPI = create_app(platform, 8600)

    def browser(self, name: str = "", password: str = PASSWORD) -> TestClient:
        """A browser, logged in where a name is given."""
        client = TestClient(self.app, base_url=URL, headers=PAGE)
        if name:
            answer = client.post("/v1/log_in", json={"name": name, "password": password})
            assert answer.status_code == 200, answer.text
        return client

    def program(self, token: str) -> TestClient:
        """A program with a token."""
        return TestClient(self.app, base_url=URL, headers={"authorization": f"Bearer {token}", "accept-language": "en"})


def audit(platform: Platform, *names: str) -> list[tuple[Any, ...]]:
    """The record, the oldest line first: some columns of each."""
    from roadloop.audit import record  # noqa: PLC0415

    with platform.database.reading() as db:
        return [tuple(line[name] for name in names) for line in reversed(list(record.lines(db)))]
